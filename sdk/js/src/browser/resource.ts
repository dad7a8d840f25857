import type { Fields, Place } from "./record.js";
import { address } from "./scrub.js";
import type { Entry } from "./observe.js";

const NAMED = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/;

/** Return the place that a W3C `traceparent` names. */
export const placeOf = (traceparent: string | null | undefined): Place | undefined => {
  const [, trace, span] = NAMED.exec(traceparent || "") || [];
  return trace && span && +("0x" + trace) && +("0x" + span) ? { _trace: trace, _span: span } : undefined;
};

/** Return the span of the server that answered, if it said so in `Server-Timing`. */
export const serverOf = (entry: Entry): Place | undefined =>
  placeOf(entry.serverTiming?.find(({ name }) => name == "traceparent")?.description);

/** Return what the browser measured of a request. Lengths of time are in ms and absent where the browser hides them. */
export const measured = (entry: Entry): Fields => ({
  url: { full: address(entry.name) },
  http: {
    response: {
      status_code: entry.responseStatus || undefined,
      size: entry.transferSize || undefined,
      body: { size: entry.encodedBodySize || undefined },
    },
  },
  "network.protocol.name": entry.nextHopProtocol,
  browser: {
    resource: {
      initiator: entry.initiatorType,
      render_blocking_status: entry.renderBlockingStatus,
      decoded_bytes: entry.decodedBodySize || undefined,
      delivery: entry.deliveryType,
      redirect_ms: entry.redirectEnd - entry.redirectStart || undefined,
      worker_ms: entry.workerStart ? entry.fetchStart - entry.workerStart : undefined,
      dns_ms: entry.domainLookupEnd - entry.domainLookupStart || undefined,
      connect_ms: entry.connectEnd - entry.connectStart || undefined,
      tls_ms: entry.secureConnectionStart ? entry.connectEnd - entry.secureConnectionStart : undefined,
      queue_ms: entry.requestStart ? entry.requestStart - entry.startTime : undefined,
      wait_ms: entry.requestStart ? entry.responseStart - entry.requestStart : undefined,
      receive_ms: entry.responseStart ? entry.responseEnd - entry.responseStart : undefined,
    },
  },
});
