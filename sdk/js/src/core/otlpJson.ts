import { keyValues, type AnyValue, type KeyValue } from "./anyValue.js";
import { SEVERITY_NUMBERS, type FlatAttributes, type LogEvent, type Scrub, type SpanEvent } from "./types.js";
import { wellFormed } from "./wellFormed.js";

/** OTLP's LogRecord in JSON: ids in hex, 64-bit numbers as text. */
export interface LogRecord {
  timeUnixNano: string;
  observedTimeUnixNano: string;
  severityNumber: number;
  severityText: string;
  eventName: string;
  body: AnyValue;
  attributes: KeyValue[];
  traceId?: string;
  spanId?: string;
  flags?: number;
}

/** OTLP's Span in JSON. */
export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: KeyValue[];
  status?: { code: number };
}

/** Return an instant as OTLP's decimal text of nanoseconds; a double holds microseconds since 1970 exactly. */
export function unixNano(timeUnixMs: number): string {
  return `${Math.round(timeUnixMs * 1000)}000`;
}

/** Return an event as OTLP's LogRecord. */
export function logRecord(event: LogEvent, scrub: Scrub): LogRecord {
  const time = unixNano(event.timeUnixMs);
  const record: LogRecord = {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: SEVERITY_NUMBERS[event.level],
    severityText: event.level.toUpperCase(),
    eventName: wellFormed(event.tag),
    body: { stringValue: wellFormed(scrub("", event.body)) },
    attributes: keyValues(event.attributes, scrub),
  };
  if (event.trace) {
    record.traceId = event.trace.traceId;
    record.spanId = event.trace.spanId;
    record.flags = event.trace.flags;
  }
  return record;
}

/** Return a span as OTLP's Span. */
export function spanRecord(span: SpanEvent, scrub: Scrub): Span {
  const record: Span = {
    traceId: span.traceId,
    spanId: span.spanId,
    name: wellFormed(scrub("", span.name)),
    kind: span.kind,
    startTimeUnixNano: unixNano(span.startUnixMs),
    endTimeUnixNano: unixNano(Math.max(span.startUnixMs, span.endUnixMs)),
    attributes: keyValues(span.attributes, scrub),
  };
  if (span.parentSpanId) record.parentSpanId = span.parentSpanId;
  if (span.status) record.status = { code: span.status };
  return record;
}

/** Where requests of one process differ: its resource and the name and version of what made the records. */
export interface Origin {
  readonly resource: FlatAttributes;
  readonly scopeName: string;
  readonly scopeVersion: string;
}

const asIs: Scrub = (_key, text) => text;

/** Return the text before and after the records of a request, so that records can be encoded one at a time. */
function envelope(origin: Origin, top: string, scopes: string, records: string): [string, string] {
  const resource = JSON.stringify({ attributes: keyValues(origin.resource, asIs) });
  const scope = JSON.stringify({ name: origin.scopeName, version: origin.scopeVersion });
  return [`{"${top}":[{"resource":${resource},"${scopes}":[{"scope":${scope},"${records}":[`, "]}]}]}"];
}

/** Return head and tail of an ExportLogsServiceRequest; records go between them, with commas. */
export function logsEnvelope(origin: Origin): [string, string] {
  return envelope(origin, "resourceLogs", "scopeLogs", "logRecords");
}

/** Return head and tail of an ExportTraceServiceRequest; spans go between them, with commas. */
export function tracesEnvelope(origin: Origin): [string, string] {
  return envelope(origin, "resourceSpans", "scopeSpans", "spans");
}
