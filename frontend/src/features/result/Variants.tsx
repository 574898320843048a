import { useTranslation } from "react-i18next";
import { useObjectUrl } from "../../studio/useObjectUrl";
import type { Made } from "../history/store";
import styles from "./Result.module.css";

interface Props {
  made: Made[];
  chosen: number;
  onChoose(number: number): void;
}

function Thumb({
  made,
  pressed,
  label,
  onPress,
}: {
  made: Made;
  pressed: boolean;
  label: string;
  onPress(): void;
}) {
  const url = useObjectUrl(made.blob);
  return (
    <button
      type="button"
      className={styles.thumb}
      aria-pressed={pressed}
      aria-label={label}
      onClick={onPress}
    >
      {url && <img src={url} alt="" />}
    </button>
  );
}

/** The pictures of a job that made several. */
export function Variants({ made, chosen, onChoose }: Props) {
  const { t } = useTranslation();
  if (made.length < 2) return null;
  return (
    <section className={styles.variants} aria-label={t("result.variantsOf", { count: made.length })}>
      {made.map((one, index) => (
        <Thumb
          key={one.seed}
          made={one}
          pressed={index === chosen}
          label={t("result.variant", { number: index + 1, seed: one.seed })}
          onPress={() => onChoose(index)}
        />
      ))}
    </section>
  );
}
