/**
 * OTLP's JSON, written as text piece by piece: faster than building objects of it, and no `toJSON` that a host put on
 * every object has a part in it.
 */
import { SEVERITY_NUMBERS, type FlatAttributes, type LogEvent, type SafeValue } from "./types.js";
import { wellFormed } from "./wellFormed.js";

// Kept from before a test of the host, or a library, puts its own in their place.
const { stringify } = JSON;

/** Return a text as JSON has it, fit for UTF-8. */
export function quoted(text: string): string {
  return stringify(wellFormed(text));
}

/** Return a value as OTLP's AnyValue. */
export function anyValue(value: SafeValue): string {
  switch (typeof value) {
    case "string":
      return `{"stringValue":${quoted(value)}}`;
    case "number":
      return numberValue(value);
    case "boolean":
      return `{"boolValue":${value}}`;
    case "bigint":
      return BigInt.asIntN(64, value) === value ? `{"intValue":"${value}"}` : `{"stringValue":"${value}"}`;
    default:
      if (value === null) return "{}";
      if (Array.isArray(value)) return `{"arrayValue":{"values":[${value.map(anyValue).join(",")}]}}`;
      return `{"kvlistValue":{"values":[${[...value].map(([key, each]) => keyValue(key, each)).join(",")}]}}`;
  }
}

/** Whole numbers are decimal text, and those without a place in JSON have names. */
function numberValue(value: number): string {
  if (Number.isSafeInteger(value)) return `{"intValue":"${value}"}`;
  return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`;
}

function keyValue(key: string, value: SafeValue): string {
  return `{"key":${quoted(key)},"value":${anyValue(value)}}`;
}

/** Return flat attributes as OTLP's list. */
export function keyValues(attributes: FlatAttributes): string {
  let list = "";
  for (let at = 0; at + 1 < attributes.length; at += 2) {
    if (at > 0) list += ",";
    list += keyValue(attributes[at] as string, attributes[at + 1] as SafeValue);
  }
  return `[${list}]`;
}

/** Return an instant as OTLP's decimal text of nanoseconds; a double holds microseconds since 1970 exactly. */
export function unixNano(timeUnixMs: number): string {
  return `${Math.round(timeUnixMs * 1000)}000`;
}

/** Return an event as OTLP's LogRecord. */
export function logRecord(event: LogEvent): string {
  const { level, tag, body, attributes, trace } = event;
  const time = unixNano(event.timeUnixMs);
  const span = trace ? `,"traceId":"${trace.traceId}","spanId":"${trace.spanId}","flags":${trace.flags}` : "";
  return (
    `{"timeUnixNano":"${time}","observedTimeUnixNano":"${time}","severityNumber":${SEVERITY_NUMBERS[level]}` +
    `,"severityText":"${level.toUpperCase()}","eventName":${quoted(tag)},"body":{"stringValue":${quoted(body)}}` +
    `,"attributes":${keyValues(attributes)}${span}}`
  );
}

/** Whose the records of a request are, and what made them. */
export interface Origin {
  readonly resource: FlatAttributes;
  readonly scopeName: string;
  readonly scopeVersion: string;
}

/** Return the text before and after the records of an ExportLogsServiceRequest; commas go between them. */
export function logsEnvelope(origin: Origin): [string, string] {
  const scope = `{"name":${quoted(origin.scopeName)},"version":${quoted(origin.scopeVersion)}}`;
  const resource = `{"attributes":${keyValues(origin.resource)}}`;
  return [`{"resourceLogs":[{"resource":${resource},"scopeLogs":[{"scope":${scope},"logRecords":[`, "]}]}]}"];
}
