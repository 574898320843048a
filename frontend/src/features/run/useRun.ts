import { useMutation } from "@tanstack/react-query";
import type { Job } from "../../api/client";
import { dropJob, submit } from "../../api/jobs";
import type { Failure } from "../../api/problems";
import { useAddress } from "../../studio/address";
import type { Studio, Task } from "../../studio/studio";
import type { Entry } from "../history/store";
import { addEntries } from "../history/store";
import { useHistoryChanged } from "../history/useHistory";

interface Order {
  studio: Studio;
  task: Task;
}

function toEntry(job: Job, index: number, { studio, task }: Order): Entry {
  const second = task === "pose" ? studio.pose : studio.garments[index];
  return {
    id: job.id,
    task,
    batch: job.batch ?? null,
    // A batch keeps its order: the first garment is the newest entry.
    created: Date.now() - index,
    state: job.state,
    options: studio.options,
    person: studio.person?.blob ?? null,
    second: second?.blob ?? null,
    mask: task === "tryon" ? studio.mask : null,
    model: job.model,
    demonstration: job.demonstration,
    findings: [],
    made: [],
    problem: null,
  };
}

/** Hands in jobs: remembers them in the history and goes to the first one. */
export function useRun() {
  const [, go] = useAddress();
  const changed = useHistoryChanged();
  return useMutation<Job[], Failure, Order>({
    mutationFn: ({ studio, task }) => submit(studio, task),
    onSuccess: async (jobs, order) => {
      await addEntries(jobs.map((job, index) => toEntry(job, index, order)));
      await changed();
      go({ view: order.task, job: jobs[0]?.id ?? null });
    },
  });
}

/** Cancels a job; its state arrives by its events. */
export const useCancel = () => useMutation<void, Failure, string>({ mutationFn: dropJob });
