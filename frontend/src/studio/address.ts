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

/** The address, and a function that goes to another one; both survive a reload. */
export function useAddress(): [Address, (to: Partial<Address>) => void] {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  const go = useCallback((to: Partial<Address>) => {
    const { view, job } = { ...parseAddress(window.location.search), ...to };
    const query = new URLSearchParams({ ...(view !== "tryon" && { view }), ...(job && { job }) }).toString();
    window.history.pushState(null, "", query ? `?${query}` : window.location.pathname);
    window.dispatchEvent(new Event(CHANGED));
  }, []);
  return [parseAddress(search), go];
}
