import * as Tabs from "@radix-ui/react-tabs";
import { useTranslation } from "react-i18next";
import { useObjectUrl } from "../../studio/useObjectUrl";
import type { Entry } from "../history/store";
import { FlowExplorer } from "./FlowExplorer";
import styles from "./Result.module.css";
import type { Part } from "./usePart";
import { usePart } from "./usePart";

const PARTS: readonly Part[] = ["mask", "densepose", "parsing", "flow"];

interface Props {
  entry: Entry;
  number: number;
  result: string;
}

function PartPicture({ entry, number, part }: { entry: Entry; number: number; part: Part }) {
  const { t } = useTranslation();
  const { data, isError } = usePart(entry.id, number, part);
  const url = useObjectUrl(data);
  if (isError) return <p className={styles.gone}>{t("inspector.gone")}</p>;
  return <div className={styles.part}>{url && <img src={url} alt={t(`inspector.${part}`)} />}</div>;
}

/** What the machine saw: mask, body, clothes, and where each point of the garment went. */
export function Inspector({ entry, number, result }: Props) {
  const { t } = useTranslation();
  return (
    <details className={styles.inspector}>
      <summary>{t("inspector.title")}</summary>
      <Tabs.Root defaultValue="mask">
        <Tabs.List className={styles.tabs} aria-label={t("inspector.title")}>
          {PARTS.map((part) => (
            <Tabs.Trigger key={part} value={part} className={styles.tab}>
              {t(`inspector.${part}`)}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {PARTS.map((part) => (
          <Tabs.Content key={part} value={part} className={styles.tabContent}>
            <p className={styles.explain}>{t(`inspector.${part}Hint`)}</p>
            {part === "flow" && entry.second ? (
              <FlowExplorer entry={entry} number={number} result={result} garment={entry.second} />
            ) : (
              <PartPicture entry={entry} number={number} part={part} />
            )}
          </Tabs.Content>
        ))}
      </Tabs.Root>
    </details>
  );
}
