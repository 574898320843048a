import { useCallback, useSyncExternalStore } from "react";

export type View = "tryon" | "pose" | "history";

const VIEWS: readonly string[] = ["tryon", "pose", "history"];
const CHANGED = "leffa:address";

/** What the address says: the view, and the job whose result is shown. */
export interface Address {
  view: View;
  job: string | null;
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(CHANGED, listener);
  };
}

export function parseAddress(search: string): Address {
  const query = new URLSearchParams(search);
  const view = query.get("view") ?? "";
  return { view: VIEWS.includes(view) ? (view as View) : "tryon", job: query.get("job") };
}

/** Goes to another address; `instead` of this one, to which the way back then does not lead. */
export type Go = (to: Partial<Address>, instead?: "instead") => void;

/** The address, and a function that goes to another one; both survive a reload. */
export function useAddress(): [Address, Go] {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  const go = useCallback<Go>((to, instead) => {
    const { view, job } = { ...parseAddress(window.location.search), ...to };
    const query = new URLSearchParams({ ...(view !== "tryon" && { view }), ...(job && { job }) }).toString();
    const address = query ? `?${query}` : window.location.pathname;
    if (instead) window.history.replaceState(null, "", address);
    else window.history.pushState(null, "", address);
    window.dispatchEvent(new Event(CHANGED));
  }, []);
  return [parseAddress(search), go];
}
