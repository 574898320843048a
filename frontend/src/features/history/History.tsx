import { useState } from "react";
import { useTranslation } from "react-i18next";
import { isFinal } from "../../api/events";
import { deleteJob, dropJob } from "../../api/jobs";
import { useAddress } from "../../studio/address";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import styles from "./History.module.css";
import { HistoryCard } from "./HistoryCard";
import type { Entry } from "./store";
import { removeEntry } from "./store";
import { useHistory, useHistoryChanged } from "./useHistory";

/** Removes an entry here, and on the service too where it still knows the job. */
async function forget(entry: Entry): Promise<void> {
  await removeEntry(entry.id);
  const deleted = await dropJob(entry.id).catch(() => true); // nothing more can be done where it does not answer
  if (!deleted) deleteJob(entry.id).catch(() => undefined); // once it has stopped
}

function useForget(): (entries: Entry[]) => Promise<void> {
  const changed = useHistoryChanged();
  const [{ job }, go] = useAddress();
  return async (entries) => {
    await Promise.all(entries.map(forget));
    await changed();
    if (entries.some(({ id }) => id === job)) go({ job: null });
  };
}

/** Everything that this browser made, newest first. */
export function History() {
  const { t } = useTranslation();
  const { data: history, isPending } = useHistory();
  const [, go] = useAddress();
  const forgetAll = useForget();
  const [asking, setAsking] = useState(false);
  if (isPending) return null;
  const entries = history ?? [];
  if (entries.length === 0) {
    return (
      <div className={styles.empty}>
        <h1>{t("history.emptyTitle")}</h1>
        <p>{t("history.emptyText")}</p>
        <Button look="primary" onClick={() => go({ view: "tryon" })}>
          {t("history.begin")}
        </Button>
      </div>
    );
  }
  const clear = async () => {
    setAsking(false);
    await forgetAll(entries.filter(isFinal));
  };
  return (
    <div className={styles.history}>
      <header className={styles.header}>
        <div>
          <h1>{t("history.title")}</h1>
          <p>{t("history.local")}</p>
        </div>
        <Button icon="trash" onClick={() => setAsking(true)}>
          {t("history.clear")}
        </Button>
      </header>
      <ul className={styles.grid}>
        {entries.map((entry) => (
          <HistoryCard
            key={entry.id}
            entry={entry}
            onOpen={() => go({ view: entry.task, job: entry.id })}
            onDelete={() => forgetAll([entry])}
          />
        ))}
      </ul>
      {asking && (
        <Dialog
          title={t("history.clear")}
          onClose={() => setAsking(false)}
          footer={
            <>
              <Button onClick={() => setAsking(false)}>{t("history.keep")}</Button>
              <Button look="primary" icon="trash" onClick={clear}>
                {t("history.clearYes")}
              </Button>
            </>
          }
        >
          <p>{t("history.clearAsk", { count: entries.length })}</p>
        </Dialog>
      )}
    </div>
  );
}
