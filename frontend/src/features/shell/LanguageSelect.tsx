import { useTranslation } from "react-i18next";
import type { Language } from "../../i18n";
import { changeLanguage, LANGUAGES } from "../../i18n";
import { Icon } from "../../ui/Icon";
import styles from "./Shell.module.css";

/** The page's language. */
export function LanguageSelect() {
  const { t, i18n } = useTranslation();
  return (
    <label className={styles.language}>
      <Icon name="globe" size={18} />
      <select
        aria-label={t("language")}
        value={i18n.language}
        onChange={(event) => changeLanguage(event.target.value as Language)}
      >
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
