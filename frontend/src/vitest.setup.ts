import "fake-indexeddb/auto";
import { cleanup } from "@testing-library/react";
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { afterEach } from "vitest";
import en from "./i18n/en.json";

await i18next.use(initReactI18next).init({ lng: "en", resources: { en: { translation: en } } });
afterEach(cleanup);
