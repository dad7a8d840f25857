/** The words that Node and the browser share. Nothing here has a cost at run time but the table of severities. */

declare global {
  /** Version of the package, put in by the build. */
  const __VERSION__: string;
}

/** How bad an event is, in the words of both SDKs. */
export type Level = "debug" | "info" | "warning" | "error" | "fatal";

/** OpenTelemetry's severity numbers of the levels. */
export const SEVERITY_NUMBERS: Readonly<Record<Level, number>> = { debug: 5, info: 9, warning: 13, error: 17, fatal: 21 };

/** What a caller hands over: anything; it is copied and bounded before it is kept. */
export type Details = Readonly<Record<string, unknown>>;

/** A value that holds no code of the host's: no getter, no proxy, no cycle. Only these are encoded. */
export type SafeValue = null | boolean | number | bigint | string | SafeValue[] | Map<string, SafeValue>;

/** Attributes as key, value, key, value…: half the memory of pairs and quick to copy. */
export type FlatAttributes = (string | SafeValue)[];

/** The span in which something happened; ids in lower-case hex. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** W3C trace flags; 1 is sampled. */
  readonly flags: number;
}

/** One event as it waits to be encoded. */
export interface LogEvent {
  /** Milliseconds since 1970, with a fraction where the clock gives one. */
  readonly timeUnixMs: number;
  readonly level: Level;
  readonly tag: string;
  readonly body: string;
  readonly attributes: FlatAttributes;
  readonly trace: TraceContext | undefined;
}

/** Why an event was not sent. */
export type DropReason = "queue_full" | "too_large" | "refused" | "expired";

/** Replaces secrets in a text; `key` is the attribute's name, or empty where there is none. */
export type Scrub = (key: string, text: string) => string;
