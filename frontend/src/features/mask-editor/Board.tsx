import type { CSSProperties, KeyboardEvent } from "react";
import { useEffect, useId } from "react";
import { useTranslation } from "react-i18next";
import type { Photo } from "../../studio/studio";
import { useObjectUrl } from "../../studio/useObjectUrl";
import styles from "./MaskEditor.module.css";
import type { Stroke } from "./strokes";
import { redraw } from "./strokes";
import { useBrush } from "./useBrush";

interface Props {
  photo: Photo;
  strokes: Stroke[];
  size: number;
  erase: boolean;
  /** Whether it is known what the mask begins with; nothing can be painted before. */
  ready: boolean;
  onStroke(stroke: Stroke): void;
  onKey(event: KeyboardEvent): void;
  canvas: React.RefObject<HTMLCanvasElement | null>;
}

/** The photo with the mask over it, to paint on. */
export function Board({ photo, strokes, size, erase, ready, onStroke, onKey, canvas }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const url = useObjectUrl(photo.blob);
  const { cursor, handlers } = useBrush({ size, erase, onStroke });

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) redraw(context, strokes);
  }, [canvas, strokes]);

  const diameter = (size * Math.max(photo.width, photo.height)) / photo.width;
  const ringStyle = cursor && {
    left: `${(cursor[0] / photo.width) * 100}%`,
    top: `${(cursor[1] / photo.height) * 100}%`,
    width: `${diameter * 100}%`,
  };
  return (
    <div className={styles.board} style={{ "--ratio": photo.width / photo.height } as CSSProperties}>
      {url && <img src={url} alt="" />}
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes arrow keys of its own */}
      <canvas
        ref={canvas}
        width={photo.width}
        height={photo.height}
        tabIndex={0}
        role="application"
        aria-label={t("mask.board")}
        aria-describedby={id}
        {...(ready && handlers)}
        onKeyDown={(event) => {
          if (ready) handlers.onKeyDown(event);
          onKey(event);
        }}
      />
      {ringStyle && <span className={styles.ring} data-erase={erase} style={ringStyle} />}
      <p id={id} className="hidden">
        {t("mask.keys")}
      </p>
    </div>
  );
}
