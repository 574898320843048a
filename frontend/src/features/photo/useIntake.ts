import { useMutation } from "@tanstack/react-query";
import { useRef } from "react";
import type { Failure } from "../../api/problems";
import { useStudio } from "../../studio/StudioProvider";
import type { GarmentType, Keep, Photo } from "../../studio/studio";
import { MOST_GARMENTS } from "../../studio/studio";
import type { Example } from "./examples";
import { takeExample, takeIn } from "./intake";

/** Which picture of the studio a card holds. */
export type Slot = "person" | "garment" | "pose";

const FIELD: Record<Slot, string> = {
  person: "human_image",
  garment: "garment_image",
  pose: "pose_image",
};

/** Puts pictures into a slot of the studio. */
function usePlace(slot: Slot): (photos: Photo[], keep: Keep, garmentType?: GarmentType) => void {
  const [, dispatch] = useStudio();
  return (photos, keep, garmentType) => {
    const photo = photos[0];
    if (!photo) return;
    if (slot === "garment") dispatch({ type: "garments", photos, keep, garmentType });
    else dispatch({ type: slot, photo });
  };
}

/** What to take in: files or an example. They take the place of the garment that is shown, or join all. */
export interface Intake {
  source: File[] | Example;
  keep?: "all";
}

/** Takes pictures into a slot; its error is the problem of the last ones that were tried. */
export function useIntake(slot: Slot) {
  const place = usePlace(slot);
  const last = useRef<Intake>(null);
  return useMutation<void, Failure, Intake>({
    mutationFn: async (intake) => {
      const { source, keep = "others" } = intake;
      last.current = intake;
      // What was chosen before the last choice and is read only now comes too late.
      const late = () => keep === "others" && last.current !== intake;
      if (!Array.isArray(source)) {
        const photo = await takeExample(source.url, FIELD[slot]);
        if (!late()) place([photo], keep, source.garmentType);
        return;
      }
      const files = slot === "garment" ? source.slice(0, MOST_GARMENTS) : source.slice(0, 1);
      const taken = await Promise.allSettled(files.map((file) => takeIn(file, FIELD[slot])));
      const photos = taken.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      if (!late()) place(photos, keep);
      const refused = taken.find((one) => one.status === "rejected");
      if (refused) throw refused.reason;
    },
  });
}
