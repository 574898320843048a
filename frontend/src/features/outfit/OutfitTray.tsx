import { useTranslation } from "react-i18next";
import { isFinal } from "../../api/events";
import { useObjectUrl } from "../../studio/useObjectUrl";
import { Icon } from "../../ui/Icon";
import type { Entry } from "../history/store";
import styles from "./Outfit.module.css";

interface Props {
  entries: Entry[];
  chosen: string;
  onChoose(id: string): void;
}

function Tile({ entry, pressed, onPress }: { entry: Entry; pressed: boolean; onPress(): void }) {
  const { t } = useTranslation();
  const garment = useObjectUrl(entry.second);
  const result = useObjectUrl(entry.made[0]?.blob);
  return (
    <li>
      <button
        type="button"
        className={styles.tile}
        aria-pressed={pressed}
        data-state={entry.state}
        onClick={onPress}
      >
        {(result ?? garment) && <img src={result ?? garment} alt="" />}
        {result && garment && <img src={garment} alt="" className={styles.small} />}
        <span className={styles.state}>
          {!result && isFinal(entry) && <Icon name="warning" size={14} />}
          {t(`state.${entry.state}`)}
        </span>
      </button>
    </li>
  );
}

/** The jobs of one person and several garments: fills as they finish. */
export function OutfitTray({ entries, chosen, onChoose }: Props) {
  const { t } = useTranslation();
  const done = entries.filter(isFinal).length;
  if (entries.length < 2) return null;
  return (
    <section className={styles.tray} aria-label={t("outfit.title")}>
      <h3 role="status">{t("outfit.done", { done, count: entries.length })}</h3>
      <ul>
        {entries.map((entry) => (
          <Tile
            key={entry.id}
            entry={entry}
            pressed={entry.id === chosen}
            onPress={() => onChoose(entry.id)}
          />
        ))}
      </ul>
    </section>
  );
}
