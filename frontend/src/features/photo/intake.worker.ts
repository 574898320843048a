import type { Taken } from "./intake";
import { plan } from "./intake";

/** Reads a picture upright, shrinks or converts it where needed. Throws where it cannot be read. */
async function takeIn(file: Blob): Promise<Taken> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    const { width, height, type } = plan(bitmap.width, bitmap.height, file.type);
    if (width === bitmap.width && type === file.type) return { blob: file, width, height };
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, width, height);
    return { blob: await canvas.convertToBlob({ type, quality: 0.93 }), width, height };
  } finally {
    bitmap.close();
  }
}

// One at a time: a photo of a phone takes 200 MB while it is read.
let before: Promise<unknown> = Promise.resolve();

/** Answers with the picture, or with `null`. */
self.onmessage = ({ data: { id, file } }: MessageEvent<{ id: number; file: Blob }>) => {
  before = before
    .then(() => takeIn(file))
    .catch(() => null)
    .then((taken) => self.postMessage({ id, taken }));
};
