import type { CSSProperties } from "react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import styles from "./Result.module.css";

interface Props {
  before: string;
  after: string;
  /** What the second picture shows. */
  alt: string;
  label: string;
}

/** Two pictures of the same view with a divider between: a slider that covers them. */
export function Compare({ before, after, alt, label }: Props) {
  const { t } = useTranslation();
  const [position, setPosition] = useState(50);
  return (
    <div className={styles.compare} style={{ "--position": `${position}%` } as CSSProperties}>
      <img src={before} alt={t("result.before")} />
      <img className={styles.after} src={after} alt={alt} />
      <span className={styles.divider} aria-hidden="true" />
      <span className={`${styles.tag} ${styles.tagBefore}`} aria-hidden="true">
        {t("result.before")}
      </span>
      <span className={`${styles.tag} ${styles.tagAfter}`} aria-hidden="true">
        {t("result.after")}
      </span>
      <input
        type="range"
        min="0"
        max="100"
        value={position}
        aria-label={label}
        aria-valuetext={t("result.position", { percent: 100 - position })}
        onChange={(event) => setPosition(event.target.valueAsNumber)}
      />
    </div>
  );
}
