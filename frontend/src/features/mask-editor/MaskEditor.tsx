import type { KeyboardEvent } from "react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { picture } from "../../api/client";
import { asFailure } from "../../api/problems";
import type { Options, Photo } from "../../studio/studio";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { ProblemNote } from "../problem/ProblemNote";
import { Board } from "./Board";
import styles from "./MaskEditor.module.css";
import { toLayer, toMask } from "./pixels";
import type { Stroke } from "./strokes";
import type { LayerName } from "./Tools";
import { Tools } from "./Tools";
import { useMask } from "./useMask";
import { useStrokes } from "./useStrokes";

interface Props {
  photo: Photo;
  options: Options;
  /** The mask as it was edited before. */
  mask: Blob | null;
  onSave(mask: Blob): void;
  onClose(): void;
}

const SMALLEST = 0.01;
const LARGEST = 0.25;

/** Paints what is to be redrawn: starts from the service's mask, or from what was painted before. */
export default function MaskEditor({ photo, options, mask, onSave, onClose }: Props) {
  const { t } = useTranslation();
  const canvas = useRef<HTMLCanvasElement>(null);
  const strokes = useStrokes();
  const { add, undo, redo } = strokes;
  const [size, setSize] = useState(0.05);
  const [erase, setErase] = useState(false);
  const [base, setBase] = useState<HTMLCanvasElement | null>(null);
  const [hidden, setHidden] = useState(false);
  const { data, error } = useMask(photo, options);

  const first = mask ?? data?.automatic;
  const ready = base !== null || error !== null;

  useEffect(() => {
    if (base || !first) return;
    Promise.resolve(first instanceof Blob ? toLayer(first) : first).then(setBase);
  }, [first, base]);
  const shown = useMemo<Stroke[]>(
    () => [...(base ? [{ kind: "replace", layer: base } as const] : []), ...strokes.done],
    [base, strokes.done],
  );

  const addLayer = async (name: LayerName, takeAway: boolean) => {
    const link = data?.links[name];
    if (link) add({ kind: "layer", layer: await toLayer(await picture(link)), erase: takeAway });
  };
  const onKey = (event: KeyboardEvent) => {
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && (key === "y" || (key === "z" && event.shiftKey))) redo();
    else if (command && key === "z") undo();
    else if (key === "[") setSize(Math.max(SMALLEST, size - 0.01));
    else if (key === "]") setSize(Math.min(LARGEST, size + 0.01));
    else if (key === "e") setErase(!erase);
    else return;
    event.preventDefault();
  };
  const save = async () => {
    if (canvas.current) onSave(await toMask(canvas.current));
    onClose();
  };
  return (
    <Dialog
      title={t("mask.title")}
      wide
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t("mask.cancel")}</Button>
          <Button look="primary" icon="check" disabled={!ready} onClick={save}>
            {t("mask.save")}
          </Button>
        </>
      }
    >
      <div className={styles.editor} aria-busy={!ready}>
        <Board {...{ photo, size, erase, canvas, ready, onKey }} strokes={shown} onStroke={add} />
        <div className={styles.side}>
          <p className={styles.explain}>{t(data || error || mask ? "mask.explain" : "mask.loading")}</p>
          {error && !hidden && <ProblemNote failure={asFailure(error)} onDismiss={() => setHidden(true)} />}
          <Tools
            {...{ size, erase }}
            canUndo={strokes.done.length > 0}
            canRedo={strokes.undone.length > 0}
            layers={data !== undefined}
            onSize={setSize}
            onErase={setErase}
            onUndo={undo}
            onRedo={redo}
            onInvert={() => add({ kind: "invert" })}
            onReset={() => data && add({ kind: "replace", layer: data.automatic })}
            onLayer={addLayer}
          />
        </div>
      </div>
    </Dialog>
  );
}
