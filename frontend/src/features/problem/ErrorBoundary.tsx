import type { ReactNode } from "react";
import { Component } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import styles from "./Problem.module.css";

function Broken() {
  const { t } = useTranslation();
  return (
    <main className={styles.broken}>
      <h1>{t("broken.title")}</h1>
      <p>{t("broken.text")}</p>
      <Button look="primary" onClick={() => window.location.reload()}>
        {t("broken.reload")}
      </Button>
    </main>
  );
}

/** Shows a way on where a fault of the page itself would leave it blank. React knows these as classes only. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}
