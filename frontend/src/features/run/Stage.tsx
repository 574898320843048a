import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Remedy } from "../../api/problems";
import { asFailure, isAgain } from "../../api/problems";
import { useAddress } from "../../studio/address";
import { useStudio } from "../../studio/StudioProvider";
import type { Studio, Task } from "../../studio/studio";
import { OutfitTray } from "../outfit/OutfitTray";
import { EmptyPose } from "../pose/EmptyPose";
import { KeyDialog } from "../problem/KeyDialog";
import { ProblemCard } from "../problem/ProblemCard";
import { EmptyResult } from "../result/EmptyResult";
import shell from "../shell/Shell.module.css";
import { Outcome } from "./Outcome";
import { useCurrent } from "./useCurrent";
import { useRepeat } from "./useRepeat";
import type { useRun } from "./useRun";

interface Props {
  task: Task;
  order: ReturnType<typeof useRun>;
  onRun(studio?: Studio): void;
}

/** Brings what has to be changed into view, with the focus on it. */
function show(selector: string): void {
  const target = document.querySelector<HTMLElement>(selector);
  target?.closest("details")?.setAttribute("open", "");
  target?.scrollIntoView({ block: "center" });
  target?.focus();
}

/** Does what mends a problem. */
function useRemedies({ forget, onRun, askForKey }: Record<"forget" | "onRun" | "askForKey", () => void>) {
  const [, dispatch] = useStudio();
  return (kind: Remedy) => {
    forget();
    if (isAgain(kind)) return onRun();
    if (kind === "key") askForKey();
    else if (kind === "options") show("[data-drawer] summary");
    else if (kind === "mask") dispatch({ type: "mask", mask: null });
    else show(`[data-slot="${kind}"] button`);
  };
}

/** Whether the result lies below the options, out of sight. */
const stacked = () => window.matchMedia("(max-width: 1080px)").matches;

/** What comes of the pictures: an example, a job on its way, its result, or a problem. */
export function Stage({ task, order, onRun }: Props) {
  const { t } = useTranslation();
  const [, go] = useAddress();
  const { entry, mates } = useCurrent(task);
  const again = useRepeat(onRun);
  const forgetAgain = again.reset;
  const error = order.error ?? again.error;
  const [asking, setAsking] = useState(false);
  const area = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!order.isPending) return;
    forgetAgain();
    if (stacked()) area.current?.scrollIntoView({ block: "start" });
  }, [order.isPending, forgetAgain]);
  const forget = () => {
    order.reset();
    again.reset();
  };
  const onRemedy = useRemedies({
    forget,
    onRun: again.error ? again.retry : () => onRun(),
    askForKey: () => setAsking(true),
  });
  return (
    <section ref={area} className={shell.stage} aria-label={t("stage.title")} data-stage-area>
      {error ? (
        <ProblemCard failure={asFailure(error)} onRemedy={onRemedy} />
      ) : entry ? (
        <Outcome entry={entry} onRemedy={onRemedy} onRepeat={again.repeat} />
      ) : task === "pose" ? (
        <EmptyPose />
      ) : (
        <EmptyResult busy={order.isPending} onTry={again.showcase} />
      )}
      {entry && <OutfitTray entries={mates} chosen={entry.id} onChoose={(id) => go({ job: id })} />}
      {asking && <KeyDialog onClose={() => setAsking(false)} />}
    </section>
  );
}
