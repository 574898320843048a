import { useEffect } from "react";
import { readJob } from "../../api/jobs";
import { isMissing, missing } from "../../api/problems";
import { useAddress } from "../../studio/address";
import type { Task } from "../../studio/studio";
import { DEFAULTS } from "../../studio/studio";
import type { Entry } from "../history/store";
import { addEntries } from "../history/store";
import { useHistory, useHistoryChanged } from "../history/useHistory";

/** Takes a job into the history whose address came from somewhere else; its inputs stay unknown. */
async function adopt(id: string): Promise<void> {
  const job = await readJob(id);
  if (job.task !== "tryon" && job.task !== "pose") throw missing();
  const created = Date.parse(job.created ?? "") || Date.now();
  const unknown = {
    options: DEFAULTS,
    person: null,
    second: null,
    mask: null,
    findings: [],
    made: [],
    problem: null,
  };
  const { task, model, demonstration } = job;
  await addEntries([{ id, task, batch: null, created, state: "queued", model, demonstration, ...unknown }]);
}

/** The job of the address, if it is of this task, and the others that were handed in with it. */
export function useCurrent(task: Task): { entry: Entry | null; mates: Entry[] } {
  const [{ job }, go] = useAddress();
  const { data: history } = useHistory();
  const changed = useHistoryChanged();
  const found = history?.find(({ id }) => id === job);
  const stranger = history && job && !found ? job : null;

  useEffect(() => {
    if (!stranger) return;
    adopt(stranger).then(changed, (error: unknown) => {
      if (isMissing(error)) go({ job: null }, "instead");
    });
  }, [stranger, changed, go]);

  const entry = found?.task === task ? found : null;
  const mates = entry?.batch ? (history ?? []).filter(({ batch }) => batch === entry.batch) : [];
  return { entry, mates };
}
