import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";
import type { DropReason, LogEvent } from "../core/types.js";
import { GZIP_FROM_BYTES } from "./limits.js";
import type { Body } from "./request.js";

/** Encoded events that are sent together. */
export interface Batch {
  /** Reports of drops and then events, as OTLP records in JSON. */
  readonly records: readonly string[];
  /** How many of the records are events. */
  readonly events: number;
  /** Bytes that the queue reckons for them. */
  readonly bytes: number;
  /** Drops that this batch reports, beside its records. */
  readonly drops: Map<DropReason, number>;
  /** When it was first tried, on the monotonic clock. */
  readonly sinceMs: number;
}

/** Return two halves of a batch; the first reports the drops. */
export function halves(batch: Batch): [Batch, Batch] {
  const middle = batch.records.length >> 1;
  const bytes = Math.floor(batch.bytes / 2);
  const reports = batch.records.length - batch.events;
  const events = middle - Math.min(middle, reports);
  return [
    { ...batch, records: batch.records.slice(0, middle), events, bytes },
    { ...batch, records: batch.records.slice(middle), events: batch.events - events, bytes: batch.bytes - bytes, drops: new Map() },
  ];
}

/** Return the event that tells how many events were dropped, and why. */
export function dropReport(reason: DropReason, count: number, timeUnixMs: number): LogEvent {
  return {
    timeUnixMs,
    level: "warning",
    tag: "debugqueue.dropped",
    body: `${count} events were dropped: ${reason}`,
    attributes: ["debugqueue.dropped.count", count, "debugqueue.dropped.reason", reason],
    trace: undefined,
  };
}

/** Return a request's text; `envelope` is what stands before and after the records. */
export function requestText(envelope: readonly [string, string], records: readonly string[]): string {
  return envelope[0] + records.join(",") + envelope[1];
}

const gzipped = promisify(gzip);

/** Return a request's text as it is sent, compressed on another thread where that pays. */
export async function bodyOf(text: string): Promise<Body> {
  const bytes = Buffer.from(text);
  if (bytes.length < GZIP_FROM_BYTES) return { bytes, gzipped: false };
  // Level 1 takes a third of the time of level 6 for a tenth more bytes.
  return { bytes: await gzipped(bytes, { level: 1, chunkSize: 128 * 1024 }), gzipped: true };
}

/** The same at once, for the end of the process. */
export function bodyOfSync(text: string): Body {
  const bytes = Buffer.from(text);
  return bytes.length < GZIP_FROM_BYTES ? { bytes, gzipped: false } : { bytes: gzipSync(bytes, { level: 1 }), gzipped: true };
}
