import { useQuery } from "@tanstack/react-query";
import type { Model } from "../../api/client";
import { answer, client } from "../../api/client";
import type { Options, Task } from "../../studio/studio";

const RETRY_MS = 3000;

/** The models that can be asked for now; read again until the service answers. */
export const useModels = () =>
  useQuery({
    queryKey: ["models"],
    queryFn: () => answer<Model[]>(client.GET("/models")),
    staleTime: 60_000,
    refetchInterval: (query) => (query.state.data ? false : RETRY_MS),
  });

/** Models of a task that would run. */
export const usable = (models: Model[], task: Task): Model[] =>
  models.filter(
    (model) => model.task === task && model.present && !model.refused && model.state !== "failed",
  );

/** The model that will answer: the chosen one, else the one that the service would choose. */
export function inForce(models: Model[], task: Task, options: Options): Model | undefined {
  const all = usable(models, task);
  return (
    all.find((model) => model.id === options.model) ??
    all.find((model) => model.first_choice_for.includes(options.garmentType)) ??
    all.find((model) => model.default) ??
    all[0]
  );
}

/** The options as a job of this task can have them: a model that was chosen for another task, or is gone, is not. */
export function fitting(models: Model[] | undefined, task: Task, options: Options): Options {
  if (!models || usable(models, task).some(({ id }) => id === options.model)) return options;
  return { ...options, model: "" };
}

/** The least and the most that a parameter may be. */
export function limitsOf(model: Model | undefined, name: string): { min: number; max: number } | undefined {
  const limit: unknown = model?.limits[name];
  if (!limit || typeof limit !== "object" || !("minimum" in limit) || !("maximum" in limit)) return undefined;
  return { min: Number(limit.minimum), max: Number(limit.maximum) };
}

/** What a parameter is when it is left out. */
export function defaultOf(model: Model | undefined, name: string): number | undefined {
  const value: unknown = model?.defaults[name];
  return typeof value === "number" ? value : undefined;
}
