import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { keep, kept } from "../api/kept";
import en from "./en.json";

/** Languages by code, each named in itself. */
export const LANGUAGES = { en: "English", de: "Deutsch", zh: "简体中文" } as const;
export type Language = keyof typeof LANGUAGES;

const KEPT = "leffa.language";
const LOADERS = { de: () => import("./de.json"), zh: () => import("./zh.json") };

const isLanguage = (word: string): word is Language => word in LANGUAGES;

/** The language chosen before, else the browser's first that there is, else English. */
function firstLanguage(): Language {
  const wanted = [kept(KEPT) ?? "", ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find(isLanguage) ?? "en";
}

/** Changes the page's language and remembers it; loads the texts when they are first needed. */
export async function changeLanguage(language: Language): Promise<void> {
  if (language !== "en" && !i18next.hasResourceBundle(language, "translation")) {
    const { default: texts } = await LOADERS[language]();
    i18next.addResourceBundle(language, "translation", texts);
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  keep(KEPT, language);
}

/** Starts with English, which is always there; resolves once the user's own language is. */
export async function startLanguages(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  const language = firstLanguage();
  if (language !== "en") await changeLanguage(language);
}
