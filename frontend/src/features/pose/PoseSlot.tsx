import { useStudio } from "../../studio/StudioProvider";
import { PhotoCard } from "../photo/PhotoCard";

/** The photo of somebody in the pose to take. */
export function PoseSlot({ pasteHere }: { pasteHere: boolean }) {
  const [{ pose }, dispatch] = useStudio();
  return (
    <PhotoCard
      slot="pose"
      photo={pose}
      pasteHere={pasteHere}
      onRemove={() => dispatch({ type: "pose", photo: null })}
    />
  );
}
