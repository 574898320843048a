import { useTranslation } from "react-i18next";
import { useObjectUrl } from "../../studio/useObjectUrl";
import { Button } from "../../ui/Button";
import styles from "./History.module.css";
import type { Entry } from "./store";

interface Props {
  entry: Entry;
  onOpen(): void;
  onDelete(): void;
}

/** One job: its picture, what went in, when, and a way to remove it. */
export function HistoryCard({ entry, onOpen, onDelete }: Props) {
  const { t, i18n } = useTranslation();
  const result = useObjectUrl(entry.made[0]?.blob ?? entry.person);
  const second = useObjectUrl(entry.second);
  const when = new Intl.DateTimeFormat(i18n.language, { dateStyle: "medium", timeStyle: "short" }).format(
    entry.created,
  );
  return (
    <li className={styles.card}>
      <button type="button" className={styles.open} data-state={entry.state} onClick={onOpen}>
        {result && <img src={result} alt="" className={styles.picture} />}
        {second && <img src={second} alt="" className={styles.second} />}
        {entry.state !== "succeeded" && <span className={styles.state}>{t(`state.${entry.state}`)}</span>}
        <span className="hidden">{t("history.open", { when })}</span>
      </button>
      <div className={styles.under}>
        <span>
          {t(`task.${entry.task}`)}
          <time dateTime={new Date(entry.created).toISOString()}>{when}</time>
        </span>
        <Button look="quiet" icon="trash" iconOnly onClick={onDelete}>
          {t("history.delete", { when })}
        </Button>
      </div>
    </li>
  );
}
