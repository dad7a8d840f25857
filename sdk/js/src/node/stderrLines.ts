import { write, writeSync } from "node:fs";
import type { AnyValue, KeyValue } from "../core/anyValue.js";
import type { LogRecord } from "../core/otlpJson.js";

const STDERR = 2;

/** Lines that wait for a reader of stderr; further ones are left out. */
const MAX_LINES = 2048;

/** Writes events to stderr as lines of JSON, on another thread: a pipe that nobody reads would block this one. */
export class Lines {
  private readonly waiting: string[] = [];
  private writing: Promise<void> | undefined;

  /** @param service name of the service, which each line says. */
  constructor(private readonly service: string) {}

  /** Add a record; its values were scrubbed. */
  add(record: LogRecord): void {
    if (this.waiting.length >= MAX_LINES) return;
    this.waiting.push(JSON.stringify(lineOf(record, this.service)));
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

function lineOf(record: LogRecord, service: string): Record<string, unknown> {
  const attributes = object(record.attributes);
  const { "code.file.path": path, "code.line.number": line, "code.function.name": name = "", ...others } = attributes;
  return {
    ...others,
    time: `${new Date(Number(record.timeUnixNano.slice(0, -6))).toISOString().slice(0, -1)}${record.timeUnixNano.slice(-6, -3)}Z`,
    level: record.severityText,
    tag: record.eventName,
    message: plain(record.body),
    service,
    ...(record.traceId ? { trace_id: record.traceId, span_id: record.spanId } : {}),
    ...(path ? { code: `${String(path)}:${String(line)} ${String(name)}`.trimEnd() } : {}),
  };
}

function object(list: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));
}

function plain(value: AnyValue): unknown {
  if ("stringValue" in value) return value.stringValue;
  if ("boolValue" in value) return value.boolValue;
  if ("intValue" in value) return Number.isSafeInteger(Number(value.intValue)) ? Number(value.intValue) : value.intValue;
  if ("doubleValue" in value) return value.doubleValue;
  if ("arrayValue" in value) return (value.arrayValue as { values: AnyValue[] }).values.map(plain);
  if ("kvlistValue" in value) return object((value.kvlistValue as { values: KeyValue[] }).values);
  return null;
}
