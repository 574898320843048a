import { useCallback, useReducer } from "react";
import type { Stroke } from "./strokes";

/** What was done, and what was taken back. */
export interface Strokes {
  done: Stroke[];
  undone: Stroke[];
}

export type StrokeAction = { type: "add"; stroke: Stroke } | { type: "undo" } | { type: "redo" };

export function reduceStrokes({ done, undone }: Strokes, action: StrokeAction): Strokes {
  if (action.type === "add") return { done: [...done, action.stroke], undone: [] };
  const from = action.type === "undo" ? done : undone;
  const stroke = from.at(-1);
  if (!stroke) return { done, undone };
  return action.type === "undo"
    ? { done: done.slice(0, -1), undone: [...undone, stroke] }
    : { done: [...done, stroke], undone: undone.slice(0, -1) };
}

/** The strokes of a mask, with a way back and forth. */
export function useStrokes() {
  const [strokes, dispatch] = useReducer(reduceStrokes, { done: [], undone: [] });
  return {
    ...strokes,
    add: useCallback((stroke: Stroke) => dispatch({ type: "add", stroke }), []),
    undo: useCallback(() => dispatch({ type: "undo" }), []),
    redo: useCallback(() => dispatch({ type: "redo" }), []),
  };
}
