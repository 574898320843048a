import { expect, test } from "vitest";
import { Failure, ownProblem, remedy, toFailure, unreachable } from "./problems";

const answer = (body: string, status: number, headers = {}) => new Response(body, { status, headers });

test.each([
  ["no_person", undefined, "person"],
  ["no_garment", undefined, "garment"],
  ["not_an_image", "garment_image", "garment"],
  ["not_an_image", "pose_image", "pose"],
  ["empty_mask", "mask_image", "mask"],
  ["parameter_out_of_range", "guidance_scale", "options"],
  ["queue_full", undefined, "wait"],
  ["out_of_memory", undefined, "retry"],
])("%s at %s is mended by: %s", (code, field, expected) => {
  expect(remedy(ownProblem(code, field))).toBe(expected);
});

test("an answer that asks to wait says for how long", async () => {
  const failure = await toFailure(answer('{"code":"queue_full","status":503}', 503, { "retry-after": "12" }));
  expect(failure.problem.code).toBe("queue_full");
  expect(failure.retryAfter).toBe(12);
});

test("an error page of something in between is named by its status", async () => {
  expect((await toFailure(answer("<html>", 413))).problem.code).toBe("image_too_large");
  expect((await toFailure(answer("<html>", 502))).problem.code).toBe("service_unreachable");
});

test("a failure stays the failure that it is", () => {
  const failure = new Failure(ownProblem("no_person"));
  expect(unreachable(failure)).toBe(failure);
});
