import { expect, test } from "vitest";
import type { Stroke } from "./strokes";
import { reduceStrokes } from "./useStrokes";

const invert: Stroke = { kind: "invert" };
const line: Stroke = { kind: "line", points: [[0, 0]], width: 1, erase: false };
const two = { done: [invert, line], undone: [] };

test("undo and redo are each other's way back", () => {
  const undone = reduceStrokes(two, { type: "undo" });
  expect(undone).toEqual({ done: [invert], undone: [line] });
  expect(reduceStrokes(undone, { type: "redo" })).toEqual(two);
});

test("a new stroke ends what could be redone", () => {
  const undone = reduceStrokes(two, { type: "undo" });
  expect(reduceStrokes(undone, { type: "add", stroke: invert }).undone).toEqual([]);
});

test("nothing to undo changes nothing", () => {
  expect(reduceStrokes({ done: [], undone: [] }, { type: "undo" })).toEqual({ done: [], undone: [] });
});
