/** One thing done to a mask. A layer is a canvas that is opaque where it marks. */
export type Stroke =
  | { kind: "line"; points: [number, number][]; width: number; erase: boolean }
  | { kind: "layer"; layer: CanvasImageSource; erase: boolean }
  | { kind: "replace"; layer: CanvasImageSource }
  | { kind: "invert" };

/** The colour in which the mask lies over the photo; the canvas's own opacity lets the photo through. */
const COLOUR = "#ff4d2e";

/** Draws a stroke on a mask's canvas: opaque is repainted. */
export function draw(context: CanvasRenderingContext2D, stroke: Stroke): void {
  const { width, height } = context.canvas;
  context.save();
  switch (stroke.kind) {
    case "line":
      context.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
      drawLine(context, stroke.points, stroke.width);
      break;
    case "layer":
      context.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
      context.drawImage(stroke.layer, 0, 0, width, height);
      break;
    case "replace":
      context.clearRect(0, 0, width, height);
      context.drawImage(stroke.layer, 0, 0, width, height);
      break;
    case "invert":
      context.globalCompositeOperation = "source-out";
      context.fillStyle = COLOUR;
      context.fillRect(0, 0, width, height);
  }
  context.restore();
}

function drawLine(context: CanvasRenderingContext2D, points: [number, number][], width: number): void {
  const [first, ...others] = points;
  if (!first) return;
  context.strokeStyle = COLOUR;
  context.lineWidth = width;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  context.moveTo(...first);
  // A line to its own beginning is a dot.
  for (const point of others.length > 0 ? others : [first]) context.lineTo(...point);
  context.stroke();
}

/** Draws everything from the beginning. */
export function redraw(context: CanvasRenderingContext2D, strokes: readonly Stroke[]): void {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  for (const stroke of strokes) draw(context, stroke);
}
