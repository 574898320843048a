import { useStudio } from "../../studio/StudioProvider";
import { Garments } from "../outfit/Garments";
import { Findings } from "./Findings";
import { PhotoCard } from "./PhotoCard";
import type { Seen } from "./useCheck";
import { useIntake } from "./useIntake";

interface Props {
  pasteHere: boolean;
  findings: Seen[];
}

/** The garment, or several of them for the same person. */
export function GarmentSlot({ pasteHere, findings }: Props) {
  const [{ garments }, dispatch] = useStudio();
  const intake = useIntake("garment");
  const photo = garments.at(-1) ?? null;
  const remove = (id: string) =>
    dispatch({ type: "garments", photos: garments.filter((garment) => garment.id !== id) });
  return (
    <PhotoCard
      slot="garment"
      photo={photo}
      pasteHere={pasteHere}
      onRemove={() => photo && remove(photo.id)}
      notes={<Findings findings={findings} />}
    >
      {garments.length > 0 && (
        <Garments
          garments={garments}
          onAdd={(source) => intake.mutate({ source, keep: "all" })}
          onRemove={({ id }) => remove(id)}
        />
      )}
    </PhotoCard>
  );
}
