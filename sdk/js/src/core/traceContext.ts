import type { TraceContext } from "./types.js";

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

/** Return what a W3C `traceparent` says, or undefined where it is malformed, all zero or of the forbidden version. */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  // 55 units make a version 00 header; longer ones are later versions, of which only the beginning counts.
  if (typeof text !== "string" || text.length < 55 || text.length > 512) return undefined;
  const found = TRACEPARENT.exec(text);
  if (!found || text.startsWith("ff") || (text.startsWith("00") && text.length > 55)) return undefined;
  if (text.length > 55 && text[55] !== "-") return undefined;
  const [, traceId, spanId, flags] = found as unknown as [string, string, string, string];
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: parseInt(flags, 16) };
}

/** Return the W3C `traceparent` of a span. */
export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${(trace.flags & 0xff).toString(16).padStart(2, "0")}`;
}
