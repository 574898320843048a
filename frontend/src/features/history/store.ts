import { createStore, del, entries, get, set } from "idb-keyval";
import type { Job } from "../../api/client";
import { isFinal } from "../../api/events";
import type { Problem } from "../../api/problems";
import { Failure, ownProblem } from "../../api/problems";
import type { Options, Task } from "../../studio/studio";

/** One picture that a job made. */
export interface Made {
  seed: number;
  blob: Blob;
}

/** One job of this browser, with its pictures; what the history shows. */
export interface Entry {
  id: string;
  task: Task;
  batch: string | null;
  created: number;
  state: Job["state"];
  options: Options;
  /** The photo of the person, and the garment or the pose; unknown for a job that another browser began. */
  person: Blob | null;
  second: Blob | null;
  mask: Blob | null;
  model: string;
  demonstration: boolean;
  findings: Job["findings"];
  made: Made[];
  problem: Problem | null;
}

/** More than this and the oldest go: pictures take room. */
export const MOST_ENTRIES = 60;

const store = createStore("leffa-history", "jobs");

/** Every entry, newest first. */
export async function readEntries(): Promise<Entry[]> {
  const all = (await entries<string, Entry>(store)).map(([, entry]) => entry);
  return all.sort((one, other) => other.created - one.created);
}

/** Adds entries, and lets the oldest ones go that are too many or for which there is no room. Throws a Failure. */
export async function addEntries(added: Entry[]): Promise<void> {
  for (const entry of added) await makeRoom(() => set(entry.id, entry, store));
  const surplus = (await readEntries()).slice(MOST_ENTRIES);
  for (const entry of surplus) await del(entry.id, store);
}

/** Writes; where there is no room, the oldest finished entries go until there is. */
async function makeRoom(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const full = error instanceof DOMException && error.name === "QuotaExceededError";
    if (!full) throw new Failure({ ...ownProblem("storage_unavailable"), detail: String(error) });
    const oldest = (await readEntries().catch(() => [])).filter(isFinal).at(-1);
    if (!oldest) throw new Failure(ownProblem("storage_unavailable"));
    await del(oldest.id, store);
    await makeRoom(write);
  }
}

/** Changes an entry that is still there. */
export async function changeEntry(id: string, change: Partial<Entry>): Promise<void> {
  const entry = await get<Entry>(id, store);
  if (entry) await makeRoom(() => set(id, { ...entry, ...change }, store));
}

export const removeEntry = (id: string): Promise<void> => del(id, store);
