import { keep, kept } from "./kept";

const CLIENT = "leffa.client";
const KEY = "leffa.key";

/** A random word: 32 hexadecimal letters. `crypto.randomUUID` is missing where the page comes over plain HTTP. */
export function randomWord(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The word that owns this browser's jobs, made once. */
function clientId(): string {
  const known = kept(CLIENT);
  if (known) return known;
  const made = randomWord();
  keep(CLIENT, made);
  return made;
}

/** The API key that the user entered, where the operator asks for one. */
export const apiKey = (): string | null => kept(KEY);

/** Keeps an API key in this browser; an empty one forgets it. */
export const keepApiKey = (key: string): void => keep(KEY, key || null);

/** Who asks, as headers. */
export function identity(): Record<string, string> {
  const key = apiKey();
  return key ? { Authorization: `Bearer ${key}` } : { "X-Client-ID": clientId() };
}
