import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** The page is built into the Python package, which serves it; `npm run dev` forwards to a server or `npm run stub`. */
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../src/tracepulse/static",
    emptyOutDir: true,
    // The browsers that know light-dark(); older targets would have it rewritten.
    target: ["chrome123", "firefox120", "safari17.5"],
    // Content-Security-Policy default-src 'self' forbids data: addresses and inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "licences.md" },
  },
  server: { port: 5173, proxy: { "/api": process.env["TRACEPULSE_URL"] ?? "http://127.0.0.1:8600" } },
  test: { include: ["test/**/*.test.ts"] },
});
