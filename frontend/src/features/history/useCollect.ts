import { useQueries } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type { Job } from "../../api/client";
import { picture } from "../../api/client";
import { isFinal } from "../../api/events";
import { readJob } from "../../api/jobs";
import { asFailure } from "../../api/problems";
import type { Entry } from "./store";
import { changeEntry } from "./store";
import { useHistory, useHistoryChanged } from "./useHistory";

const POLL_MS = 2000;
const NOT_FOUND = 404;

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

/** Reads the state of a job; one that is gone counts as failed. */
async function readState(entry: Entry): Promise<Job | "gone"> {
  try {
    return await readJob(entry.id);
  } catch (error) {
    if (asFailure(error).problem.status === NOT_FOUND) return "gone";
    throw error;
  }
}

/** Brings home the pictures of this browser's jobs as they finish, whichever view is open. */
export function useCollect(): void {
  const { data: history = [] } = useHistory();
  const changed = useHistoryChanged();
  const busy = useRef(new Set<string>());
  const open = history.filter((entry) => !isFinal(entry));
  const states = useQueries({
    queries: open.map((entry) => ({
      queryKey: ["job", entry.id],
      queryFn: () => readState(entry),
      refetchInterval: POLL_MS,
    })),
  });

  useEffect(() => {
    for (const [index, entry] of open.entries()) {
      const state = states[index]?.data;
      if (!state || busy.current.has(entry.id) || (state !== "gone" && !isFinal(state))) continue;
      busy.current.add(entry.id);
      const done =
        state === "gone" ? changeEntry(entry.id, { state: "cancelled" }) : collect(entry.id, state);
      done
        .then(changed)
        .catch(() => undefined) // the next poll tries again
        .finally(() => busy.current.delete(entry.id));
    }
  }, [open, states, changed]);
}
