import type { Taken } from "./intake";
import { plan } from "./intake";

/** Reads a picture upright, shrinks or converts it where needed, and answers with it or with `null`. */
async function takeIn(file: Blob): Promise<Taken | null> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!bitmap) return null;
  const { width, height, type } = plan(bitmap.width, bitmap.height, file.type);
  if (width === bitmap.width && type === file.type) return { blob: file, width, height };
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return { blob: await canvas.convertToBlob({ type, quality: 0.93 }), width, height };
}

self.onmessage = async (event: MessageEvent<{ id: number; file: Blob }>) => {
  self.postMessage({ id: event.data.id, taken: await takeIn(event.data.file) });
};
