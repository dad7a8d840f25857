/**
 * Canned traces for the stub. The path is laid by hand here (each span says when it worked itself), so
 * that the page is tried without the server's derivation.
 */

/** Monday of the shop's seed story, 09:51:08.114 UTC. */
export const START_UNIX_NS = 1795254668114000000n;
const MS = 1e6;

export function at(unixNs) {
  const ns = BigInt(unixNs);
  const seconds = new Date(Number(ns / 1000000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(ns % 1000000000n).padStart(9, "0")}Z`;
}

const ids = (start) => {
  let next = start;
  return () => (next++).toString(16).padStart(16, "0");
};

/** One line a span: depth, service, operation, kind, start ms, length ms, category, own work as [start, length] in ms. */
const SHOP = [
  [0, "gateway", "POST /checkout", "Server", 0, 212, "own", [[0, 9], [186, 26]], { "http.route": "/checkout", "http.response.status_code": "502" }, "Error"],
  [1, "gateway", "POST", "Client", 9, 177, "network", [[9, 2], [184, 2]], { "server.address": "checkout" }, "Error"],
  [2, "checkout", "POST /checkout", "Server", 11, 173, "own", [[11, 12], [29, 8], [177, 7]], { "http.route": "/checkout" }, "Error"],
  [3, "checkout", "GET /sessions/{id}", "Client", 23, 6, "network", [[23, 1], [28, 1]], { "server.address": "session" }],
  [4, "session", "GET /sessions/{id}", "Server", 24, 4, "own", [[24, 1]], { "http.response.status_code": "401", "session.age_s": "44" }, "Error", "session expired after 44 s"],
  [5, "session", "SELECT session", "Client", 25, 3, "database", [[25, 3]], { "db.system.name": "sqlite", "db.query.text": "SELECT id, user_id, created_at\n  FROM session\n WHERE id = ?" }],
  [3, "checkout", "retry: back off", "Internal", 37, 60, "waiting", [[37, 60]], {}],
  [3, "checkout", "GET /sessions/{id}", "Client", 97, 8, "network", [[97, 1], [104, 1]], { "server.address": "session", "http.request.resend_count": "1" }],
  [4, "session", "GET /sessions/{id}", "Server", 98, 6, "own", [[98, 6]], { "http.response.status_code": "401" }, "Error", "session expired after 44 s"],
  [3, "checkout", "retry: back off", "Internal", 105, 62, "waiting", [[105, 62]], {}],
  [3, "checkout", "GET /sessions/{id}", "Client", 167, 10, "network", [[167, 2], [175, 2]], { "server.address": "session", "http.request.resend_count": "2" }],
  [4, "session", "GET /sessions/{id}", "Server", 169, 6, "own", [[169, 6]], { "http.response.status_code": "401" }, "Error", "session expired after 44 s"],
  [3, "checkout", "GET cart:81f0", "Client", 30, 4, "cache", [], { "db.system.name": "redis" }],
  [3, "checkout", "GET /price/{sku}", "Client", 31, 40, "external", [], { "server.address": "pricing.example" }],
  [2, "catalogue", "GET /products/{id}", "Server", 12, 55, "own", [], { "http.route": "/products/{id}" }],
  [3, "catalogue", "SELECT product", "Client", 14, 18, "database", [], { "db.system.name": "postgresql", "db.query.text": "SELECT * FROM product WHERE id = $1" }],
  [3, "catalogue", "SELECT product_variant", "Client", 33, 31, "database", [], { "db.system.name": "postgresql" }],
];

/** Names that strangers wrote: markup, a script, right-to-left and zero-width marks, controls, length. */
const HOSTILE = [
  [0, "<b>shop</b>", "<img src=x onerror=alert(1)>", "Server", 0, 100, "own", [[0, 20], [90, 10]], { "<script>alert(1)</script>": "javascript:alert(1)", "user\u202egnp.exe": "a\u200bb\u0000c\u001b[31m", blob: "A".repeat(1_000_000) }, "Error", "</span><img src=x onerror=alert(2)>"],
  [1, "\u202eevil", "\u05e9\u05dc\u05d5\u05dd '\"><svg onload=alert(3)>", "Client", 20, 70, "made up <i>", [[20, 70]], { "{{7*7}}": "${7*7}" }],
  [1, "__proto__", "constructor", "Internal", 30, 10, "__proto__", [], { __proto__x: "1" }],
  [1, "x".repeat(3000), "", "Internal", 35, 0, "own", [], {}],
];

function build(lines, traceId) {
  const id = ids(0xa100000000000001n);
  const open = [];
  const sections = [];
  const spans = lines.map(([depth, service, operation, kind, start, length, category, work, attributes, status = "Unset", message = ""]) => {
    const span = {
      span_id: id(),
      parent_span_id: depth === 0 ? "" : open[depth - 1],
      service,
      operation,
      kind,
      status_code: status,
      status_message: message,
      start_offset_ns: start * MS,
      duration_ns: length * MS,
      attributes,
      resource: { "service.name": service, "service.version": service === "session" ? "1.8.3" : "2.4.0", "host.name": `${service.slice(0, 20)}-6c9d` },
      events: status === "Error" && message ? [{ offset_ns: (start + Math.min(2, length)) * MS, name: "exception", attributes: { "exception.type": "SessionExpired", "exception.message": message } }] : [],
      links: [],
      trust: "server_key",
    };
    open[depth] = span.span_id;
    for (const [from, size] of work) {
      sections.push({ span_id: span.span_id, service, operation, category, start_offset_ns: from * MS, duration_ns: size * MS });
    }
    return span;
  });
  sections.sort((a, b) => a.start_offset_ns - b.start_offset_ns);
  return finished(traceId, spans, sections, []);
}

function finished(traceId, spans, sections, warnings) {
  spans.sort((a, b) => a.start_offset_ns - b.start_offset_ns || (a.span_id < b.span_id ? -1 : 1));
  const length = spans.reduce((end, span) => Math.max(end, span.start_offset_ns + span.duration_ns), 0);
  const byCategory = {};
  for (const section of sections) byCategory[section.category] = (byCategory[section.category] ?? 0) + section.duration_ns;
  const start = { start_unix_ns: START_UNIX_NS.toString(), start_at: at(START_UNIX_NS) };
  return {
    trace: { trace_id: traceId, ...start, duration_ns: length, data_set: "", truncated: false, spans },
    path: { trace_id: traceId, root_span_id: spans[0].span_id, ...start, duration_ns: spans[0].duration_ns, sections, by_category: byCategory, warnings },
  };
}

/** `wide` children of the root one after the other, every tenth of them on the path with all before it. */
function big(traceId, wide) {
  const id = ids(0xb100000000000001n);
  const span = (parent, service, operation, start, length) => ({
    span_id: id(), parent_span_id: parent, service, operation, kind: "Internal", status_code: "Unset", status_message: "",
    start_offset_ns: start, duration_ns: length, attributes: { n: String(start) }, resource: {}, events: [], links: [], trust: "server_key",
  });
  const root = span("", "batch", "import catalogue", 0, wide * 1000);
  const spans = [root];
  const sections = [];
  let above = root;
  for (let index = 0; index < wide - 1; index += 1) {
    if (index % 100 === 0) above = root;
    const child = span(above.span_id, `worker-${index % 7}`, `row ${index}`, index * 1000, 1000);
    spans.push(child);
    sections.push({ span_id: child.span_id, service: child.service, operation: child.operation, category: ["own", "database", "cache"][index % 3], start_offset_ns: index * 1000, duration_ns: 1000 });
    if (index % 100 < 20) above = child;
  }
  sections.push({ span_id: root.span_id, service: "batch", operation: "import catalogue", category: "own", start_offset_ns: (wide - 1) * 1000, duration_ns: 1000 });
  return finished(traceId, spans, sections, []);
}

export const SHOP_ID = "5b8a1f0c77de42e19a3c04d2b6f0e207";
export const HOSTILE_ID = "bad0bad0bad0bad0bad0bad0bad0bad0";
export const ORPHAN_ID = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
export const BIG_ID = "b16b16b16b16b16b16b16b16b16b16b1";

/** The shop's trace with one parent missing and one host's clock corrected. */
function orphaned() {
  const { trace, path } = structuredClone(build(SHOP, ORPHAN_ID));
  trace.spans = trace.spans.filter((span) => !(span.service === "gateway" && span.operation === "POST"));
  path.warnings = [
    { reason: "orphan", count: 2, text: "parent not received; not joined to the path unless it is the root" },
    { reason: "clock_corrected", count: 4, text: "clock of session taken back by 1.8 ms to fit its callers" },
  ];
  path.confidence = { level: "reduced", ratio: 0.93, text: "2 of 16 spans could not be joined, most likely because the client span in gateway was not exported. About 93% of the path is certain." };
  return { trace, path };
}

const made = new Map();
const MAKERS = {
  [SHOP_ID]: () => {
    const both = build(SHOP, SHOP_ID);
    both.path.confidence = { level: "high", ratio: 1, text: "" };
    return both;
  },
  [HOSTILE_ID]: () => build(HOSTILE, HOSTILE_ID),
  [ORPHAN_ID]: orphaned,
  [BIG_ID]: () => big(BIG_ID, 100_000),
};

export function traceOf(id) {
  if (!Object.hasOwn(MAKERS, id)) return undefined;
  if (!made.has(id)) made.set(id, MAKERS[id]());
  return made.get(id);
}
