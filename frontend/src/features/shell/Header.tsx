import * as Tabs from "@radix-ui/react-tabs";
import { useTranslation } from "react-i18next";
import { Icon } from "../../ui/Icon";
import { LanguageSelect } from "./LanguageSelect";
import styles from "./Shell.module.css";
import { ThemeToggle } from "./ThemeToggle";

const VIEWS = ["tryon", "pose", "history"] as const;

/** The name, the three views, the language and the theme. */
export function Header() {
  const { t } = useTranslation();
  return (
    <header className={styles.header}>
      <span className={styles.brand}>
        <span className={styles.mark}>
          <Icon name="garment" />
        </span>
        <span className={styles.name}>Leffa</span>
      </span>
      <Tabs.List className={styles.views} aria-label={t("views")}>
        {VIEWS.map((view) => (
          <Tabs.Trigger key={view} value={view} className={styles.view}>
            {t(`view.${view}`)}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <div className={styles.settings}>
        <LanguageSelect />
        <ThemeToggle />
      </div>
    </header>
  );
}
