import { useTranslation } from "react-i18next";
import { Icon } from "../../ui/Icon";
import { useProblemText } from "../problem/useProblemText";
import styles from "./Photo.module.css";

interface Props {
  findings: readonly { code: string; severity?: string; detail: string; fix: string }[];
}

/** What was noticed about a picture, each with what to do about it. */
export function Findings({ findings }: Props) {
  const { t, i18n } = useTranslation();
  const textOf = useProblemText();
  const isKnown = (code: string): code is "several_persons" => i18n.exists(`finding.${code}`);
  if (findings.length === 0) return null;
  return (
    <ul className={styles.findings} aria-live="polite">
      {findings.map(({ code, severity = "info", detail, fix }) => (
        <li key={code} data-code={code} className={styles[severity]} title={`${detail} ${fix}`}>
          <Icon name={severity === "info" ? "info" : "warning"} size={16} />
          {isKnown(code) ? t(`finding.${code}`) : textOf({ code, detail, fix }).title}
        </li>
      ))}
    </ul>
  );
}
