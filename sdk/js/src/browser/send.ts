import { event, LEVELS, now, resource } from "./record.js";
import { guard, keep, kept, life, settings } from "./settings.js";

type Signal = "traces" | "logs";

/** A record as text, with its size in bytes. */
type Item = [text: string, bytes: number];

/** All keepalive requests and beacons of a page share 64 KiB while they are under way. */
const MOST_UNDER_WAY = 60_000;
const MOST_HELD = 262_144;
const MOST_HELD_UNSAMPLED = 49_152;
const LARGEST_RECORD = 32_768;
/** So many bytes are sent at once, less after a while. */
const SEND_AT = 16_384;
const SEND_AFTER_MS = 3000;
const LONGEST_PAUSE_MS = 60_000;

const native = { fetch: window.fetch };
const encoder = new TextEncoder();
const measure = (text: string): number => encoder.encode(text).length;

let queues: Record<Signal, Item[]>;
let held = 0;
let underWay = 0;
let bodyLimit = MOST_UNDER_WAY;
let failures = 0;
let notBefore = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let dropped: Record<string, number> = {};

const drop = (reason: string, count = 1): void => {
  dropped[reason] = (dropped[reason] || 0) + count;
};

/** Forget what is queued, and begin anew. */
export const reset = (): void => {
  queues = { traces: [], logs: [] };
  held = failures = notBefore = 0;
  dropped = {};
};

/** Return whether an address is the receiver"s, whose own traffic is not measured. */
export const isOwn = (url: string): boolean => url.startsWith(settings.endpoint + "/v1/");

/** Queue a record; past 256 KiB it is dropped and counted. */
export function put(signal: Signal, record: object): void {
  if (!life) return;
  const text = JSON.stringify(record);
  const bytes = measure(text);
  if (bytes > LARGEST_RECORD) return drop("too_large");
  if (held + bytes > MOST_HELD) return drop("queue_full");
  queues[signal].push([text, bytes]);
  held += bytes;
  if (!kept) {
    // Nobody may ever want these: the oldest make room.
    while (held > MOST_HELD_UNSAMPLED) held -= (queues.traces.shift() || queues.logs.shift())![1];
  } else schedule(held > SEND_AT ? 0 : SEND_AFTER_MS);
}

const schedule = (after: number): void => {
  const wait = Math.max(after, notBefore - now());
  if (timer && wait) return;
  clearTimeout(timer);
  timer = setTimeout(guard(flush), wait);
};

/** Send what is queued, as far as it fits under the shared limit; the rest follows by itself. */
export function flush(): void {
  clearTimeout(timer);
  timer = undefined;
  if (!life || !kept || !navigator.onLine || now() < notBefore) return;
  for (const reason in dropped) {
    const count = dropped[reason];
    delete dropped[reason];
    event("debugqueue.dropped", { debugqueue: { dropped: { count, reason } } }, undefined, LEVELS.warning);
  }
  for (const signal of ["logs", "traces"] as const) {
    while (queues[signal][0]) {
      const head = envelope(signal);
      let bytes = measure(head);
      let count = 0;
      for (const [, size] of queues[signal]) {
        if (bytes + size + 9 > Math.min(bodyLimit, MOST_UNDER_WAY - underWay)) break;
        bytes += size + 1;
        count++;
      }
      if (!count) break;
      post(signal, head, queues[signal].splice(0, count), bytes + 8);
    }
  }
}

const envelope = (signal: Signal): string => {
  const [groups, scopes, records] =
    signal == "logs"
      ? ["resourceLogs", "scopeLogs", "logRecords"]
      : ["resourceSpans", "scopeSpans", "spans"];
  return `{"${groups}":[{"resource":${JSON.stringify(
    resource({
      "service.name": settings.service || location.hostname,
      "service.version": settings.version,
      "deployment.environment.name": settings.environment,
      "telemetry.sdk.name": "debugqueue",
      "telemetry.sdk.language": "webjs",
      "telemetry.sdk.version": __VERSION__,
      "user_agent.original": navigator.userAgent,
      ...settings.attributes,
    }),
  )},"${scopes}":[{"scope":{"name":"debugqueue","version":"${__VERSION__}"},"${records}":[`;
};

function post(signal: Signal, head: string, items: Item[], bytes: number): void {
  const { endpoint, headers, key } = settings;
  const url = `${endpoint}/v1/${signal}${key ? "?key=" + key : ""}`;
  const body = head + items.map(([text]) => text) + "]}]}]}";
  const queue = queues;
  underWay += bytes;
  const settle = (status: number, retryAfter?: string | null): void => {
    underWay -= bytes;
    if (queue != queues) return;
    if (!status || status == 429 || (status > 501 && status < 505)) {
      queues[signal].unshift(...items);
      const pause = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** failures++) * (0.5 + Math.random() / 2);
      notBefore = now() + Math.max(pause, 1000 * +(retryAfter || 0) || 0);
    } else if (status == 413 && items[1]) {
      queues[signal].unshift(...items);
      bodyLimit = bytes >> 1;
    } else {
      held -= items.reduce((sum, item) => sum + item[1], 0);
      failures = 0;
      if (status > 299) drop("refused", items.length);
      // This key or page may not send: there is no use in trying on.
      if (status == 401 || status == 403) return reset();
    }
    if (queues.logs[0] || queues.traces[0]) schedule(0);
  };
  try {
    native.fetch
      .call(window, url, {
        method: "POST",
        body,
        ...(headers && { headers: { "content-type": "application/json", ...headers } }),
        credentials: "omit",
        // Where others have used up the shared limit, a request of a page that is seen may do without.
        keepalive: !failures || document.visibilityState == "hidden",
      })
      .then((answer) => settle(answer.status, answer.headers.get("retry-after")), () => settle(0));
  } catch {
    settle(navigator.sendBeacon(url, body) ? 200 : 0);
  }
}

/** Send this visit from here on, and what it has recorded so far. */
export const keepAndSend = (): void => {
  keep();
  schedule(0);
};
