import { expect, test } from "vitest";
import { parseAddress } from "./address";
import type { Photo } from "./studio";
import { EMPTY, isReady, MOST_GARMENTS, reduce } from "./studio";

const photo = (id: string): Photo => ({ id, name: id, blob: new Blob(), width: 3, height: 4 });
const masked = { ...EMPTY, person: photo("p"), mask: new Blob() };

test("an edited mask goes with its photo and with its garment type", () => {
  expect(reduce(masked, { type: "person", photo: photo("q") }).mask).toBeNull();
  expect(reduce(masked, { type: "options", change: { garmentType: "dresses" } }).mask).toBeNull();
  expect(reduce(masked, { type: "options", change: { steps: 9 } }).mask).toBe(masked.mask);
});

test("a garment replaces the one before, and joins it when asked to", () => {
  const one = reduce(EMPTY, { type: "garments", photos: [photo("a")] });
  expect(reduce(one, { type: "garments", photos: [photo("b")] }).garments.map(({ id }) => id)).toEqual(["b"]);
  const both = reduce(one, { type: "garments", photos: [photo("b")], keep: "all" });
  expect(both.garments.map(({ id }) => id)).toEqual(["a", "b"]);
  const other = reduce(both, { type: "garments", photos: [photo("c")], keep: "others" });
  expect(other.garments.map(({ id }) => id)).toEqual(["a", "c"]);
});

test("there are never more garments than a batch takes", () => {
  const photos = Array.from({ length: 20 }, (_, index) => photo(String(index)));
  expect(reduce(EMPTY, { type: "garments", photos }).garments).toHaveLength(MOST_GARMENTS);
});

test("an example garment brings its type along", () => {
  const studio = reduce(EMPTY, { type: "garments", photos: [photo("a")], garmentType: "lower_body" });
  expect(studio.options.garmentType).toBe("lower_body");
});

test("both pictures of a task are needed", () => {
  expect(isReady(masked, "tryon")).toBe(false);
  expect(isReady({ ...masked, garments: [photo("g")] }, "tryon")).toBe(true);
  expect(isReady({ ...masked, garments: [photo("g")] }, "pose")).toBe(false);
});

test("an address that makes no sense shows the first view", () => {
  expect(parseAddress("?view=nothing")).toEqual({ view: "tryon", job: null });
  expect(parseAddress("?view=pose&job=12")).toEqual({ view: "pose", job: "12" });
});
