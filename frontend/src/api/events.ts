import type { Job } from "./client";
import { API } from "./client";
import type { components } from "./schema.gen";

export type Progress = components["schemas"]["ProgressOut"] & { preview?: string | null };

export interface Listener {
  state(job: Job): void;
  queue(place: { position: number; seconds_left: number | null }): void;
  progress(progress: Progress): void;
  connected(yes: boolean): void;
}

const REOPEN_MS = 1500;
const FINAL = new Set(["succeeded", "failed", "cancelled"]);

export const isFinal = (job: Pick<Job, "state">): boolean => FINAL.has(job.state);

/**
 * Follows a job's events until its end; returns a function that stops. The browser resumes a dropped line by
 * itself; a line that was refused, as while the service restarts, is opened anew.
 */
export function follow(id: string, listener: Listener): () => void {
  let source: EventSource;
  let timer: number | undefined;

  const open = () => {
    source = new EventSource(`${API}/jobs/${id}/events`);
    const on = <T>(name: string, handle: (data: T) => void) =>
      source.addEventListener(name, (event) => handle(JSON.parse(event.data) as T));
    source.onopen = () => listener.connected(true);
    source.onerror = () => {
      listener.connected(false);
      if (source.readyState === EventSource.CLOSED) timer = window.setTimeout(open, REOPEN_MS);
    };
    on<Job>("state", (job) => {
      if (isFinal(job)) source.close();
      listener.state(job);
    });
    on<{ position: number; seconds_left: number | null }>("queue", listener.queue);
    on<Progress>("progress", listener.progress);
  };

  open();
  return () => {
    window.clearTimeout(timer);
    source.close();
  };
}
