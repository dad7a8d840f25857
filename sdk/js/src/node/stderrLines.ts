import { write, writeSync } from "node:fs";
import { quoted } from "../core/otlpJson.js";
import type { FlatAttributes, LogEvent, SafeValue } from "../core/types.js";

const STDERR = 2;

/** Lines that wait for a reader of stderr; further ones are left out. */
const MAX_LINES = 2048;

/** Writes events to stderr as lines of JSON, on another thread: a pipe that nobody reads would block this one. */
export class Lines {
  private readonly waiting: string[] = [];
  private writing: Promise<void> | undefined;

  /** @param service name of the service, which each line says. */
  constructor(private readonly service: string) {}

  /** Add an event, which was scrubbed. */
  add(event: LogEvent): void {
    if (this.waiting.length >= MAX_LINES) return;
    this.waiting.push(lineOf(event, this.service));
    void this.written();
  }

  /** Resolves when what was added is written; it waits as long as a reader of stderr does. */
  async written(): Promise<void> {
    while (this.writing ?? this.waiting.length > 0) await (this.writing ??= this.writeAll());
  }

  /** Write what is left, at the end of the process. */
  writtenSync(): void {
    if (this.waiting.length === 0) return;
    try {
      writeSync(STDERR, this.taken());
    } catch {
      // A closed or full stderr at the end of the process: there is nobody left to tell.
    }
  }

  private taken(): string {
    return this.waiting.splice(0).map((line) => `${line}\n`).join("");
  }

  private writeAll(): Promise<void> {
    return new Promise((resolve) => {
      const bytes = Buffer.from(this.taken());
      const from = (offset: number): void =>
        write(STDERR, bytes, offset, (error, count) => {
          if (!error && offset + count < bytes.length) from(offset + count);
          else {
            this.writing = undefined;
            resolve();
          }
        });
      from(0);
    });
  }
}

/** Fields of a line that an attribute of the same name does not replace. */
const OWN = ["time", "level", "tag", "message", "service", "trace_id", "span_id", "code"];

/** Return an event as a line of JSON, without its end. */
export function lineOf(event: LogEvent, service: string): string {
  const { timeUnixMs, level, tag, body, attributes, trace } = event;
  const { "code.file.path": path, "code.line.number": line, "code.function.name": name, ...others } = object(attributes);
  const micros = String(Math.round(timeUnixMs * 1000)).slice(-3);
  const time = `${new Date(timeUnixMs).toISOString().slice(0, -1)}${micros}Z`;
  const fields: [string, SafeValue | undefined][] = [
    ...Object.entries({ time, level: level.toUpperCase(), tag, message: body, service }),
    ["trace_id", trace?.traceId],
    ["span_id", trace?.spanId],
    ["code", typeof path === "string" ? `${path}:${String(line)} ${String(name ?? "")}`.trimEnd() : undefined],
    ...Object.entries(others).filter(([key]) => !OWN.includes(key)),
  ];
  return json(new Map(fields.filter((field): field is [string, SafeValue] => field[1] !== undefined)));
}

function object(attributes: FlatAttributes): Record<string, SafeValue> {
  const all: Record<string, SafeValue> = {};
  for (let at = 0; at + 1 < attributes.length; at += 2) all[attributes[at] as string] = attributes[at + 1] as SafeValue;
  return all;
}

function json(value: SafeValue): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map(json).join(",")}]`;
  return `{${[...value].map(([key, each]) => `${quoted(key)}:${json(each)}`).join(",")}}`;
}
