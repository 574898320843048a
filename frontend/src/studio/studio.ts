export type Task = "tryon" | "pose";
export type GarmentType = "upper_body" | "lower_body" | "dresses";
export type Fit = "auto" | "keep" | "short" | "long";
export type Preset = "exact" | "fast" | "turbo";
export type Format = "png" | "jpeg" | "webp";

/** A picture that was taken in: checked, turned upright, no larger than needed. */
export interface Photo {
  id: string;
  blob: Blob;
  name: string;
  width: number;
  height: number;
}

/** What can be set. `null` leaves the value to the model, `""` leaves the model to the service. */
export interface Options {
  garmentType: GarmentType;
  model: string;
  preset: Preset | "";
  steps: number | null;
  guidance: number | null;
  seed: number | null;
  count: number;
  format: Format;
  sleeves: Fit;
  length: Fit;
  protect: string[];
  refAcceleration: boolean;
  repaint: boolean;
}

/** All that the user has chosen so far. */
export interface Studio {
  person: Photo | null;
  garments: Photo[];
  pose: Photo | null;
  mask: Blob | null;
  options: Options;
}

export const DEFAULTS: Options = {
  garmentType: "upper_body",
  model: "",
  preset: "",
  steps: null,
  guidance: null,
  seed: null,
  count: 1,
  format: "png",
  sleeves: "auto",
  length: "auto",
  protect: [],
  refAcceleration: false,
  repaint: false,
};
export const EMPTY: Studio = { person: null, garments: [], pose: null, mask: null, options: DEFAULTS };
export const MOST_GARMENTS = 16;

/** Which garments stay when others come: all, or all but the last, which is the one that is shown. */
export type Keep = "all" | "others";

export type Action =
  | { type: "person"; photo: Photo | null }
  | { type: "garments"; photos: Photo[]; keep?: Keep; garmentType?: GarmentType | undefined }
  | { type: "pose"; photo: Photo | null }
  | { type: "mask"; mask: Blob | null }
  | { type: "options"; change: Partial<Options> }
  | { type: "restore"; studio: Studio };

/** The next studio. A mask belongs to one photo and one garment type, and goes with either. */
export function reduce(studio: Studio, action: Action): Studio {
  switch (action.type) {
    case "person":
      return { ...studio, person: action.photo, mask: null };
    case "garments":
      return withOptions(
        { ...studio, garments: [...kept(studio, action.keep), ...action.photos].slice(0, MOST_GARMENTS) },
        action.garmentType ? { garmentType: action.garmentType } : {},
      );
    case "pose":
      return { ...studio, pose: action.photo };
    case "mask":
      return { ...studio, mask: action.mask };
    case "options":
      return withOptions(studio, action.change);
    case "restore":
      return action.studio;
  }
}

const kept = ({ garments }: Studio, keep: Keep | undefined): Photo[] =>
  keep === "all" ? garments : keep === "others" ? garments.slice(0, -1) : [];

function withOptions(studio: Studio, change: Partial<Options>): Studio {
  const options = { ...studio.options, ...change };
  const sameMask = options.garmentType === studio.options.garmentType;
  return { ...studio, options, mask: sameMask ? studio.mask : null };
}

/** Whether there is all that a job needs. */
export const isReady = (studio: Studio, task: Task): boolean =>
  studio.person !== null && (task === "tryon" ? studio.garments.length > 0 : studio.pose !== null);
