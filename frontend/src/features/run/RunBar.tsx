import { useTranslation } from "react-i18next";
import { useStudio } from "../../studio/StudioProvider";
import type { Task } from "../../studio/studio";
import { isReady } from "../../studio/studio";
import { Button } from "../../ui/Button";
import styles from "./Run.module.css";

interface Props {
  task: Task;
  pending: boolean;
  onRun(): void;
}

/** The one button that counts, always in reach, and why it does not work yet. */
export function RunBar({ task, pending, onRun }: Props) {
  const { t } = useTranslation();
  const [studio] = useStudio();
  const ready = isReady(studio, task);
  const count = studio.garments.length;
  const label = pending
    ? t("run.sending")
    : count > 1 && task === "tryon"
      ? t("run.several", { count })
      : t(`run.${task}`);
  const missing = studio.person ? (task === "pose" ? "pose" : "garment") : "person";
  return (
    <div className={styles.bar}>
      <Button
        look="primary"
        className={styles.go}
        disabled={!ready || pending}
        aria-describedby="run-why"
        aria-keyshortcuts="Control+Enter"
        data-run
        onClick={onRun}
      >
        {label}
      </Button>
      <p id="run-why" className={ready ? "hidden" : styles.why}>
        {ready ? t("run.shortcut") : t(`run.missing.${missing}`)}
      </p>
    </div>
  );
}
