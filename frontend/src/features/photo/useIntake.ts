import { useMutation } from "@tanstack/react-query";
import type { Failure } from "../../api/problems";
import { useStudio } from "../../studio/StudioProvider";
import type { GarmentType, Photo } from "../../studio/studio";
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

/** Puts pictures into a slot of the studio; several garments, or one more, join those that are there. */
function usePlace(slot: Slot): (photos: Photo[], add: boolean, garmentType?: GarmentType) => void {
  const [, dispatch] = useStudio();
  return (photos, add, garmentType) => {
    const photo = photos[0];
    if (!photo) return;
    if (slot === "garment") dispatch({ type: "garments", photos, add, garmentType });
    else dispatch({ type: slot, photo });
  };
}

/** What to take in: files or an example, and whether they join the garments that are there. */
export interface Intake {
  source: File[] | Example;
  add?: boolean;
}

/** Takes pictures into a slot; its error is the problem of the last ones that were tried. */
export function useIntake(slot: Slot) {
  const place = usePlace(slot);
  return useMutation<void, Failure, Intake>({
    mutationFn: async ({ source, add = false }) => {
      if (!Array.isArray(source)) {
        place([await takeExample(source.url, FIELD[slot])], add, source.garmentType);
        return;
      }
      const files = slot === "garment" ? source.slice(0, MOST_GARMENTS) : source.slice(0, 1);
      place(await Promise.all(files.map((file) => takeIn(file, FIELD[slot]))), add);
    },
  });
}
