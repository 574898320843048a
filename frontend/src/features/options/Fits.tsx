import { useTranslation } from "react-i18next";
import type { Fit, Options } from "../../studio/studio";
import { Chips } from "../../ui/Chips";
import { Select } from "../../ui/Select";
import styles from "./Options.module.css";

const FITS: readonly Fit[] = ["auto", "keep", "short", "long"];
const PROTECTED = ["hands", "face", "hair", "accessories", "shoes"] as const;

interface Props {
  options: Options;
  onChange(change: Partial<Options>): void;
}

/** How the mask is cut: sleeves, length, and what is never repainted. */
export function Fits({ options, onChange }: Props) {
  const { t } = useTranslation();
  const fits = FITS.map((value) => ({ value, label: t(`fit.${value}`) }));
  return (
    <>
      <div className={styles.pair}>
        <Select
          label={t("options.sleeves")}
          value={options.sleeves}
          choices={fits}
          onChange={(sleeves) => onChange({ sleeves })}
        />
        <Select
          label={t("options.length")}
          value={options.length}
          choices={fits}
          onChange={(length) => onChange({ length })}
        />
      </div>
      <Chips
        legend={t("options.protect")}
        hint={t("options.protectHint")}
        value={options.protect}
        choices={PROTECTED.map((value) => ({ value, label: t(`protect.${value}`) }))}
        onChange={(protect) => onChange({ protect })}
      />
    </>
  );
}
