import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ErrorBoundary } from "./features/problem/ErrorBoundary";
import { startLanguages } from "./i18n";
import { StudioProvider } from "./studio/StudioProvider";
import "./styles/tokens.css";
import "./styles/base.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

// The service may well be on this very machine: it answers where the browser believes that it is offline.
const networkMode = "always";
const queries = new QueryClient({
  defaultOptions: {
    queries: { networkMode, retry: 1, refetchOnWindowFocus: false },
    mutations: { networkMode },
  },
});

await startLanguages().catch(() => undefined); // English is there whatever fails
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <QueryClientProvider client={queries}>
        <StudioProvider>
          <App />
        </StudioProvider>
      </QueryClientProvider>
    </ErrorBoundary>
  </StrictMode>,
);
