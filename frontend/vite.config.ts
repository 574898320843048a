import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const API = process.env.LEFFA_API ?? "http://127.0.0.1:8000";

/** What the built page may load. The development server needs inline scripts, so only builds carry it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const contentSecurityPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
      injectTo: "head-prepend",
    },
  ],
};

export default defineConfig({
  plugins: [react(), contentSecurityPolicy],
  server: {
    port: 3000,
    strictPort: true,
    proxy: { "/api": { target: API, changeOrigin: true, rewrite: (path) => path.replace(/^\/api/, "") } },
  },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  worker: { format: "es" },
  test: {
    environment: "happy-dom",
    setupFiles: "./src/vitest.setup.ts",
    include: ["src/**/*.test.{ts,tsx}"],
  },
});
