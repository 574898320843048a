import { expect, test } from "vitest";
import type { Model } from "../../api/client";
import { DEFAULTS } from "../../studio/studio";
import { defaultOf, inForce, limitsOf } from "./useModels";

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

test("a model that is not there is never in force", () => {
  expect(inForce(models, "tryon", { ...DEFAULTS, model: "big" })?.id).toBe("mini");
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
