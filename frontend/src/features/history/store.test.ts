import { expect, test } from "vitest";
import { DEFAULTS } from "../../studio/studio";
import type { Entry } from "./store";
import { addEntries, changeEntry, MOST_ENTRIES, readEntries, removeEntry } from "./store";

const entry = (id: string, created: number): Entry => ({
  id,
  created,
  task: "tryon",
  batch: null,
  state: "queued",
  options: DEFAULTS,
  person: null,
  second: null,
  mask: null,
  model: "mini",
  demonstration: true,
  findings: [],
  made: [],
  problem: null,
});

test("entries come newest first, change, and go; the oldest go by themselves", async () => {
  await addEntries([entry("a", 1), entry("b", 2)]);
  expect((await readEntries()).map(({ id }) => id)).toEqual(["b", "a"]);

  await changeEntry("a", { state: "succeeded" });
  await changeEntry("gone", { state: "succeeded" });
  expect((await readEntries()).map(({ state }) => state)).toEqual(["queued", "succeeded"]);

  await removeEntry("b");
  expect(await readEntries()).toHaveLength(1);

  await addEntries(Array.from({ length: MOST_ENTRIES }, (_, index) => entry(`n${index}`, 10 + index)));
  const kept = await readEntries();
  expect(kept).toHaveLength(MOST_ENTRIES);
  expect(kept.map(({ id }) => id)).not.toContain("a");
});
