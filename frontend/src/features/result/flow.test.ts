import { expect, test } from "vitest";
import { origin } from "./flow";

// Two pixels: the left one from the garment's right edge and middle, the right one from elsewhere.
const flow = { width: 2, height: 1, data: new Uint8ClampedArray([255, 128, 255, 255, 9, 9, 0, 255]) };

test("red is the place across the garment, green the place down", () => {
  expect(origin(flow, { x: 0.1, y: 0.5 })).toEqual({ x: 1, y: 128 / 255 });
});

test("a pixel without blue is not from the garment", () => {
  expect(origin(flow, { x: 0.9, y: 0.5 })).toBeNull();
});

test("the very edge belongs to the last pixel", () => {
  expect(origin(flow, { x: 1, y: 1 })).toBeNull();
});
