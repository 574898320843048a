import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import styles from "./Run.module.css";
import type { Live } from "./useJob";

const STAGES = ["load", "preprocess", "denoise", "restore"] as const;
type Stage = (typeof STAGES)[number];

interface Props {
  live: Live;
  /** The photo of the person, until there is a first preview. */
  before: string | undefined;
  cancelling: boolean;
  onCancel(): void;
}

const isStage = (word: string | undefined): word is Stage => STAGES.includes(word as Stage);

/** How much of the preview shows: the first ones are noise, so the photo shines through them. */
const clarity = (progress: Live["progress"]) =>
  progress?.stage === "denoise" && progress.total > 0 ? 0.25 + (0.75 * progress.step) / progress.total : 1;

/** The four stages, those done ticked. */
function Stages({ stage }: { stage: Stage | undefined }) {
  const { t } = useTranslation();
  const at = stage ? STAGES.indexOf(stage) : -1;
  return (
    <ol className={styles.stages}>
      {STAGES.map((name, index) => (
        <li key={name} aria-current={index === at ? "step" : undefined} data-done={index < at}>
          <span className={styles.dot}>{index < at && <Icon name="check" size={12} />}</span>
          {t(`stage.${name}`)}
        </li>
      ))}
    </ol>
  );
}

function useWords({ state, position, secondsLeft, progress }: Live) {
  const { t } = useTranslation();
  const stage = progress?.stage;
  const waiting = state === "queued";
  const headline = waiting
    ? position
      ? t("run.inLine", { count: position })
      : t("run.next")
    : isStage(stage)
      ? t(`stage.${stage}`)
      : t("run.starting");
  const left =
    secondsLeft === null ? "" : t("run.secondsLeft", { count: Math.max(1, Math.round(secondsLeft)) });
  return { stage: isStage(stage) && !waiting ? stage : undefined, headline, left };
}

/** A job on its way: the picture as it forms, the stage, the step, the seconds left, and a way out. */
export function Progress({ live, before, cancelling, onCancel }: Props) {
  const { t } = useTranslation();
  const { stage, headline, left } = useWords(live);
  const { progress, preview, connected } = live;
  const counted = progress && progress.total > 0 && stage === "denoise";
  return (
    <div className={styles.progress} data-state={live.state} data-stage={stage}>
      <div className={styles.forming}>
        {before && <img src={before} alt="" className={styles.ghost} />}
        {preview && (
          <img
            src={preview}
            alt={t("run.preview")}
            className={styles.preview}
            style={{ opacity: clarity(progress) }}
          />
        )}
      </div>
      <div className={styles.report}>
        <div className={styles.line}>
          <strong role="status">{headline}</strong>
          <span className={styles.count}>{counted ? `${progress.step} / ${progress.total}` : ""}</span>
        </div>
        <progress
          className={styles.meter}
          aria-label={headline}
          {...(counted && { value: progress.step, max: progress.total })}
        />
        <Stages stage={stage} />
        <div className={styles.line}>
          <span className={styles.count}>{connected ? left : t("run.reconnecting")}</span>
          <Button icon="close" disabled={cancelling} onClick={onCancel}>
            {t(cancelling ? "run.cancelling" : "run.cancel")}
          </Button>
        </div>
      </div>
    </div>
  );
}
