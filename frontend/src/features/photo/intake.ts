import { randomWord } from "../../api/identity";
import { Failure, ownProblem } from "../../api/problems";
import type { Photo } from "../../studio/studio";

/** A picture as it will be uploaded. */
export interface Taken {
  blob: Blob;
  width: number;
  height: number;
}

/** The models see far less than this; more only makes uploads slow. */
export const LONGEST_SIDE = 2048;
/** The service refuses smaller ones. */
const SHORTEST_SIDE = 32;
const READABLE = new Set(["image/jpeg", "image/png", "image/webp"]);

/** The size and the type in which a picture goes out: as it is, unless it is huge or of an unread format. */
export function plan(
  width: number,
  height: number,
  type: string,
): { width: number; height: number; type: string } {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
    type: READABLE.has(type) ? type : "image/png",
  };
}

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, (taken: Taken | null) => void>();

function inWorker(file: Blob): Promise<Taken | null> {
  if (!worker) {
    worker = new Worker(new URL("./intake.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (event: MessageEvent<{ id: number; taken: Taken | null }>) => {
      waiting.get(event.data.id)?.(event.data.taken);
      waiting.delete(event.data.id);
    };
    worker.onerror = () => {
      worker = undefined; // the next picture gets a new one
      for (const resolve of waiting.values()) resolve(null);
      waiting.clear();
    };
  }
  last += 1;
  const id = last;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    worker?.postMessage({ id, file });
  });
}

/** Takes a file in, off the main thread. Throws a Failure with the API's own codes where it cannot be used. */
export async function takeIn(file: File, field: string): Promise<Photo> {
  if (file.size === 0) throw new Failure(ownProblem("empty_file", field));
  const taken = await inWorker(file);
  if (!taken) throw new Failure(ownProblem("not_an_image", field));
  if (Math.min(taken.width, taken.height) < SHORTEST_SIDE)
    throw new Failure(ownProblem("image_too_small", field));
  return { id: randomWord(), name: file.name || "picture", ...taken };
}

/** An example of the shelf, as if the user had chosen the file. */
export async function takeExample(url: string, field: string): Promise<Photo> {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new Failure(ownProblem("service_unreachable"));
  const name = url.split("/").at(-1) ?? "example";
  return takeIn(new File([await response.blob()], name, { type: "image/webp" }), field);
}
