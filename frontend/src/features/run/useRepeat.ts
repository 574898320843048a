import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Failure } from "../../api/problems";
import { useStudio } from "../../studio/StudioProvider";
import type { Options, Photo, Studio } from "../../studio/studio";
import { EMPTY } from "../../studio/studio";
import type { Entry } from "../history/store";
import { SHOWCASE } from "../photo/examples";
import { takeExample, takeIn } from "../photo/intake";

const REPEAT = ["repeat"];

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
  const queries = useQueryClient();
  const { mutate, error, variables, reset } = useMutation<Studio, Failure, () => Promise<Studio>>({
    mutationKey: REPEAT,
    mutationFn: (gather) => gather(),
    onSuccess: (studio) => {
      dispatch({ type: "restore", studio });
      run(studio);
    },
  });
  const begin = (gather: () => Promise<Studio>) => {
    if (queries.isMutating({ mutationKey: REPEAT }) === 0) mutate(gather);
  };
  return {
    error,
    reset,
    retry: () => variables && begin(variables),
    repeat: (entry: Entry, change: Partial<Options>) => begin(() => studioOf(entry, change)),
    showcase: () => begin(showcase),
  };
}

/** The studio that the empty result shows. */
async function showcase(): Promise<Studio> {
  const [person, garment] = await Promise.all([
    takeExample(SHOWCASE.person, "human_image"),
    takeExample(SHOWCASE.garment, "garment_image"),
  ]);
  return { ...EMPTY, person, garments: [garment] };
}
