import { useTranslation } from "react-i18next";
import type { Model } from "../../api/client";
import { useStudio } from "../../studio/StudioProvider";
import type { Format, Options, Task } from "../../studio/studio";
import { DEFAULTS } from "../../studio/studio";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Range } from "../../ui/Range";
import { Segmented } from "../../ui/Segmented";
import { Switch } from "../../ui/Switch";
import { Fits } from "./Fits";
import styles from "./Options.module.css";
import { SeedField } from "./SeedField";
import { defaultOf, limitsOf } from "./useModels";

const FORMATS: readonly Format[] = ["png", "jpeg", "webp"];

interface Props {
  task: Task;
  model: Model | undefined;
}

/** Steps and guidance; the model's own values until they are moved. */
function Numbers({
  model,
  options,
  change,
}: Props & { options: Options; change(part: Partial<Options>): void }) {
  const { t } = useTranslation();
  const steps = options.steps ?? defaultOf(model, "inference_steps");
  const guidance = options.guidance ?? defaultOf(model, "guidance_scale");
  const ofModel = (own: number | null, value: number | undefined) =>
    own === null ? t("options.ofModel", { value }) : String(value);
  const stepLimits = limitsOf(model, "inference_steps");
  const guidanceLimits = limitsOf(model, "guidance_scale");
  if (steps === undefined || guidance === undefined || !stepLimits || !guidanceLimits) return null;
  return (
    <>
      <Range
        label={t("options.steps")}
        hint={t("options.stepsHint")}
        value={steps}
        shown={ofModel(options.steps, steps)}
        {...stepLimits}
        onChange={(value) => change({ steps: value })}
      />
      <Range
        label={t("options.guidance")}
        hint={t("options.guidanceHint")}
        value={guidance}
        shown={ofModel(options.guidance, guidance)}
        step={0.1}
        {...guidanceLimits}
        onChange={(value) => change({ guidance: value })}
      />
    </>
  );
}

/** The drawer of everything else, each with one line of what it does. */
export function Advanced({ task, model }: Props) {
  const { t } = useTranslation();
  const [{ options }, dispatch] = useStudio();
  const change = (part: Partial<Options>) => dispatch({ type: "options", change: part });
  const variants = limitsOf(model, "num_images") ?? { min: 1, max: 4 };
  return (
    <details className={styles.drawer} data-drawer>
      <summary>
        {t("options.advanced")}
        <Icon name="chevron" size={18} />
      </summary>
      <div className={styles.inside}>
        <Numbers {...{ task, model, options, change }} />
        <SeedField seed={options.seed} onChange={(seed) => change({ seed })} />
        <Range
          label={t("options.count")}
          hint={t("options.countHint")}
          value={options.count}
          shown={String(options.count)}
          {...variants}
          onChange={(count) => change({ count })}
        />
        {task === "tryon" && <Fits options={options} onChange={change} />}
        <Switch
          label={t("options.refAcceleration")}
          hint={t("options.refAccelerationHint")}
          checked={options.refAcceleration}
          onChange={(refAcceleration) => change({ refAcceleration })}
        />
        {task === "tryon" && (
          <Switch
            label={t("options.repaint")}
            hint={t("options.repaintHint")}
            checked={options.repaint}
            onChange={(repaint) => change({ repaint })}
          />
        )}
        <Segmented
          name="format"
          legend={t("options.format")}
          value={options.format}
          choices={FORMATS.map((value) => ({ value, label: value.toUpperCase() }))}
          onChange={(format) => change({ format })}
        />
        <Button
          look="quiet"
          icon="again"
          onClick={() => change({ ...DEFAULTS, garmentType: options.garmentType })}
        >
          {t("options.reset")}
        </Button>
      </div>
    </details>
  );
}
