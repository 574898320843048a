/** A place in a picture, 0 to 1 from left and from top. */
export interface Place {
  x: number;
  y: number;
}

/** The flow picture's pixels: red is x, green is y in the garment picture; blue marks what comes from it. */
export interface Flow {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

const KNOWN = 128;

/** Where in the garment picture a place of the result comes from; `null` where it comes from elsewhere. */
export function origin({ width, height, data }: Flow, { x, y }: Place): Place | null {
  const column = Math.min(width - 1, Math.floor(x * width));
  const row = Math.min(height - 1, Math.floor(y * height));
  const at = (row * width + column) * 4;
  const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3);
  return blue < KNOWN ? null : { x: red / 255, y: green / 255 };
}

/** Reads a flow picture's pixels. */
export async function readFlow(blob: Blob): Promise<Flow> {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
