import { navigation } from "./observe.js";
import { firstByte, vital } from "./vital.js";

/** Time to first byte, and what it was spent on. */
export function onTTFB(): void {
  const entry = navigation();
  if (entry?.responseStart)
    vital(
      "ttfb",
      firstByte(),
      {
        wait_ms: entry.fetchStart,
        dns_ms: entry.domainLookupEnd - entry.domainLookupStart,
        connect_ms: entry.connectEnd - entry.connectStart,
        request_ms: entry.responseStart - entry.requestStart,
      },
      entry.responseStart,
    );
}
