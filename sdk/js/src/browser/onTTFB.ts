import { entryOf } from "./observe.js";
import { vital } from "./vital.js";

/** Time to first byte, and what it was spent on. */
export function onTTFB(): void {
  const entry = entryOf("navigation");
  if (!entry?.responseStart) return;
  const since = Math.max(0, entry.activationStart || 0);
  vital(
    "ttfb",
    Math.max(0, entry.responseStart - since),
    {
      wait_ms: entry.fetchStart,
      dns_ms: entry.domainLookupEnd - entry.domainLookupStart,
      connect_ms: entry.connectEnd - entry.connectStart,
      request_ms: entry.responseStart - entry.requestStart,
    },
    undefined,
    entry.responseStart,
  );
}
