import { expect, test } from "vitest";
import type { Photo, Studio } from "../studio/studio";
import { DEFAULTS, EMPTY } from "../studio/studio";
import { toForm } from "./jobs";

const photo = (name: string): Photo => ({ id: name, name, blob: new Blob([name]), width: 3, height: 4 });
const studio: Studio = { ...EMPTY, person: photo("person.jpg"), garments: [photo("a.png"), photo("b.png")] };
const names = (form: FormData) => [...form.keys()];

test("what was not set is left to the model", () => {
  const form = toForm(studio, "tryon");
  expect(names(form)).not.toContain("inference_steps");
  expect(names(form)).not.toContain("model");
  expect(form.get("seed")).toBe("random");
});

test("what was set is sent", () => {
  const options = { ...DEFAULTS, steps: 30, seed: 0, protect: ["hands", "face"], repaint: true };
  const form = toForm({ ...studio, options }, "tryon");
  expect(form.get("inference_steps")).toBe("30");
  expect(form.get("seed")).toBe("0");
  expect(form.get("protect")).toBe("hands,face");
  expect(form.get("repaint")).toBe("true");
});

test("every garment goes with the one person", () => {
  const form = toForm(studio, "tryon");
  expect(form.getAll("human_image")).toHaveLength(1);
  expect(form.getAll("garment_image")).toHaveLength(2);
});

test("a pose transfer sends a pose and nothing of garments", () => {
  const form = toForm({ ...studio, pose: photo("pose.jpg"), mask: new Blob() }, "pose");
  expect(form.get("pose_image")).toBeInstanceOf(File);
  expect(names(form)).not.toContain("garment_type");
  expect(names(form)).not.toContain("mask_image");
});
