import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useStudio } from "../../studio/StudioProvider";
import type { Studio, Task } from "../../studio/studio";
import { DemoNote } from "../demo-note/DemoNote";
import { OptionsPanel } from "../options/OptionsPanel";
import { GarmentSlot } from "../photo/GarmentSlot";
import { PersonSlot } from "../photo/PersonSlot";
import { useCheck } from "../photo/useCheck";
import { PoseSlot } from "../pose/PoseSlot";
import shell from "../shell/Shell.module.css";
import { RunBar } from "./RunBar";
import { Stage } from "./Stage";
import type { useRun } from "./useRun";

/** Control or Command and Enter run from anywhere but an open window. */
function useShortcut(run: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const inWindow = document.querySelector("dialog[open]") !== null;
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat && !inWindow) run();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [run]);
}

/** The pictures and the options on one side, what comes of them on the other. */
export function Workbench({ task, order }: { task: Task; order: ReturnType<typeof useRun> }) {
  const { t } = useTranslation();
  const [studio] = useStudio();
  const findings = useCheck(studio);
  const run = (changed: Studio = studio) => order.run(changed);
  useShortcut(run);
  const next = studio.person ? "second" : "person";

  return (
    <>
      <DemoNote task={task} />
      <div className={shell.workbench}>
        <section className={shell.inputs} aria-label={t("inputs")}>
          <div className={shell.pictures}>
            <PersonSlot task={task} pasteHere={next === "person"} findings={findings("human_image")} />
            {task === "pose" ? (
              <PoseSlot pasteHere={next === "second"} />
            ) : (
              <GarmentSlot pasteHere={next === "second"} findings={findings("garment_image")} />
            )}
          </div>
          <OptionsPanel task={task} />
          <RunBar task={task} pending={order.isPending} onRun={() => run()} />
        </section>
        <Stage task={task} order={order} onRun={run} />
      </div>
    </>
  );
}
