import { expect, test } from "vitest";
import type { Model } from "../../api/client";
import { DEFAULTS } from "../../studio/studio";
import { defaultOf, fitting, inForce, limitsOf } from "./useModels";

const model = (id: string, change: Partial<Model>): Model =>
  ({
    id,
    task: "tryon",
    present: true,
    refused: false,
    state: "waiting",
    first_choice_for: [],
    default: false,
    ...change,
  }) as Model;
const models = [
  model("big", { present: false }),
  model("mini", { default: true, first_choice_for: ["upper_body"] }),
  model("dress", { first_choice_for: ["dresses"] }),
  model("poses", { task: "pose" }),
];

test("the model is the service's own choice until another is chosen", () => {
  expect(inForce(models, "tryon", DEFAULTS)?.id).toBe("mini");
  expect(inForce(models, "tryon", { ...DEFAULTS, garmentType: "dresses" })?.id).toBe("dress");
  expect(inForce(models, "tryon", { ...DEFAULTS, model: "dress" })?.id).toBe("dress");
  expect(inForce(models, "pose", DEFAULTS)?.id).toBe("poses");
});

test("a model that is not there is never in force, and is not asked for", () => {
  expect(inForce(models, "tryon", { ...DEFAULTS, model: "big" })?.id).toBe("mini");
  expect(fitting(models, "tryon", { ...DEFAULTS, model: "big" }).model).toBe("");
});

test("the model that was chosen for one task is not asked for another", () => {
  const options = { ...DEFAULTS, model: "dress" };
  expect(fitting(models, "tryon", options).model).toBe("dress");
  expect(fitting(models, "pose", options).model).toBe("");
});

test("limits and defaults come from the model", () => {
  const limited = model("m", {
    limits: { inference_steps: { minimum: 1, maximum: 100 } },
    defaults: { inference_steps: 8 },
  });
  expect(limitsOf(limited, "inference_steps")).toEqual({ min: 1, max: 100 });
  expect(defaultOf(limited, "inference_steps")).toBe(8);
  expect(limitsOf(limited, "repaint")).toBeUndefined();
});
