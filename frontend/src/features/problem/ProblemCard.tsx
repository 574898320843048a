import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure, Remedy } from "../../api/problems";
import { remedy } from "../../api/problems";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import styles from "./Problem.module.css";
import { useProblemText } from "./useProblemText";

interface Props {
  failure: Failure;
  onRemedy(remedy: Remedy): void;
}

/** Counts the seconds down that the service asked to wait. */
function useCountdown(seconds: number | null): number {
  const [left, setLeft] = useState(seconds ?? 0);
  useEffect(() => {
    setLeft(seconds ?? 0);
    if (!seconds) return;
    const timer = window.setInterval(() => setLeft((before) => Math.max(0, before - 1)), 1000);
    return () => window.clearInterval(timer);
  }, [seconds]);
  return left;
}

/** A problem in full: what happened, what helps, and one button that does it. */
export function ProblemCard({ failure, onRemedy }: Props) {
  const { t } = useTranslation();
  const { title, fix, detail } = useProblemText()(failure.problem);
  const left = useCountdown(failure.retryAfter);
  const kind = remedy(failure.problem);
  return (
    <div className={styles.card} role="alert" data-code={failure.problem.code}>
      <span className={styles.emblem}>
        <Icon name="warning" size={28} />
      </span>
      <h2>{title}</h2>
      <p>{fix}</p>
      {kind !== "none" && (
        <Button look="primary" disabled={left > 0} onClick={() => onRemedy(kind)}>
          {left > 0 ? t("remedy.waiting", { count: left }) : t(`remedy.${kind}`)}
        </Button>
      )}
      {(detail || failure.problem.instance) && (
        <details className={styles.details}>
          <summary>{t("problem.details")}</summary>
          <p>{detail}</p>
          <p>
            <code>{failure.problem.code}</code>{" "}
            {failure.problem.instance && <code>{failure.problem.instance}</code>}
          </p>
        </details>
      )}
    </div>
  );
}
