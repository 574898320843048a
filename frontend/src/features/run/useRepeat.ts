import { useStudio } from "../../studio/StudioProvider";
import type { Options, Photo, Studio } from "../../studio/studio";
import { EMPTY } from "../../studio/studio";
import type { Entry } from "../history/store";
import { SHOWCASE } from "../photo/examples";
import { takeExample, takeIn } from "../photo/intake";

const toPhoto = async (blob: Blob | null, name: string): Promise<Photo | null> =>
  blob && takeIn(new File([blob], name, { type: blob.type }), name);

/** The studio as it was when a job was handed in, with some options changed. */
async function studioOf(entry: Entry, change: Partial<Options>): Promise<Studio> {
  const [person, second] = await Promise.all([
    toPhoto(entry.person, "person"),
    toPhoto(entry.second, entry.task === "pose" ? "pose" : "garment"),
  ]);
  return {
    person,
    garments: second && entry.task === "tryon" ? [second] : [],
    pose: entry.task === "pose" ? second : null,
    mask: entry.mask,
    options: { ...entry.options, ...change },
  };
}

/** Runs an earlier job's pictures again, or the example's for the first time. */
export function useRepeat(run: (studio: Studio) => void) {
  const [, dispatch] = useStudio();
  const begin = (studio: Studio) => {
    dispatch({ type: "restore", studio });
    run(studio);
  };
  return {
    repeat: async (entry: Entry, change: Partial<Options>) => begin(await studioOf(entry, change)),
    showcase: async () => {
      const [person, garment] = await Promise.all([
        takeExample(SHOWCASE.person, "human_image"),
        takeExample(SHOWCASE.garment, "garment_image"),
      ]);
      begin({ ...EMPTY, person, garments: [garment] });
    },
  };
}
