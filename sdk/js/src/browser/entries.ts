import { placeAt } from "./activity.js";
import type { Entry } from "./observe.js";
import { child, type Draft, type Fields, type Moment, type Place } from "./record.js";

const NAMED = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-/;
/** What an entry says besides when its phases were, and what is told in another way. */
const PHASE = /(Start|End|ive|Complete|Time|stamp)$/;
const TOLD = /^(name|entryType|startTime|duration|navigationId|responseStatus|f\w+Resp\w+)$/;

/** Return the place that a W3C `traceparent` names. */
export const placeOf = (traceparent: string | null | undefined): Place | undefined => {
  const found = NAMED.exec(traceparent || "");
  return found ? { _trace: found[1]!, _span: found[2]! } : undefined;
};

/** Return the span of the server that answered, if it said so in `Server-Timing`. */
export const serverOf = (entry: Entry): Place | undefined =>
  placeOf(entry.serverTiming?.find(({ name }) => name == "traceparent")?.description);

/**
 * Return what an entry says, by the browser's own names, so that what a newer browser says is told too.
 * Phases go to `moments`: neither those that the browser hides, nor those that took no time because
 * a connection was at hand.
 */
export const fieldsOf = (entry: PerformanceEntry, moments: Moment[] = []): Fields => {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(entry.toJSON())) {
    if (!value || TOLD.test(name)) continue;
    if (!PHASE.test(name)) fields[name] = value instanceof Object ? null : value;
    else if (value != (entry as Entry).fetchStart || name == "fetchStart") moments.push([name, value as number]);
  }
  return fields;
};

/** Return an entry as a span, linked to that of the server. */
export const draftOf = (entry: Entry, name: string, above = placeAt(entry.startTime)): Draft => {
  const { startTime, duration, responseStatus, serverTiming, entryType } = entry;
  const moments: Moment[] = [];
  const said = fieldsOf(entry, moments);
  return {
    ...child(above),
    _name: name,
    _start: startTime,
    _end: startTime + duration,
    _fields: {
      "url.full": serverTiming && entry.name,
      "http.response.status_code": responseStatus || null,
      browser: { [entryType.replace(/-/g, "_")]: said },
    },
    _moments: moments,
    _failed: responseStatus > 399,
    _link: serverOf(entry),
  };
};
