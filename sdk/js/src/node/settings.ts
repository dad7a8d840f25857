import { SEVERITY_NUMBERS, type Level } from "../core/types.js";
import { EXIT_FLUSH_MS, FLUSH_INTERVAL_MS } from "./limits.js";

/** What a program may say to `configure` and `start`; the environment says what is left out. */
export interface Options {
  /** Name of the service; else OTEL_SERVICE_NAME, `service.name` of OTEL_RESOURCE_ATTRIBUTES, or the package's name. */
  readonly service?: string;
  /** Version of the service; else the version of the program's package.json. */
  readonly version?: string;
  /** Commit that runs; else what the environment of a build or a platform says, or the work tree. */
  readonly commit?: string;
  /** Where it runs, such as `production`. */
  readonly environment?: string;
  /**
   * Base address of an OTLP/HTTP server; `/v1/logs` is added. Else DEBUGQUEUE_ENDPOINT or
   * OpenTelemetry's variables; without any nothing is sent.
   */
  readonly endpoint?: string;
  /** API key, sent as `Authorization: Bearer …`; else DEBUGQUEUE_KEY. */
  readonly key?: string;
  /** Further headers of each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Write each event to stderr too, as a line of JSON; else DEBUGQUEUE_STDERR=1. */
  readonly stderr?: boolean;
  /** Personal data to replace beside secrets. */
  readonly scrub?: readonly ("email" | "ip")[];
  /** How long events are gathered before they are sent, in milliseconds. */
  readonly flushIntervalMs?: number;
  /** How long the end of the process waits for what is left, in milliseconds; 0 is not at all. */
  readonly exitFlushMs?: number;
  /** Signals on which what is left is sent before the process dies of them; none where the program has its own handler. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Events below it are ignored; else DEBUGQUEUE_LEVEL. */
  readonly level?: Level;
  /** Keep nothing and send nothing; else DEBUGQUEUE_DISABLED=1 or OTEL_SDK_DISABLED=true. */
  readonly disabled?: boolean;
}

/** Settings with nothing left open. */
export interface Settings {
  readonly url: URL | undefined;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly stderr: boolean;
  readonly scrub: readonly string[];
  readonly flushIntervalMs: number;
  readonly exitFlushMs: number;
  readonly signals: readonly NodeJS.Signals[];
  /** OpenTelemetry's number; events below it are ignored. */
  readonly lowestSeverity: number;
  readonly debug: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Return the settings that a program's options and the environment give; what cannot be read is left out. */
export function settings(options: Options, env: Environment = process.env): Settings {
  const stderr = options.stderr ?? isOn(env["DEBUGQUEUE_STDERR"]);
  const key = options.key ?? env["DEBUGQUEUE_KEY"];
  const isOff = options.disabled ?? (isOn(env["DEBUGQUEUE_DISABLED"]) || isOn(env["OTEL_SDK_DISABLED"]));
  const url = logsUrl(options, env);
  return {
    url,
    key,
    headers: {
      ...pairs(env["OTEL_EXPORTER_OTLP_HEADERS"]),
      ...pairs(env["OTEL_EXPORTER_OTLP_LOGS_HEADERS"]),
      ...(key ? { authorization: `Bearer ${key}` } : {}),
      ...options.headers,
    },
    stderr,
    scrub: options.scrub ?? [],
    flushIntervalMs: milliseconds(options.flushIntervalMs, FLUSH_INTERVAL_MS),
    exitFlushMs: milliseconds(options.exitFlushMs, EXIT_FLUSH_MS),
    signals: options.signals ?? ["SIGTERM"],
    lowestSeverity: isOff || (url === undefined && !stderr) ? Infinity : severityOf(options.level ?? env["DEBUGQUEUE_LEVEL"]),
    debug: isOn(env["DEBUGQUEUE_DEBUG"]),
  };
}

function logsUrl(options: Options, env: Environment): URL | undefined {
  const own = options.endpoint || env["DEBUGQUEUE_ENDPOINT"];
  const exact = own ? undefined : env["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"];
  const base = (own || env["OTEL_EXPORTER_OTLP_ENDPOINT"])?.replace(/\/{1,8}$/, "");
  const address = exact || (base?.endsWith("/v1/logs") ? base : base && `${base}/v1/logs`);
  if (!address) return undefined;
  try {
    const url = new URL(address);
    return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
  } catch {
    return undefined;
  }
}

/** Return `a=b,c=d` with its percent signs decoded, as OpenTelemetry's variables have it. */
export function pairs(text: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of (text ?? "").slice(0, 16_384).split(",")) {
    const equals = pair.indexOf("=");
    if (equals <= 0) continue;
    found[pair.slice(0, equals).trim()] = decoded(pair.slice(equals + 1).trim());
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function severityOf(level: string | undefined): number {
  return SEVERITY_NUMBERS[level?.toLowerCase() as Level] ?? 0;
}

function isOn(value: string | undefined): boolean {
  return ["1", "true", "yes", "on"].includes((value ?? "").trim().toLowerCase());
}

function milliseconds(value: number | undefined, otherwise: number): number {
  return typeof value === "number" && value >= 0 && value < 3_600_000 ? value : otherwise;
}
