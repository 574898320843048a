import type en from "../../i18n/en.json";
import type { GarmentType } from "../../studio/studio";

/** A picture that comes with the page. `key` names its description in the catalogues. */
export interface Example {
  key: keyof (typeof en)["example"];
  url: string;
  garmentType?: GarmentType;
}

const example = (key: Example["key"], garmentType?: GarmentType): Example => ({
  key,
  url: `/examples/${key.replace(/(\d)/, "-$1")}.webp`,
  ...(garmentType && { garmentType }),
});

const PEOPLE = [example("person2"), example("person3"), example("person1"), example("astronaut")];
const GARMENTS = [
  example("garment3", "upper_body"),
  example("garment1", "upper_body"),
  example("garment2", "upper_body"),
  example("garment4", "lower_body"),
  example("garment5", "lower_body"),
  example("garment6", "dresses"),
];
export const SHELF = { person: PEOPLE, garment: GARMENTS, pose: [...PEOPLE].reverse() } as const;

/** What the empty result shows: this person in this garment. */
export const SHOWCASE = {
  person: "/examples/person-2.webp",
  garment: "/examples/garment-3.webp",
  result: "/examples/result.webp",
};
