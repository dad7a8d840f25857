import { snapshot } from "../core/snapshot.js";
import type { LogEvent, TraceContext } from "../core/types.js";
import { cut } from "../core/wellFormed.js";
import { unixMs } from "./clock.js";
import { levelOf } from "./level.js";
import { EVENT_BYTES } from "./limits.js";
import type { Waiting } from "./queue.js";

/** Units of a line that are kept; a longer one is no JSON any more and is sent as text. */
const MAX_LINE_LENGTH = 32 * 1024;

/** Fields of a line that have a place of their own in an event. */
const KNOWN = ["level", "name", "time", "msg", "message", "err", "error", "trace_id", "span_id", "trace_flags", "pid", "hostname", "v"];

/** A line of JSON as pino writes it, read when it is sent. */
export class LineEvent implements Waiting {
  readonly bytes: number;
  private readonly line: string;
  private readonly writtenUnixMs = unixMs();

  constructor(
    line: string,
    private readonly trace: TraceContext | undefined,
  ) {
    this.line = cut(line, MAX_LINE_LENGTH);
    this.bytes = EVENT_BYTES + 2 * this.line.length;
  }

  event(): LogEvent {
    const fields = parsed(this.line);
    if (fields === undefined) return this.plain(this.line.trimEnd());
    const body = text(fields["msg"]) ?? text(fields["message"]) ?? "";
    const { level, time, trace } = { level: levelOf(fields["level"]), time: timeOf(fields["time"]), trace: traceOf(fields) };
    const others = Object.fromEntries(Object.entries(fields).filter(([name]) => !KNOWN.includes(name)));
    const { attributes } = snapshot({ "logger.name": text(fields["name"]) ?? "pino", ...others, ...exceptionOf(fields["err"] ?? fields["error"]) });
    return { timeUnixMs: time ?? this.writtenUnixMs, level, tag: "", body, attributes, trace: this.trace ?? trace };
  }

  private plain(body: string): LogEvent {
    return { timeUnixMs: this.writtenUnixMs, level: "info", tag: "", body, attributes: [], trace: this.trace };
  }
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : value;
  return typeof time === "number" && time > 0 && time < 1e13 ? time : undefined;
}

function traceOf(fields: Record<string, unknown>): TraceContext | undefined {
  const [traceId, spanId] = [text(fields["trace_id"]) ?? "", text(fields["span_id"]) ?? ""];
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(String(fields["trace_flags"] ?? "1"), 16) & 0xff };
}

/** pino's own serialiser of errors writes these three. */
function exceptionOf(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return value === undefined ? {} : { error: value };
  const { type, message, stack } = value as Record<string, unknown>;
  return { "exception.type": text(type), "exception.message": text(message), "exception.stacktrace": text(stack) };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
