import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { useStudio } from "../../studio/StudioProvider";
import type { Task } from "../../studio/studio";
import { Button } from "../../ui/Button";
import { fitting, useModels } from "../options/useModels";
import { Findings } from "./Findings";
import { PhotoCard } from "./PhotoCard";
import type { Seen } from "./useCheck";

const MaskEditor = lazy(() => import("../mask-editor/MaskEditor"));

interface Props {
  task: Task;
  pasteHere: boolean;
  findings: Seen[];
}

/** The photo of the person, and the way to its mask. */
export function PersonSlot({ task, pasteHere, findings }: Props) {
  const { t } = useTranslation();
  const [{ person, mask, options }, dispatch] = useStudio();
  const { data: models } = useModels();
  const [editing, setEditing] = useState(false);
  const masks = person && task === "tryon";
  return (
    <PhotoCard
      slot="person"
      photo={person}
      pasteHere={pasteHere}
      onRemove={() => dispatch({ type: "person", photo: null })}
      notes={<Findings findings={findings} />}
    >
      {masks && (
        <Button
          look={mask ? "plain" : "quiet"}
          icon="brush"
          data-mask={mask !== null}
          onClick={() => setEditing(true)}
        >
          {t(mask ? "mask.edited" : "mask.edit")}
        </Button>
      )}
      {masks && editing && (
        <Suspense>
          <MaskEditor
            photo={person}
            options={fitting(models, "tryon", options)}
            mask={mask}
            onSave={(edited) => dispatch({ type: "mask", mask: edited })}
            onClose={() => setEditing(false)}
          />
        </Suspense>
      )}
    </PhotoCard>
  );
}
