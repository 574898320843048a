import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { keep, kept } from "../../api/kept";
import { useStudio } from "../../studio/StudioProvider";
import type { Task } from "../../studio/studio";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { inForce, useModels } from "../options/useModels";
import styles from "./DemoNote.module.css";

const DISMISSED = "leffa.demo-note";
const SERVED = "leffa.demo-served";
const COMMAND = { tryon: "leffa weights pull viton_hd", pose: "leffa weights pull pose_transfer" };

/**
 * Whether a demonstration model answers; `null` until that is known. What it was last time is remembered, so
 * that the note's room is kept from the first paint on and nothing moves when it comes.
 */
function useDemonstration(task: Task): { known: boolean | null; expected: boolean } {
  const [{ options }] = useStudio();
  const { data: models } = useModels();
  const known = models ? (inForce(models, task, options)?.demonstration ?? false) : null;
  useEffect(() => {
    if (known !== null) keep(SERVED, String(known));
  }, [known]);
  return { known, expected: kept(SERVED) !== "false" };
}

/** Says that a demonstration model answers, and how to get the real one. Dismissed for this visit only. */
export function DemoNote({ task }: { task: Task }) {
  const { t } = useTranslation();
  const { known, expected } = useDemonstration(task);
  const [dismissed, setDismissed] = useState(() => kept(DISMISSED, "sessionStorage") !== null);
  if (dismissed || !(known ?? expected)) return null;
  const dismiss = () => {
    keep(DISMISSED, "yes", "sessionStorage");
    setDismissed(true);
  };
  return (
    <aside className={styles.note} data-pending={known === null} aria-label={t("demo.label")}>
      <Icon name="info" />
      <p>
        <strong>{t("demo.label")}</strong> {t("demo.text")} <code>{COMMAND[task]}</code>
      </p>
      <Button look="quiet" icon="close" iconOnly onClick={dismiss}>
        {t("dismiss")}
      </Button>
    </aside>
  );
}
