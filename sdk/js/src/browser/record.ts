import { scrub } from "./scrub.js";
import { put } from "./send.js";
import { randomHex, session } from "./settings.js";
import { Limit, Severity } from "./limits.js";

/** Attributes by name; plain objects inside become names with dots, absent values are left out. */
export type Fields = Record<string, unknown>;

/** Something that has a name and an instant in ms of `performance.now()`. */
export type Moment = [name: string, at: number];

/** The place of a record in a trace. */
export interface Place {
  /** 32 hex digits. */
  _trace: string;
  /** 16 hex digits. */
  _span: string;
  /** Span above; absent for a root. */
  _parent?: string | undefined;
}

/** A span still to be written; instants in ms of `performance.now()`. */
export interface Draft extends Place {
  _name: string;
  _start: number;
  _end: number;
  _fields: Fields;
  /** Of OTLP's kinds: 1 is internal, 3 a client's. */
  _kind?: number;
  _failed?: boolean;
  _link?: Place | undefined;
  _moments?: Moment[] | undefined;
}


/** Milliseconds since the page began, as `performance` counts them. */
export const now = (): number => performance.now();

/**
 * Return an instant as OTLP writes it. While a machine sleeps some browsers' clocks stand still, so
 * whole seconds between them and the wall clock are made good.
 */
const unixNs = (ms: number): string => {
  const { timeOrigin } = performance;
  const seconds = Math.round((Date.now() - timeOrigin - now()) / 1000);
  return Math.round((timeOrigin + ms + seconds * 1000) * 1000) + "000";
};

/** A card number may come as a number: where the rules replace its text, the replacement is sent. */
const asValue = (key: string, given: unknown): object => {
  const kind = typeof given;
  if (given === !!given) return { boolValue: given };
  const isWhole = Number.isSafeInteger(given);
  const value = kind == "number" && !isWhole ? +(given as number).toPrecision(8) : given;
  const text = kind == "object" && !(value instanceof Error) ? JSON.stringify(value) : String(value);
  const scrubbed = scrub(text, key);
  return scrubbed != text || !Number.isFinite(value)
    ? { stringValue: scrubbed }
    : isWhole
      ? { intValue: value }
      : { doubleValue: value };
};

/** Return fields as OTLP has attributes; those that cannot be read are left out. */
export function pack(fields: Fields, into: object[] = [], prefix = "", depth = 1): object[] {
  for (const name in fields) {
    const key = prefix + name;
    try {
      const given = fields[name];
      if (given == null || given === "") continue;
      if (depth < Limit.Depth && {}.toString.call(given) == "[object Object]") {
        pack(given as Fields, into, key + ".", depth + 1);
        continue;
      }
      if (into.length < Limit.Fields) into.push({ key, value: asValue(key, given) });
    } catch {
      // A getter or a toJSON of the page's that throws: it is left out.
    }
  }
  return into;
}

/** Return a place of its own, in the same trace or a new one. */
export const place = (trace = randomHex(16)): Place => ({ _trace: trace, _span: randomHex(8) });

/** Return a place below another, or a new trace. */
export const child = (above?: Place): Place => ({ ...place(above?._trace), _parent: above?._span });

/** Hand a span over for sending. */
export const span = (draft: Draft): void =>
  put("traces", {
    traceId: draft._trace,
    spanId: draft._span,
    parentSpanId: draft._parent,
    name: draft._name,
    kind: draft._kind || 1,
    startTimeUnixNano: unixNs(draft._start),
    endTimeUnixNano: unixNs(Math.max(draft._start, draft._end)),
    attributes: pack({ "session.id": session, ...draft._fields }),
    events: draft._moments
      ?.filter(([, at]) => at <= draft._end)
      .map(([name, at]) => ({ timeUnixNano: unixNs(at), name })),
    links: draft._link && [{ traceId: draft._link._trace, spanId: draft._link._span }],
    status: draft._failed ? { code: 2 } : undefined,
  });

/** Hand a log record over for sending. */
export const event = (
  name: string,
  fields: Fields,
  at?: Place,
  severity: number = Severity.Info,
  message = name,
  time = now(),
): void =>
  put("logs", {
    timeUnixNano: unixNs(time),
    severityNumber: severity,
    eventName: name,
    body: { stringValue: scrub(message) },
    attributes: pack({ "session.id": session, ...fields }),
    traceId: at?._trace,
    spanId: at?._span,
  });
