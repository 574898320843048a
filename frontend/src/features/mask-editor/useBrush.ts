import type { KeyboardEvent, PointerEvent } from "react";
import { useRef, useState } from "react";
import type { Stroke } from "./strokes";
import { draw } from "./strokes";

type Point = [number, number];

const KEYS: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

interface Brush {
  /** Part of the picture's longer side. */
  size: number;
  erase: boolean;
  onStroke(stroke: Stroke): void;
}

function place(event: PointerEvent<HTMLCanvasElement>): Point {
  const { width, height } = event.currentTarget;
  const box = event.currentTarget.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * width,
    ((event.clientY - box.top) / box.height) * height,
  ];
}

const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value));

/** Paints on a canvas by pointer, or by arrow keys with the space bar as the button. */
export function useBrush({ size, erase, onStroke }: Brush) {
  const points = useRef<Point[]>([]);
  const [cursor, setCursor] = useState<Point | null>(null);
  const [down, setDown] = useState(false);
  const widthOn = ({ width, height }: HTMLCanvasElement) => size * Math.max(width, height);

  const extend = (canvas: HTMLCanvasElement, to: Point) => {
    const context = canvas.getContext("2d");
    const from = points.current.at(-1) ?? to;
    points.current.push(to);
    if (context) draw(context, { kind: "line", points: [from, to], width: widthOn(canvas), erase });
  };
  const finish = (canvas: HTMLCanvasElement) => {
    setDown(false);
    if (points.current.length === 0) return;
    onStroke({ kind: "line", points: points.current, width: widthOn(canvas), erase });
    points.current = [];
  };
  const onKeyDown = (event: KeyboardEvent<HTMLCanvasElement>) => {
    const canvas = event.currentTarget;
    const at = cursor ?? [canvas.width / 2, canvas.height / 2];
    const by = KEYS[event.key];
    if (event.key === " ") {
      event.preventDefault();
      if (down) finish(canvas);
      else {
        extend(canvas, at);
        setDown(true);
      }
      setCursor(at);
    } else if (by) {
      event.preventDefault();
      const step = widthOn(canvas) / 3;
      const to: Point = [
        clamp(at[0] + by[0] * step, canvas.width),
        clamp(at[1] + by[1] * step, canvas.height),
      ];
      setCursor(to);
      if (down) extend(canvas, to);
    }
  };
  return {
    cursor,
    handlers: {
      onPointerDown: (event: PointerEvent<HTMLCanvasElement>) => {
        if (!event.isPrimary || event.button !== 0) return; // a second finger, another button
        event.currentTarget.setPointerCapture(event.pointerId);
        points.current = [];
        setDown(true);
        extend(event.currentTarget, place(event));
      },
      onPointerMove: (event: PointerEvent<HTMLCanvasElement>) => {
        if (!event.isPrimary) return;
        setCursor(place(event));
        if (down && event.buttons > 0) extend(event.currentTarget, place(event));
      },
      onPointerUp: (event: PointerEvent<HTMLCanvasElement>) => event.isPrimary && finish(event.currentTarget),
      onPointerCancel: (event: PointerEvent<HTMLCanvasElement>) =>
        event.isPrimary && finish(event.currentTarget),
      onPointerLeave: () => !down && setCursor(null),
      onBlur: (event: React.FocusEvent<HTMLCanvasElement>) => finish(event.currentTarget),
      onKeyDown,
    },
  };
}
