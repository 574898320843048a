import { expect, test, vi } from "vitest";
import { Failure } from "../../api/problems";
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

const refuse = (name: string, times: number) => {
  const put = IDBObjectStore.prototype.put;
  const spy = vi.spyOn(IDBObjectStore.prototype, "put");
  for (let turn = 0; turn < times; turn += 1)
    spy.mockImplementationOnce(() => {
      throw new DOMException("", name);
    });
  spy.mockImplementation(function (this: IDBObjectStore, ...given) {
    return put.apply(this, given);
  });
  return spy;
};

test("without room the oldest finished entry goes; whatever else fails, none does", async () => {
  await addEntries([
    { ...entry("old", 1), state: "succeeded" },
    { ...entry("young", 2), state: "succeeded" },
  ]);
  const other = refuse("DataError", 1);
  await expect(addEntries([entry("new", 3)])).rejects.toThrow(Failure);
  other.mockRestore();
  expect(await readEntries()).toHaveLength(2);
  const full = refuse("QuotaExceededError", 1);
  await addEntries([entry("new", 3)]);
  full.mockRestore();
  expect((await readEntries()).map(({ id }) => id)).toEqual(["new", "young"]);
  await Promise.all(["new", "young"].map(removeEntry));
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
