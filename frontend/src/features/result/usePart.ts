import { useQuery } from "@tanstack/react-query";
import { picture } from "../../api/client";

export type Part = "mask" | "densepose" | "parsing" | "flow";

/** What the service saw or did for one picture of a job, as long as it keeps it. */
export const usePart = (job: string, number: number, part: Part) =>
  useQuery({
    queryKey: ["part", job, number, part],
    queryFn: () => picture(`/jobs/${job}/${part}?number=${number}`),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
