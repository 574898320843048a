import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Job } from "../../api/client";
import { dropJob, submit } from "../../api/jobs";
import type { Failure } from "../../api/problems";
import { parseAddress, useAddress } from "../../studio/address";
import type { Studio, Task } from "../../studio/studio";
import { isReady } from "../../studio/studio";
import type { Entry } from "../history/store";
import { addEntries, changeEntry } from "../history/store";
import { useHistoryChanged } from "../history/useHistory";
import { fitting, useModels } from "../options/useModels";

interface Order {
  studio: Studio;
  /** The job that the address named, beside whose result a failure of the order is shown. */
  at: string | null;
}

function toEntry(job: Job, index: number, studio: Studio, task: Task): Entry {
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

/** Hands in jobs of a task, one order at a time: remembers them in the history and goes to the first one. */
export function useRun(task: Task) {
  const changed = useHistoryChanged();
  const queries = useQueryClient();
  const { data: models } = useModels();
  const [{ job: shown }, go] = useAddress();
  const mutationKey = ["order", task];
  const { mutate, isPending, error, variables, reset } = useMutation<Job[], Failure, Order>({
    mutationKey,
    mutationFn: ({ studio }) => submit(studio, task),
    onSuccess: async (jobs, { studio }) => {
      await addEntries(jobs.map((job, index) => toEntry(job, index, studio, task)));
      await changed();
      // Who has gone elsewhere meanwhile stays there, and finds it in the history.
      if (parseAddress(window.location.search).view === task) go({ job: jobs[0]?.id ?? null });
    },
  });
  const run = (studio: Studio) => {
    if (!isReady(studio, task) || queries.isMutating({ mutationKey }) > 0) return;
    const { job: at } = parseAddress(window.location.search);
    mutate({ studio: { ...studio, options: fitting(models, task, studio.options) }, at });
  };
  return { run, isPending, error: variables?.at === shown ? error : null, reset };
}

/** Cancels a job; its state arrives by its events. One that had just finished is deleted, which is the same here. */
export function useCancel() {
  const changed = useHistoryChanged();
  return useMutation<boolean, Failure, string>({
    mutationFn: dropJob,
    onSuccess: async (deleted, id) => {
      if (!deleted) return;
      await changeEntry(id, { state: "cancelled" });
      await changed();
    },
  });
}
