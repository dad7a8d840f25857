/** Bundles of other browser SDKs, as their documentation sets them up, built from the npm registry. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "build", "peers");

const ENTRIES = {
  "web-vitals 6.2.3, attribution": `export * from "web-vitals/attribution";`,
  "OpenTelemetry web 2 (tracer, OTLP/HTTP, fetch, document load)": `
    import { WebTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-web";
    import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
    import { registerInstrumentations } from "@opentelemetry/instrumentation";
    import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
    import { DocumentLoadInstrumentation } from "@opentelemetry/instrumentation-document-load";
    new WebTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] }).register();
    registerInstrumentations({ instrumentations: [new FetchInstrumentation(), new DocumentLoadInstrumentation()] });`,
  "Grafana Faro web SDK 2": `
    import { initializeFaro, getWebInstrumentations } from "@grafana/faro-web-sdk";
    initializeFaro({ url: "/collect", app: { name: "shop" }, instrumentations: getWebInstrumentations() });`,
  "Sentry browser 11, errors and tracing": `
    import * as Sentry from "@sentry/browser";
    Sentry.init({ dsn: "https://key@example.org/1", tracesSampleRate: 1, integrations: [Sentry.browserTracingIntegration()] });`,
};

const PACKAGES = [
  "web-vitals@6.2.3",
  "@opentelemetry/sdk-trace-web@2",
  "@opentelemetry/exporter-trace-otlp-http",
  "@opentelemetry/instrumentation",
  "@opentelemetry/instrumentation-fetch",
  "@opentelemetry/instrumentation-document-load",
  "@opentelemetry/api@1",
  "@grafana/faro-web-sdk@2",
  "@sentry/browser@11",
];

/** Yield the name and the minified text of each. */
export async function* peers() {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...PACKAGES], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  for (const [name, contents] of Object.entries(ENTRIES)) {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: folder },
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      platform: "browser",
      target: "es2020",
      legalComments: "none",
      define: { "process.env.NODE_ENV": '"production"' },
    });
    yield [name, outputFiles[0].text];
  }
}
