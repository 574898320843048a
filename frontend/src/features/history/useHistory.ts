import type { UseQueryResult } from "@tanstack/react-query";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { Entry } from "./store";
import { readEntries } from "./store";

const KEY = ["history"];

/** The jobs of this browser, newest first. */
export const useHistory = (): UseQueryResult<Entry[]> =>
  useQuery({ queryKey: KEY, queryFn: readEntries, staleTime: Number.POSITIVE_INFINITY });

/** Reads the history anew after it was changed. */
export function useHistoryChanged(): () => Promise<void> {
  const queries = useQueryClient();
  return useCallback(() => queries.invalidateQueries({ queryKey: KEY }), [queries]);
}
