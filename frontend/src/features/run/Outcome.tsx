import { useTranslation } from "react-i18next";
import { isFinal } from "../../api/events";
import type { Remedy } from "../../api/problems";
import { Failure, isAgain, ownProblem } from "../../api/problems";
import type { Options } from "../../studio/studio";
import { useObjectUrl } from "../../studio/useObjectUrl";
import { Button } from "../../ui/Button";
import type { Entry } from "../history/store";
import { ProblemCard } from "../problem/ProblemCard";
import { Result } from "../result/Result";
import { Progress } from "./Progress";
import styles from "./Run.module.css";
import { useJob } from "./useJob";
import { useCancel } from "./useRun";

const VARIANTS = 4;

interface Props {
  entry: Entry;
  onRemedy(remedy: Remedy): void;
  onRepeat(entry: Entry, change: Partial<Options>): void;
}

function OnItsWay({ entry }: { entry: Entry }) {
  const live = useJob(entry.id);
  const cancel = useCancel();
  const before = useObjectUrl(entry.person);
  return (
    <Progress
      live={live}
      before={before}
      cancelling={cancel.isPending || cancel.isSuccess || isFinal(live)} // a finished job would be deleted
      onCancel={() => cancel.mutate(entry.id)}
    />
  );
}

function Cancelled({ known, onAgain }: { known: boolean; onAgain(): void }) {
  const { t } = useTranslation();
  return (
    <div className={styles.cancelled} role="status">
      <h2>{t("run.cancelled")}</h2>
      <Button icon="again" disabled={!known} onClick={onAgain}>
        {t("run.again")}
      </Button>
    </div>
  );
}

/** One job: on its way, finished, failed or cancelled. */
export function Outcome({ entry, onRemedy, onRepeat }: Props) {
  if (!isFinal(entry)) return <OnItsWay key={entry.id} entry={entry} />;
  if (entry.state === "cancelled")
    return <Cancelled known={entry.person !== null} onAgain={() => onRepeat(entry, {})} />;
  if (entry.state === "failed") {
    // The pictures of this job again, not those that were chosen since.
    const mend = (kind: Remedy) => (isAgain(kind) && entry.person ? onRepeat(entry, {}) : onRemedy(kind));
    return (
      <ProblemCard failure={new Failure(entry.problem ?? ownProblem("internal_error"))} onRemedy={mend} />
    );
  }
  return (
    <Result
      key={entry.id}
      entry={entry}
      onAgain={(again, seed) => onRepeat(again, { seed, count: 1 })}
      onVariants={(again) => onRepeat(again, { seed: null, count: VARIANTS })}
    />
  );
}
