// What the page tells of itself, as OTLP in JSON: how it loaded, what people did, which requests
// that made, and what went wrong. Without an address to send to, nothing is recorded.

const URL_BASE = meta("telemetry-url");
const SEND_EVERY_MS = 1_000;
const MOST_KEPT = 500;
const KIND = { internal: 1, client: 3 };

const waiting = { spans: [], logs: [] };
const pageLoad = { traceId: randomHex(16), spanId: randomHex(8) };
let current = pageLoad;

function meta(name) {
  return document.querySelector(`meta[name="${name}"]`)?.content ?? "";
}

function randomHex(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, "0")).join("");
}

// Nanoseconds since 1970 as text: they do not fit a Number. Takes milliseconds since the page began.
function instant(sinceBegin_ms) {
  return String(BigInt(Math.round((performance.timeOrigin + sinceBegin_ms) * 1000)) * 1000n);
}

function attributes(values) {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({
      key,
      value:
        typeof value === "number" ? (Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value })
        : typeof value === "boolean" ? { boolValue: value }
        : { stringValue: String(value) },
    }));
}

function keep(list, record) {
  if (URL_BASE && list.length < MOST_KEPT) list.push(record);
}

function keepSpan(name, kind, parent, began_ms, ended_ms, values = {}, failure = null, spanId = randomHex(8)) {
  keep(waiting.spans, {
    traceId: parent.traceId,
    spanId,
    parentSpanId: parent.spanId === spanId ? undefined : parent.spanId,
    name,
    kind,
    startTimeUnixNano: instant(began_ms),
    endTimeUnixNano: instant(ended_ms),
    attributes: attributes(values),
    status: failure ? { code: 2, message: failure } : {},
  });
}

function keepEvent(eventName, severityNumber, body, values = {}) {
  keep(waiting.logs, {
    timeUnixNano: instant(performance.now()),
    eventName,
    severityNumber,
    severityText: severityNumber >= 17 ? "ERROR" : "INFO",
    body: { stringValue: body },
    attributes: attributes({ "event.name": eventName, "url.path": location.pathname, ...values }),
    traceId: current.traceId,
    spanId: current.spanId,
  });
}

/** Run what a person asked for, as a span that is the parent of the requests it makes. */
export async function interaction(name, action) {
  const outer = current;
  const span = { traceId: outer === pageLoad ? pageLoad.traceId : randomHex(16), spanId: randomHex(8) };
  const parent = outer === pageLoad ? pageLoad : { traceId: span.traceId, spanId: span.spanId };
  const began_ms = performance.now();
  let failure = null;
  current = span;
  try {
    return await action();
  } catch (problem) {
    failure = String(problem);
    throw problem;
  } finally {
    keepSpan(name, KIND.internal, parent, began_ms, performance.now(), { "url.full": location.href }, failure, span.spanId);
    if (current === span) current = { traceId: span.traceId, spanId: span.spanId };
  }
}

/** Fetch from the shop, as a span whose trace the backends go on with. */
export async function tracedFetch(path, options) {
  if (!URL_BASE) return fetch(path, options);
  const parent = current;
  const spanId = randomHex(8);
  const headers = { ...options.headers, traceparent: `00-${parent.traceId}-${spanId}-01` };
  const began_ms = performance.now();
  let answer = null;
  let failure = null;
  try {
    answer = await fetch(path, { ...options, headers });
    if (answer.status >= 400) failure = `HTTP ${answer.status}`;
    return answer;
  } catch (problem) {
    failure = String(problem);
    throw problem;
  } finally {
    const values = {
      "http.request.method": options.method,
      "url.full": new URL(path, location.href).href,
      "http.response.status_code": answer?.status,
      "error.type": failure ?? undefined,
    };
    keepSpan(options.method, KIND.client, parent, began_ms, performance.now(), values, failure, spanId);
  }
}

/** Tell that the page shows another address without being loaded again. */
export function routeChanged(address) {
  keepEvent("browser.navigation", 9, `went to ${address}`, { "url.full": String(address), "browser.navigation.same_document": true });
}

function tellLoad() {
  const [page] = performance.getEntriesByType("navigation");
  keepSpan("documentLoad", KIND.internal, pageLoad, 0, page.loadEventStart, { "url.full": location.href }, null, pageLoad.spanId);
  keepSpan("documentFetch", KIND.client, pageLoad, page.fetchStart, page.responseEnd, { "url.full": location.href });
  for (const each of performance.getEntriesByType("resource")) {
    if (each.initiatorType === "fetch" || each.initiatorType === "beacon") continue;
    keepSpan("resourceFetch", KIND.client, pageLoad, each.startTime, each.responseEnd, {
      "url.full": each.name,
      "http.response.status_code": each.responseStatus || undefined,
      "browser.resource.initiator_type": each.initiatorType,
      "browser.resource.render_blocking_status": each.renderBlockingStatus,
    });
  }
}

function tellProblem(problem, text) {
  keepEvent("exception", 17, text, {
    "exception.type": problem?.name ?? "Error",
    "exception.message": problem?.message ?? text,
    "exception.stacktrace": problem?.stack,
  });
}

function observe(type, tell) {
  if (PerformanceObserver.supportedEntryTypes.includes(type)) {
    new PerformanceObserver((list) => list.getEntries().forEach(tell)).observe({ type, buffered: true });
  }
}

function send(leaving = false) {
  if (!URL_BASE) return;
  const resource = {
    attributes: attributes({
      "service.name": "page",
      "service.namespace": "shop",
      "service.version": meta("release") || undefined,
      "vcs.ref.head.revision": document.querySelector('meta[name="release"]')?.dataset.revision || undefined,
      "deployment.environment.name": "demo",
      "user_agent.original": navigator.userAgent,
      "telemetry.sdk.language": "webjs",
    }),
  };
  const scope = { name: "shop-page" };
  const spans = waiting.spans.splice(0);
  const logRecords = waiting.logs.splice(0);
  if (spans.length) post("traces", { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] }, leaving);
  if (logRecords.length) post("logs", { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] }, leaving);
}

function post(signal, body, keepalive) {
  fetch(`${URL_BASE}/v1/${signal}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    keepalive,
  }).catch(() => {});
}

if (URL_BASE) {
  addEventListener("load", () => setTimeout(tellLoad));
  addEventListener("error", (event) => tellProblem(event.error, event.message));
  addEventListener("unhandledrejection", (event) => tellProblem(event.reason, String(event.reason)));
  addEventListener("visibilitychange", () => document.visibilityState === "hidden" && send(true));
  observe("largest-contentful-paint", (each) =>
    keepEvent("browser.web_vital", 9, `LCP ${Math.round(each.startTime)} ms`, { "browser.web_vital.name": "lcp", "browser.web_vital.value": each.startTime }));
  observe("longtask", (each) =>
    keepEvent("browser.longtask", 9, `long task of ${Math.round(each.duration)} ms`, { "browser.longtask.duration": each.duration }));
  setInterval(send, SEND_EVERY_MS);
}
