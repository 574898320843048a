import { useId } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import field from "../../ui/Field.module.css";
import styles from "./Options.module.css";

const MOST = 2 ** 32;

interface Props {
  /** `null` is a new one each time. */
  seed: number | null;
  onChange(seed: number | null): void;
}

const parse = (text: string): number | null => {
  const digits = text.replace(/\D/g, "");
  return digits === "" ? null : Math.min(Number(digits), MOST - 1);
};

/** The seed: random, or locked to a number. */
export function SeedField({ seed, onChange }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const locked = seed !== null;
  return (
    <div className={field.field}>
      <label className={field.label} htmlFor={id}>
        {t("options.seed")}
      </label>
      <div className={styles.seed}>
        <input
          id={id}
          className={field.select}
          inputMode="numeric"
          value={seed ?? ""}
          placeholder={t("options.seedRandom")}
          aria-describedby={`${id}-hint`}
          onChange={(event) => onChange(parse(event.target.value))}
        />
        <Button
          icon={locked ? "lock" : "unlock"}
          iconOnly
          aria-pressed={locked}
          onClick={() => onChange(locked ? null : Math.floor(Math.random() * MOST))}
        >
          {t(locked ? "options.seedUnlock" : "options.seedLock")}
        </Button>
      </div>
      <p id={`${id}-hint`} className={field.hint}>
        {t("options.seedHint")}
      </p>
    </div>
  );
}
