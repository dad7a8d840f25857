import { page } from "./activity.js";
import { Limit, Severity } from "./limits.js";
import { event, now, pack } from "./record.js";
import { close, guard, keep, kept, life, settings } from "./settings.js";

type Signal = "traces" | "logs";

/** A record as text, with its size in bytes, and how grave a log record is. */
type Item = [text: string, bytes: number, severity?: number];

const nativeFetch = window.fetch;

let queues: Record<Signal, Item[]>;
let held: number;
let failures: number;
let notBefore: number;
/** When the receiver wishes to be asked again. */
let asked: number;
let dropped: Record<string, number>;
let underWay = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Forget what is queued, and begin anew. */
export const reset = (): void => {
  queues = { traces: [], logs: [] };
  held = failures = notBefore = asked = 0;
  dropped = {};
};

const drop = (reason: string, count = 1): void => {
  dropped[reason] = (dropped[reason] || 0) + count;
};

/** Return whether an address is the receiver's, whose own traffic is not measured. */
export const isOwn = (url: string): boolean => url.startsWith(settings.endpoint + "/v1/");

/** Queue a record; past 256 KiB it is dropped and counted. */
export function put(signal: Signal, record: { severityNumber?: number; traceId?: unknown; [field: string]: unknown }): void {
  if (!life) return;
  const text = JSON.stringify(record);
  const bytes = new TextEncoder().encode(text).length + 1;
  if (bytes > Limit.Record) drop("too_large");
  else if (held + bytes > Limit.Held) drop("queue_full");
  else {
    queues[signal].push([text, bytes, record.severityNumber!]);
    held += bytes;
    if (kept) schedule();
    // Nobody may ever want these: the oldest make room.
    else while (held > Limit.HeldUnsampled) held -= (queues.traces.shift() || queues.logs.shift())![1];
  }
}

const schedule = (after = failures || held > Limit.SendAt ? 0 : Limit.SendAfter): void => {
  if (timer && after) return;
  clearTimeout(timer);
  timer = setTimeout(guard(flush), Math.max(after, notBefore - now()));
};

/**
 * Send what is queued, as far as it fits under the shared limit; the rest follows by itself. While the
 * page is seen one body is under way at a time. What is `urgent` waits for no other body, and for no
 * pause but one that the receiver asked for: there may be no later.
 */
export function flush(urgent: unknown = document.hidden): void {
  timer = clearTimeout(timer) as undefined;
  if (!life || !kept || !navigator.onLine || (underWay && !urgent)) return;
  // Timers count whole milliseconds, so one may be early.
  if (now() < (urgent ? asked : notBefore)) return schedule();
  // A page that goes away may not come to send the rest, so the gravest go first.
  queues.logs.sort((a, b) => b[2]! - a[2]!);
  for (const signal of ["logs", "traces"] as const) {
    const queue = queues[signal];
    let bytes = 0;
    let count = 0;
    for (const [, size] of queue) {
      if (bytes + size > Limit.UnderWay - underWay) break;
      bytes += size;
      count++;
    }
    if (count) {
      // Where others have used up the shared limit, a request of a page that is seen may do without.
      post(signal, queue.splice(0, count), bytes, !failures || urgent);
      if (!urgent) return;
    }
  }
}

function post(signal: Signal, items: Item[], bytes: number, keepalive: unknown): void {
  const { endpoint, headers, key, service = location.hostname, version, attributes } = settings;
  const queue = queues[signal];
  const [groups, records] = signal == "logs" ? ["Logs", "logRecords"] : ["Spans", "spans"];
  const origin = JSON.stringify(
    pack({
      service: { name: service, version },
      "telemetry.sdk": { name: "debugqueue", language: "webjs", version: __VERSION__ },
      "user_agent.original": navigator.userAgent,
      ...attributes,
    }),
  );
  const settle = (status: number, retryAfter?: string | null): void => {
    underWay -= bytes;
    if (queue != queues[signal]) return;
    if (!status || status == 429 || (status > 501 && status < 505)) {
      asked = now() + (1000 * +retryAfter! || 0);
      notBefore = Math.max(asked, now() + Math.min(Limit.Pause, 1000 * 2 ** failures++) * (0.5 + Math.random() / 2));
      queue.unshift(...items);
    } else {
      failures = 0;
      held -= bytes;
      if (status > 399) drop("refused", items.length);
      // There is room now to tell what there was none for.
      for (const reason in dropped)
        event("debugqueue.dropped", { "debugqueue.dropped": { count: dropped[reason], reason } }, page, Severity.Warning);
      dropped = {};
      // This page may not send: there is no use in trying on.
      if (status > 400 && status < 406) close();
    }
    if (held) schedule();
  };
  underWay += bytes;
  nativeFetch(`${endpoint}/v1/${signal}${key ? "?key=" + key : ""}`, {
    method: "POST",
    body: `{"resource${groups}":[{"resource":{"attributes":${origin}},"scope${groups}":[{"scope":{"name":"debugqueue","version":"${__VERSION__}"},"${records}":[${items.map(([text]) => text)}]}]}]}`,
    ...(headers && { headers: { "content-type": "application/json", ...headers } }),
    credentials: "omit",
    keepalive: keepalive as boolean,
    signal: AbortSignal.timeout(Limit.Answer),
  }).then(
    // Until it is read to its end the request takes its part of the shared limit.
    (answer) => answer.text().catch(() => {}).then(() => settle(answer.status, answer.headers.get("retry-after"))),
    // A page that goes away is told at once that what is under way failed, though with `keepalive` it goes on.
    () => (keepalive ? setTimeout(settle, 0, 0) : settle(0)),
  );
}

/** Send this visit from here on, and what it has recorded so far. */
export const keepAndSend = (): void => {
  keep();
  schedule(0);
};
