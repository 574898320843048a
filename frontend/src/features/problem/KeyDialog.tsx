import { useState } from "react";
import { useTranslation } from "react-i18next";
import { apiKey, keepApiKey } from "../../api/identity";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import styles from "./Problem.module.css";

/** Asks for the API key where the operator wants one; it stays in this browser. */
export function KeyDialog({ onClose }: { onClose(): void }) {
  const { t } = useTranslation();
  const [key, setKey] = useState(apiKey() ?? "");
  const keep = () => {
    keepApiKey(key.trim());
    onClose();
  };
  return (
    <Dialog
      title={t("key.title")}
      onClose={onClose}
      footer={
        <Button look="primary" onClick={keep}>
          {t("key.keep")}
        </Button>
      }
    >
      <label className={styles.key}>
        {t("key.text")}
        <input
          type="password"
          autoComplete="off"
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
      </label>
    </Dialog>
  );
}
