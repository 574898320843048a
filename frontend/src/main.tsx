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

const queries = new QueryClient({ defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false } } });

await startLanguages();
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
