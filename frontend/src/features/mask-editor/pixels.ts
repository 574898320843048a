const HALF = 128;
const COLOUR = [255, 77, 46] as const;

function canvasOf(width: number, height: number): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  return [canvas, context];
}

/** A black and white picture as a layer: opaque where it is white. */
export async function toLayer(blob: Blob): Promise<HTMLCanvasElement> {
  const bitmap = await createImageBitmap(blob);
  const [canvas, context] = canvasOf(bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < image.data.length; at += 4) {
    const alpha = (image.data[at] ?? 0) < HALF ? 0 : 255;
    image.data.set([...COLOUR, alpha], at);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A layer as the API takes masks: a PNG, white where it is repainted. */
export function toMask(layer: HTMLCanvasElement): Promise<Blob> {
  const [canvas, context] = canvasOf(layer.width, layer.height);
  context.drawImage(layer, 0, 0);
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < image.data.length; at += 4) {
    const value = (image.data[at + 3] ?? 0) < HALF ? 0 : 255;
    image.data.set([value, value, value, 255], at);
  }
  context.putImageData(image, 0, 0);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png"),
  );
}
