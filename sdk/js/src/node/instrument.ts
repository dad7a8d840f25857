import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as module from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { isInstrumented } from "./openTelemetry.js";
import { atTheEnd } from "./exit.js";
import type { Settings } from "./settings.js";

/** What of OpenTelemetry's packages is used. */
interface NodeSdk {
  start(): void;
  shutdown(): Promise<void>;
}
interface SdkPackage {
  NodeSDK: new (options: { serviceName: string; instrumentations: unknown[] }) => NodeSdk;
}
interface InstrumentationsPackage {
  getNodeAutoInstrumentations(): unknown;
}

/** What came of trying to instrument the program. */
export type Instrumented = "started" | "already there" | "not installed";

/**
 * Load OpenTelemetry's automatic instrumentation, where the program has it installed.
 *
 * @param service name of the service.
 */
export function instrument(settings: Settings, service: string): Instrumented {
  if (isInstrumented()) return "already there";
  const found = find("@opentelemetry/sdk-node", "@opentelemetry/auto-instrumentations-node");
  if (found === undefined) return "not installed";
  pointAtServer(settings);
  if (isModule()) hookModules(found.from);
  const { NodeSDK } = found.require("@opentelemetry/sdk-node") as SdkPackage;
  const { getNodeAutoInstrumentations } = found.require("@opentelemetry/auto-instrumentations-node") as InstrumentationsPackage;
  const sdk = new NodeSDK({ serviceName: service, instrumentations: [getNodeAutoInstrumentations()] });
  sdk.start();
  atTheEnd(() => sdk.shutdown());
  return "started";
}

/** Look for packages where the program is, where it was started, and beside us. */
function find(...names: string[]): { require: NodeJS.Require; from: string } | undefined {
  for (const from of [process.argv[1], join(process.cwd(), "package.json"), __filename]) {
    if (!from) continue;
    try {
      const require = createRequire(from);
      for (const name of names) require.resolve(name);
      return { require, from: require.resolve(names.at(-1) ?? "") };
    } catch {
      // Not from here.
    }
  }
  return undefined;
}

/** OpenTelemetry's exporters read the environment; what was said to us is said to them, unless they were told. */
function pointAtServer({ url, key }: Settings): void {
  if (url === undefined || process.env["OTEL_EXPORTER_OTLP_ENDPOINT"]) return;
  process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = url.href.replace(/\/v1\/logs$/, "");
  if (key && !process.env["OTEL_EXPORTER_OTLP_HEADERS"]) {
    process.env["OTEL_EXPORTER_OTLP_HEADERS"] = `authorization=${encodeURIComponent(`Bearer ${key}`)}`;
  }
}

/** Whether the program that runs is an ES module. */
export function isModule(program = process.argv[1]): boolean {
  if (program === undefined || /\.c[jt]s$/.test(program)) return false;
  if (/\.m[jt]s$/.test(program)) return true;
  for (let folder = dirname(program); ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) return /"type"\s{0,9}:\s{0,9}"module"/.test(readFileSync(file, "utf8").slice(0, 65_536));
    if (dirname(folder) === folder) return false;
  }
}

/** ES modules cannot be changed once loaded: a hook wraps those that are loaded from now on. */
function hookModules(from: string): void {
  const { register } = module as { register?: (name: string, from: URL) => void };
  register?.("@opentelemetry/instrumentation/hook.mjs", pathToFileURL(from));
}
