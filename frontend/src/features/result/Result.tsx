import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useObjectUrl } from "../../studio/useObjectUrl";
import { Button } from "../../ui/Button";
import type { Entry } from "../history/store";
import { Findings } from "../photo/Findings";
import { Compare } from "./Compare";
import { Inspector } from "./Inspector";
import styles from "./Result.module.css";
import { Toolbar } from "./Toolbar";
import { Variants } from "./Variants";
import { Zoom } from "./Zoom";

interface Props {
  entry: Entry;
  onAgain(entry: Entry, seed: number): void;
  onVariants(entry: Entry): void;
}

/** A finished job: its picture beside the photo it came from, what can be done with it, what the machine saw. */
export function Result({ entry, onAgain, onVariants }: Props) {
  const { t } = useTranslation();
  const [number, setNumber] = useState(0);
  const [zoomed, setZoomed] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const made = entry.made[number] ?? entry.made[0];
  const before = useObjectUrl(entry.person);
  const after = useObjectUrl(made?.blob);

  // Whoever pressed the button and waited hears, and sees, that it is there.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a job
  useEffect(() => heading.current?.focus({ preventScroll: true }), [entry.id]);

  if (!made) return null;
  const alt = t(`result.alt.${entry.task}`);
  const compares = before && entry.task === "tryon";
  return (
    <div className={styles.result} data-result={entry.id}>
      <h2 ref={heading} tabIndex={-1} className={styles.heading}>
        {t(`result.title.${entry.task}`)}
        <span className={styles.facts}>
          {entry.model} · {t("result.seed", { seed: made.seed })}
        </span>
      </h2>
      <div className={styles.view}>
        {after && compares && <Compare before={before} after={after} alt={alt} label={t("result.compare")} />}
        {after && !compares && <img className={styles.single} src={after} alt={alt} />}
        <Button className={styles.zoomIn} icon="zoom" iconOnly onClick={() => setZoomed(true)}>
          {t("result.zoom")}
        </Button>
      </div>
      <Variants made={entry.made} chosen={number} onChoose={setNumber} />
      <Toolbar
        entry={entry}
        made={made}
        onAgain={() => onAgain(entry, made.seed)}
        onVariants={() => onVariants(entry)}
      />
      <Findings findings={entry.findings} />
      {after && <Inspector entry={entry} number={number} result={after} />}
      {zoomed && after && <Zoom url={after} alt={alt} onClose={() => setZoomed(false)} />}
    </div>
  );
}
