import { useQuery } from "@tanstack/react-query";
import type { KeyboardEvent, PointerEvent } from "react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useObjectUrl } from "../../studio/useObjectUrl";
import type { Entry } from "../history/store";
import type { Place } from "./flow";
import { origin, readFlow } from "./flow";
import styles from "./Result.module.css";
import { usePart } from "./usePart";

const STEP = 0.02;
const KEYS: Record<string, Place> = {
  ArrowLeft: { x: -STEP, y: 0 },
  ArrowRight: { x: STEP, y: 0 },
  ArrowUp: { x: 0, y: -STEP },
  ArrowDown: { x: 0, y: STEP },
};

interface Props {
  entry: Entry;
  number: number;
  result: string;
  garment: Blob;
}

const within = (value: number) => Math.min(0.999, Math.max(0, value));
const percent = (value: number) => Math.round(value * 100);

function Dot({ at }: { at: Place | null }) {
  return at && <span className={styles.dot} style={{ left: `${at.x * 100}%`, top: `${at.y * 100}%` }} />;
}

/** The flow picture's pixels of a job, read once. */
function useFlow(entry: Entry, number: number) {
  const { data, isError } = usePart(entry.id, number, "flow");
  const { data: flow } = useQuery({
    queryKey: ["flow", entry.id, number],
    queryFn: () => (data ? readFlow(data) : null),
    enabled: data !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return { flow, isError };
}

/** Point at the result, by pointer or arrow keys, and see which point of the garment it came from. */
export function FlowExplorer({ entry, number, result, garment }: Props) {
  const { t } = useTranslation();
  const { flow, isError } = useFlow(entry, number);
  const garmentUrl = useObjectUrl(garment);
  const [at, setAt] = useState<Place>({ x: 0.5, y: 0.4 });
  if (isError) return <p className={styles.gone}>{t("inspector.gone")}</p>;
  const from = flow ? origin(flow, at) : null;

  const point = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setAt({
      x: within((event.clientX - box.left) / box.width),
      y: within((event.clientY - box.top) / box.height),
    });
  };
  const move = (event: KeyboardEvent) => {
    const by = KEYS[event.key];
    if (!by) return;
    event.preventDefault();
    setAt((before) => ({ x: within(before.x + by.x), y: within(before.y + by.y) }));
  };
  return (
    <div className={styles.flow} data-known={from !== null}>
      <figure>
        <button
          type="button"
          className={styles.probe}
          aria-label={t("inspector.probe")}
          onPointerMove={point}
          onPointerDown={point}
          onKeyDown={move}
        >
          <img src={result} alt="" />
          <Dot at={at} />
        </button>
        <figcaption>{t("inspector.inResult")}</figcaption>
      </figure>
      <figure>
        <div className={styles.probe}>
          {garmentUrl && <img src={garmentUrl} alt={t("inspector.inGarment")} />}
          <Dot at={from} />
        </div>
        <figcaption>
          <span role="status">
            {from
              ? t("inspector.from", { x: percent(from.x), y: percent(from.y) })
              : t("inspector.fromElsewhere")}
          </span>
        </figcaption>
      </figure>
    </div>
  );
}
