import { useTranslation } from "react-i18next";
import { useStudio } from "../../studio/StudioProvider";
import type { GarmentType, Preset, Task } from "../../studio/studio";
import type { IconName } from "../../ui/Icon";
import { Segmented } from "../../ui/Segmented";
import { Select } from "../../ui/Select";
import { Advanced } from "./Advanced";
import styles from "./Options.module.css";
import { inForce, usable, useModels } from "./useModels";

const GARMENT_TYPES: readonly { value: GarmentType; icon: IconName }[] = [
  { value: "upper_body", icon: "garment" },
  { value: "lower_body", icon: "trousers" },
  { value: "dresses", icon: "dress" },
];
const PRESETS: readonly Preset[] = ["exact", "fast", "turbo"];

/** How the picture is made: what most people set, and a drawer with the rest. */
export function OptionsPanel({ task }: { task: Task }) {
  const { t } = useTranslation();
  const [{ options }, dispatch] = useStudio();
  const { data: models = [] } = useModels();
  const change = (part: Partial<typeof options>) => dispatch({ type: "options", change: part });
  const model = inForce(models, task, options);
  const choices = usable(models, task).map(({ id }) => ({ value: id, label: id }));

  return (
    <section className={styles.panel} aria-label={t("options.title")}>
      {task === "tryon" && (
        <Segmented
          name="garment-type"
          legend={t("options.garmentType")}
          value={options.garmentType}
          choices={GARMENT_TYPES.map(({ value, icon }) => ({
            value,
            icon,
            label: t(`garmentType.${value}`),
          }))}
          onChange={(garmentType) => change({ garmentType })}
        />
      )}
      <div className={styles.pair}>
        <Select
          label={t("options.model")}
          value={choices.some(({ value }) => value === options.model) ? options.model : ""}
          choices={[{ value: "", label: t("options.automatic", { model: model?.id ?? "…" }) }, ...choices]}
          onChange={(id) => change({ model: id })}
        />
        <Segmented
          name="preset"
          legend={t("options.preset")}
          value={options.preset || "exact"}
          choices={PRESETS.map((value) => ({ value, label: t(`preset.${value as "exact"}`) }))}
          onChange={(preset) => change({ preset })}
        />
      </div>
      <Advanced task={task} model={model} />
    </section>
  );
}
