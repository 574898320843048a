import { useQuery } from "@tanstack/react-query";
import type { Check } from "../../api/client";
import { answer, client, multipart } from "../../api/client";
import type { Studio } from "../../studio/studio";

/** Something that the service noticed about a picture. */
export type Seen = Check["findings"][number];

async function check({ person, garments, options }: Studio): Promise<Check> {
  const form = new FormData();
  const garment = garments.at(-1); // the one that is shown
  if (person) form.append("human_image", person.blob, person.name);
  if (garment) form.append("garment_image", garment.blob, garment.name);
  form.append("garment_type", options.garmentType);
  return answer<Check>(client.POST("/check", multipart(form)));
}

/** What the service notices about the pictures before anything runs, by field; nothing where it cannot tell. */
export function useCheck(studio: Studio): (field: string) => Seen[] {
  const { person, garments, options } = studio;
  const { data } = useQuery({
    queryKey: ["check", person?.id, garments.at(-1)?.id, options.garmentType],
    queryFn: () => check(studio),
    enabled: person !== null || garments.length > 0,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  return (field) => data?.findings.filter((finding) => finding.field === field) ?? [];
}
