import { scrub } from "./scrub.js";
import { put } from "./send.js";
import { randomHex, session } from "./settings.js";

/** Attributes by name; plain objects inside become names with dots, absent values are left out. */
export type Fields = Record<string, unknown>;

/** The place of a record in a trace. */
export interface Place {
  /** 32 hex digits. */
  _trace: string;
  /** 16 hex digits. */
  _span: string;
}

/** A span still to be written; instants in ms of `performance.now()`. */
export interface Draft extends Place {
  _name: string;
  _start: number;
  _end: number;
  _fields: Fields;
  _parent?: string | undefined;
  /** Of OTLP's kinds: 1 is internal, 3 a client"s. */
  _kind?: number;
  _failed?: boolean;
  _link?: Place | undefined;
}

/** Severities of OTLP by level. */
export const LEVELS = { debug: 5, info: 9, warning: 13, error: 17, fatal: 21 };

const MOST_FIELDS = 64;
const DEEPEST = 4;

/** Milliseconds since the page began, as `performance` counts them. */
export const now = (): number => performance.now();

/**
 * Return an instant as OTLP writes it. While a machine sleeps some browsers' clocks stand still, so
 * more than a second between them and the wall clock is made good.
 */
const unixNs = (ms: number): string => {
  const behind = Date.now() - performance.timeOrigin - now();
  const moved = Math.abs(behind) > 1000 ? behind : 0;
  return Math.round((performance.timeOrigin + ms + moved) * 1000) + "000";
};

const asText = (value: unknown): string => {
  try {
    return typeof value == "object" ? (JSON.stringify(value) ?? "") : String(value);
  } catch {
    return "[unreadable]";
  }
};

/** A card number may come as a number: where the rules replace its text, the replacement is sent. */
const number = (key: string, value: number): object => {
  const rounded = Math.round(value * 1e4) / 1e4;
  const text = `${rounded}`;
  const scrubbed = scrub(key, text);
  return scrubbed != text
    ? { stringValue: scrubbed }
    : Number.isSafeInteger(rounded)
      ? { intValue: rounded }
      : { doubleValue: rounded };
};

function pack(fields: Fields, into: object[] = [], prefix = "", depth = 1): object[] {
  for (const name of Object.keys(fields)) {
    if (into.length >= MOST_FIELDS) break;
    const key = prefix + name;
    let value: unknown;
    try {
      value = fields[name];
      if (Object.prototype.toString.call(value) == "[object Object]" && depth < DEEPEST) {
        pack(value as Fields, into, key + ".", depth + 1);
        continue;
      }
    } catch {
      value = "[unreadable]";
    }
    if (value == null || value === "") continue;
    into.push({
      key,
      value:
        typeof value == "boolean"
          ? { boolValue: value }
          : typeof value == "number" && Number.isFinite(value)
            ? number(key, value)
            : { stringValue: scrub(key, asText(value)) },
    });
  }
  return into;
}

/** Return a place of its own, in the same trace or a new one. */
export const place = (trace?: string): Place => ({
  _trace: trace || randomHex(16),
  _span: randomHex(8),
});

/** Hand a span over for sending. */
export const span = (draft: Draft): void =>
  put("traces", {
    traceId: draft._trace,
    spanId: draft._span,
    parentSpanId: draft._parent,
    flags: 1,
    name: draft._name,
    kind: draft._kind || 1,
    startTimeUnixNano: unixNs(draft._start),
    endTimeUnixNano: unixNs(Math.max(draft._start, draft._end)),
    attributes: pack({ ...draft._fields, "session.id": session }),
    links: draft._link && [{ traceId: draft._link._trace, spanId: draft._link._span }],
    status: draft._failed ? { code: 2 } : undefined,
  });

/** Hand a log record over for sending. */
export const event = (
  name: string,
  fields: Fields,
  at?: Place,
  severity = LEVELS.info,
  message = name,
  time = now(),
): void =>
  put("logs", {
    timeUnixNano: unixNs(time),
    observedTimeUnixNano: unixNs(now()),
    severityNumber: severity,
    eventName: name,
    body: { stringValue: scrub("", message) },
    attributes: pack({ ...fields, "session.id": session }),
    flags: 1,
    traceId: at?._trace,
    spanId: at?._span,
  });

/** Return the attributes of the resource: what all records of the page share. */
export const resource = (fields: Fields): object => ({ attributes: pack(fields) });
