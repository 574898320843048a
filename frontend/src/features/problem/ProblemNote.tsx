import { useTranslation } from "react-i18next";
import type { Failure } from "../../api/problems";
import { Button } from "../../ui/Button";
import styles from "./Problem.module.css";
import { useProblemText } from "./useProblemText";

/** A short problem beside what caused it. */
export function ProblemNote({ failure, onDismiss }: { failure: Failure; onDismiss(): void }) {
  const { t } = useTranslation();
  const { title, fix } = useProblemText()(failure.problem);
  return (
    <div className={styles.note} role="alert" data-code={failure.problem.code}>
      <div>
        <strong>{title}</strong>
        <p>{fix}</p>
      </div>
      <Button look="quiet" icon="close" iconOnly onClick={onDismiss}>
        {t("dismiss")}
      </Button>
    </div>
  );
}
