import type { Studio, Task } from "../studio/studio";
import type { Batch, Job } from "./client";
import { answer, client, multipart } from "./client";
import { randomWord } from "./identity";

const DELETED = 204;
/** A job that runs ends within a step; it is deleted after that. */
const MOST_TRIES = 30;
const PAUSE_MS = 1000;

/** The fields of a job, as the API names them; what is left out takes the model's default. */
export function toForm(studio: Studio, task: Task): FormData {
  const { options, person, garments, pose, mask } = studio;
  const form = new FormData();
  const text = (name: string, value: string | number | null) => {
    if (value !== null && value !== "") form.append(name, String(value));
  };
  const file = (name: string, blob: Blob, fileName: string) => form.append(name, blob, fileName);

  if (person) file("human_image", person.blob, person.name);
  text("model", options.model);
  text("preset", options.preset);
  text("inference_steps", options.steps);
  text("guidance_scale", options.guidance);
  text("seed", options.seed ?? "random");
  text("num_images", options.count);
  text("output_format", options.format);
  if (options.refAcceleration) text("ref_acceleration", "true");
  if (task === "pose") {
    if (pose) file("pose_image", pose.blob, pose.name);
    return form;
  }
  for (const garment of garments) file("garment_image", garment.blob, garment.name);
  if (mask) file("mask_image", mask, "mask.png");
  text("garment_type", options.garmentType);
  text("sleeves", options.sleeves);
  text("length", options.length);
  text("protect", options.protect.join(","));
  if (options.repaint) text("repaint", "true");
  return form;
}

/** Hands in what the studio holds: one job, or one a garment. Throws a Failure. */
export async function submit(studio: Studio, task: Task): Promise<Job[]> {
  const form = toForm(studio, task);
  const headers = { "Idempotency-Key": randomWord() };
  if (task === "tryon" && studio.garments.length > 1) {
    const batch: Batch = await answer(client.POST("/jobs/batch", { ...multipart(form), headers }));
    return batch.jobs;
  }
  form.append("task", task);
  return [await answer<Job>(client.POST("/jobs", { ...multipart(form), headers }))];
}

/** The state of a job; throws a Failure, also where the job is gone. */
export const readJob = (id: string): Promise<Job> =>
  answer(client.GET("/jobs/{job_id}", { params: { path: { job_id: id } } }));

/** Under which the state of a job is known to the page: what is last heard of it, `null` once it is gone. */
export const jobKey = (id: string) => ["job", id] as const;

/** Cancels a job that is not finished; deletes one that is. Whether it is deleted. Throws a Failure. */
export async function dropJob(id: string): Promise<boolean> {
  const { response } = await client.DELETE("/jobs/{job_id}", { params: { path: { job_id: id } } });
  return response.status === DELETED;
}

/** Deletes a job, cancelled first where it is not finished. Throws a Failure. */
export async function deleteJob(id: string): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES && !(await dropJob(id)); tries += 1)
    await new Promise((done) => setTimeout(done, PAUSE_MS));
}
