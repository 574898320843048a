import { useTranslation } from "react-i18next";
import type { Example } from "./examples";
import { SHELF } from "./examples";
import styles from "./Photo.module.css";
import type { Slot } from "./useIntake";

interface Props {
  slot: Slot;
  chosen: string | undefined;
  onChoose(example: Example): void;
}

/** Pictures that come with the page, one press each. */
export function ExampleShelf({ slot, chosen, onChoose }: Props) {
  const { t } = useTranslation();
  return (
    <ul className={styles.shelf} aria-label={t(`slot.${slot}.examples`)}>
      {SHELF[slot].map((example) => (
        <li key={example.key}>
          <button
            type="button"
            className={styles.example}
            aria-pressed={chosen !== undefined && example.url.endsWith(`/${chosen}`)}
            aria-label={t("photo.useExample", { what: t(`example.${example.key}`) })}
            onClick={() => onChoose(example)}
          >
            <img src={example.url} alt="" width="48" height="64" loading="lazy" />
          </button>
        </li>
      ))}
    </ul>
  );
}
