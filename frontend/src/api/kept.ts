type Where = "localStorage" | "sessionStorage";

/** What a browser does not keep that forbids it, or has no room, lives as long as the page. */
const memory = new Map<string, string>();

/** A word that was kept before. */
export function kept(key: string, where: Where = "localStorage"): string | null {
  try {
    return memory.get(key) ?? window[where].getItem(key);
  } catch {
    return memory.get(key) ?? null;
  }
}

/** Keeps a word in this browser; `null` forgets it. */
export function keep(key: string, word: string | null, where: Where = "localStorage"): void {
  memory.delete(key);
  try {
    if (word === null) window[where].removeItem(key);
    else window[where].setItem(key, word);
  } catch {
    if (word !== null) memory.set(key, word);
  }
}
