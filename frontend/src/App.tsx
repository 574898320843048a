import * as Tabs from "@radix-ui/react-tabs";
import { useTranslation } from "react-i18next";
import { History } from "./features/history/History";
import { useCollect } from "./features/history/useCollect";
import { useRun } from "./features/run/useRun";
import { Workbench } from "./features/run/Workbench";
import { Header } from "./features/shell/Header";
import shell from "./features/shell/Shell.module.css";
import type { View } from "./studio/address";
import { useAddress } from "./studio/address";

/** The page: three views under one header. */
export function App() {
  const { t } = useTranslation();
  const [{ view }, go] = useAddress();
  useCollect();
  // Here, so that an order that is being sent outlives a look at another view.
  const tryon = useRun("tryon");
  const pose = useRun("pose");
  return (
    <Tabs.Root value={view} onValueChange={(next) => go({ view: next as View })}>
      <Header />
      <main className={shell.main}>
        {view !== "history" && <h1 className="hidden">{t("title")}</h1>}
        <Tabs.Content value="tryon" tabIndex={-1}>
          <Workbench task="tryon" order={tryon} />
        </Tabs.Content>
        <Tabs.Content value="pose" tabIndex={-1}>
          <Workbench task="pose" order={pose} />
        </Tabs.Content>
        <Tabs.Content value="history" tabIndex={-1}>
          <History />
        </Tabs.Content>
      </main>
      <footer className={shell.footer}>{t("footer")}</footer>
    </Tabs.Root>
  );
}
