import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Job } from "../../api/client";
import type { Progress } from "../../api/events";
import { follow, isFinal } from "../../api/events";
import { apiKey } from "../../api/identity";
import { jobKey } from "../../api/jobs";

/** What is known of a running job at this moment. */
export interface Live {
  state: Job["state"];
  position: number | null;
  secondsLeft: number | null;
  progress: Progress | null;
  preview: string | null;
  connected: boolean;
}

const NOTHING: Live = {
  state: "queued",
  position: null,
  secondsLeft: null,
  progress: null,
  preview: null,
  connected: true,
};

const fromJob = (job: Job): Partial<Live> => ({
  state: job.state,
  position: job.position ?? null,
  secondsLeft: job.seconds_left ?? null,
  ...(job.progress && { progress: job.progress }),
});

/** Follows an unfinished job, through reloads and dropped lines. */
export function useJob(id: string | null): Live {
  const queries = useQueryClient();
  const [live, setLive] = useState(NOTHING);

  useEffect(() => {
    setLive(NOTHING);
    if (!id) return;
    const change = (part: Partial<Live>) => setLive((before) => ({ ...before, ...part }));
    // An EventSource cannot carry a key. The history polls every open job anyway; that has to do then.
    if (apiKey()) {
      return queries.getQueryCache().subscribe(() => {
        const known = queries.getQueryState<Job | null>(jobKey(id));
        if (known) change({ ...(known.data && fromJob(known.data)), connected: known.status !== "error" });
      });
    }
    return follow(id, {
      state: (job) => {
        change(fromJob(job));
        if (isFinal(job)) queries.invalidateQueries({ queryKey: jobKey(id) }); // which brings its pictures home
      },
      queue: ({ position, seconds_left }) => change({ position, secondsLeft: seconds_left }),
      progress: (progress) =>
        change({
          state: "running",
          position: null,
          progress,
          secondsLeft: progress.seconds_left ?? null,
          ...(progress.preview && { preview: progress.preview }),
        }),
      connected: (connected) => change({ connected }),
    });
  }, [id, queries]);

  return live;
}
