import { useTranslation } from "react-i18next";
import { Icon } from "../../ui/Icon";
import { usable, useModels } from "../options/useModels";
import styles from "./Pose.module.css";

/** Before a pose was taken: what this view does, or what its model needs. */
export function EmptyPose() {
  const { t } = useTranslation();
  const { data: models } = useModels();
  const absent = models && usable(models, "pose").length === 0 && models.find(({ task }) => task === "pose");
  return (
    <div className={styles.empty}>
      <span className={styles.emblem}>
        <Icon name="person" size={34} />
      </span>
      <h2>{t("pose.title")}</h2>
      <p>{t(absent ? "pose.absent" : "pose.text")}</p>
      {absent && <code>{absent.command ?? absent.id}</code>}
    </div>
  );
}
