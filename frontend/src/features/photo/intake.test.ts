import { expect, test } from "vitest";
import { LONGEST_SIDE, plan } from "./intake";

test("a usual photo goes out as it is", () => {
  expect(plan(1200, 1600, "image/jpeg")).toEqual({ width: 1200, height: 1600, type: "image/jpeg" });
});

test("a huge photo is shrunk to the longest side, its shape kept", () => {
  expect(plan(6000, 8000, "image/webp")).toEqual({ width: 1536, height: LONGEST_SIDE, type: "image/webp" });
});

test("a very long strip keeps at least one pixel", () => {
  expect(plan(1, 9000, "image/png").width).toBe(1);
});

test("a format that the service does not read becomes a PNG", () => {
  expect(plan(100, 100, "image/avif").type).toBe("image/png");
});
