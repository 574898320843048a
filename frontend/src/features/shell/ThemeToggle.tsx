import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { keep } from "../../api/kept";
import { Button } from "../../ui/Button";

// public/theme.js reads the same key before the first paint.
const KEPT = "leffa.theme";

/** Light or dark; the system's choice until the button is pressed. */
export function ThemeToggle() {
  const { t } = useTranslation();
  const [dark, setDark] = useState(() => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  });

  useEffect(() => {
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const follow = () => document.documentElement.dataset.theme === undefined && setDark(system.matches);
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);

  const toggle = () => {
    const theme = dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    keep(KEPT, theme);
    setDark(!dark);
  };
  return (
    <Button look="quiet" icon={dark ? "sun" : "moon"} iconOnly onClick={toggle}>
      {t(dark ? "theme.light" : "theme.dark")}
    </Button>
  );
}
