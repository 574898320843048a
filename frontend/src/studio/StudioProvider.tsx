import { get, set } from "idb-keyval";
import type { Dispatch, ReactNode } from "react";
import { createContext, useContext, useEffect, useReducer, useState } from "react";
import type { Action, Studio } from "./studio";
import { DEFAULTS, EMPTY, reduce } from "./studio";

const KEPT = "leffa.studio";
const Context = createContext<[Studio, Dispatch<Action>]>([EMPTY, () => undefined]);

/** What the user has chosen, and how to change it. */
export const useStudio = (): [Studio, Dispatch<Action>] => useContext(Context);

/** Holds the studio and keeps it in this browser, so that a reload loses nothing. */
export function StudioProvider({ children }: { children: ReactNode }) {
  const [studio, dispatch] = useReducer(reduce, EMPTY);
  const [restored, setRestored] = useState(false);

  useEffect(() => {
    get<Studio>(KEPT)
      .then((kept) => {
        if (kept)
          dispatch({
            type: "restore",
            studio: { ...EMPTY, ...kept, options: { ...DEFAULTS, ...kept.options } },
          });
      })
      .catch(() => undefined) // a browser that keeps nothing still works
      .finally(() => setRestored(true));
  }, []);

  useEffect(() => {
    if (restored) set(KEPT, studio).catch(() => undefined);
  }, [restored, studio]);

  return <Context value={[studio, dispatch]}>{children}</Context>;
}
