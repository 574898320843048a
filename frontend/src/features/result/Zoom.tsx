import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import styles from "./Result.module.css";

const LEVELS = [1, 1.5, 2, 3, 4] as const;

interface Props {
  url: string;
  alt: string;
  onClose(): void;
}

/** A result as large as wanted; scrolls with fingers, wheel and arrow keys. */
export function Zoom({ url, alt, onClose }: Props) {
  const { t } = useTranslation();
  const [level, setLevel] = useState(0);
  const scale = LEVELS[level] ?? 1;
  return (
    <Dialog
      title={t("result.zoom")}
      wide
      onClose={onClose}
      footer={
        <>
          <output className={styles.level}>{Math.round(scale * 100)} %</output>
          <Button disabled={level === 0} onClick={() => setLevel(level - 1)}>
            {t("result.smaller")}
          </Button>
          <Button disabled={level === LEVELS.length - 1} onClick={() => setLevel(level + 1)}>
            {t("result.larger")}
          </Button>
        </>
      }
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the focus, for the arrow keys */}
      <section className={styles.zoom} tabIndex={0} aria-label={alt}>
        <img src={url} alt={alt} style={{ width: `${scale * 100}%`, height: `${scale * 100}%` }} />
      </section>
    </Dialog>
  );
}
