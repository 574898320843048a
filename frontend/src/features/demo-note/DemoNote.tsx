import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useStudio } from "../../studio/StudioProvider";
import type { Task } from "../../studio/studio";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { inForce, useModels } from "../options/useModels";
import styles from "./DemoNote.module.css";

const KEPT = "leffa.demo-note";
const COMMAND = { tryon: "leffa weights pull viton_hd", pose: "leffa weights pull pose_transfer" };

/** Says that a demonstration model answers, and how to get the real one. Dismissed for this visit only. */
export function DemoNote({ task }: { task: Task }) {
  const { t } = useTranslation();
  const [{ options }] = useStudio();
  const { data: models = [] } = useModels();
  const [dismissed, setDismissed] = useState(() => sessionStorage.getItem(KEPT) === "dismissed");
  if (dismissed || !inForce(models, task, options)?.demonstration) return null;
  const dismiss = () => {
    sessionStorage.setItem(KEPT, "dismissed");
    setDismissed(true);
  };
  return (
    <aside className={styles.note} aria-label={t("demo.label")}>
      <Icon name="info" />
      <p>
        <strong>{t("demo.label")}.</strong> {t("demo.text")} <code>{COMMAND[task]}</code>
      </p>
      <Button look="quiet" icon="close" iconOnly onClick={dismiss}>
        {t("dismiss")}
      </Button>
    </aside>
  );
}
