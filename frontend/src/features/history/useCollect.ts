import type { QueryClient } from "@tanstack/react-query";
import { useQueries, useQueryClient } from "@tanstack/react-query";
import type { Job } from "../../api/client";
import { picture } from "../../api/client";
import { isFinal } from "../../api/events";
import { jobKey, readJob } from "../../api/jobs";
import { isMissing, ownProblem } from "../../api/problems";
import type { Entry } from "./store";
import { changeEntry } from "./store";
import { useHistory, useHistoryChanged } from "./useHistory";

const POLL_MS = 2000;

async function collect(id: string, job: Job): Promise<void> {
  const made = await Promise.all(
    job.images.map(async ({ seed, links }) => ({ seed, blob: await picture(links.image ?? "") })),
  );
  await changeEntry(id, {
    state: job.state,
    model: job.model,
    demonstration: job.demonstration,
    findings: job.findings,
    problem: job.error ?? null,
    made,
  });
}

/** Reads the state of a job and brings its pictures home once it is over. Throws a Failure, and is then asked again. */
async function look(entry: Entry, queries: QueryClient, changed: () => Promise<void>): Promise<Job | null> {
  const job = await readJob(entry.id).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (job && !isFinal(job)) return job;
  queries.setQueryData(jobKey(entry.id), job); // at once: to cancel it now would delete it
  if (job) await collect(entry.id, job);
  else await changeEntry(entry.id, { state: "failed", problem: ownProblem("job_not_found") });
  await changed();
  return job;
}

/** Brings home the pictures of this browser's jobs as they finish, whichever view is open. */
export function useCollect(): void {
  const { data: history = [] } = useHistory();
  const changed = useHistoryChanged();
  const queries = useQueryClient();
  useQueries({
    queries: history
      .filter((entry) => !isFinal(entry))
      .map((entry) => ({
        queryKey: jobKey(entry.id),
        queryFn: () => look(entry, queries, changed),
        refetchInterval: POLL_MS,
      })),
  });
}
