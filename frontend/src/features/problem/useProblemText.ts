import { useTranslation } from "react-i18next";
import type { Problem } from "../../api/problems";
import type en from "../../i18n/en.json";

type Known = Exclude<keyof (typeof en)["problem"], "details">;

/** What to tell of a problem: in the user's language where the code is known, else in the service's words. */
export function useProblemText(): (
  problem: Pick<Problem, "code" | "detail" | "fix"> & { title?: string },
) => {
  title: string;
  fix: string;
  detail: string;
} {
  const { t, i18n } = useTranslation();
  const isKnown = (code: string): code is Known => i18n.exists(`problem.${code}.title`);
  return ({ code, title, fix, detail }) =>
    isKnown(code)
      ? { title: t(`problem.${code}.title`), fix: t(`problem.${code}.fix`), detail }
      : { title: title || detail || code, fix, detail };
}
