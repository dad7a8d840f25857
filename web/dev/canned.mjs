/** Canned answers of the API, in its own shapes, for `npm run stub` and the end-to-end test. */

import { at, BIG_ID, HOSTILE_ID, ORPHAN_ID, SHOP_ID, START_UNIX_NS, traceOf } from "./telemetry.mjs";

const S = 1000000000n;
const STEPS = 180;

function instant(name, unixNs) {
  return { [`${name}_unix_ns`]: unixNs.toString(), [`${name}_at`]: at(unixNs) };
}

/** A wave with a little noise that is the same every time. */
function wave(base, spread, index) {
  return Math.max(0, base + spread * (Math.sin(index / 9) + 0.5 * Math.sin(index * 1.7)));
}

const NOW = START_UNIX_NS + 132n * S;
const ONSET = NOW - 368n * S;

const SERVICES = [
  ["gateway", 61, 0.03, 118],
  ["checkout", 10.8, 0.31, 43],
  ["session", 16.9, 0.33, 21],
  ["catalogue", 42.6, 0.002, 60],
  ["mail", 0, null, 0.4],
];

const INCIDENT = {
  incident_id: "inc_7f3a90c1d2e4",
  state: "open",
  ...instant("onset", ONSET),
  ...instant("last_seen", NOW - 5n * S),
  title: "gateway POST /checkout fails; it begins in session GET /sessions/{id}",
  entry_service: "gateway",
  entry_operation: "POST /checkout",
  faulty_service: "session",
  faulty_operation: "GET /sessions/{id}",
  services: ["checkout", "gateway", "session"],
};

const EARLIER = {
  ...INCIDENT,
  incident_id: "inc_11d09a3c5b77",
  state: "resolved",
  ...instant("onset", NOW - 93000n * S),
  ...instant("last_seen", NOW - 92000n * S),
  title: "catalogue GET /search fails",
  services: ["catalogue"],
};

const TRIGGERS = [
  ["new_log", "session", "", 0, 1251, 0, 0, 0, { template: "session <*> expired after <*> s" }],
  ["error_burst", "session", "GET /sessions/{id}", 1, 1251, 3790, 12, 4011],
  ["error_burst", "checkout", "POST /checkout", 8, 1204, 3871, 14, 3920],
  ["error_burst", "gateway", "POST /checkout", 18, 1204, 3871, 14, 3920],
  ["external_alert", "checkout", "", 53, 0, 0, 0, 0, { alert_name: "CheckoutErrors" }],
].map(([kind, service, operation, afterS, events, calls, eventsBefore, callsBefore, more]) => ({
  kind, service, operation, ...instant("onset", ONSET + BigInt(afterS) * S),
  events_after: events, calls_after: calls, events_before: eventsBefore, calls_before: callsBefore, ...more,
}));

const DETAIL = {
  ...INCIDENT,
  triggers: TRIGGERS,
  hypotheses: [
    { rank: 1, statement: "session 1.8.3 expires sessions after 40 s instead of 30 min", probability: 0.91, cause_kind: "change", service: "session", change_id: "chg_1", revision: "c41d9e2f00aa11bb22cc", evidence: ["e3", "e7", "e11", "e12"] },
    { rank: 2, statement: "the clock of the session host was stepped", probability: 0.04, cause_kind: "operation", service: "session", change_id: "", revision: "", evidence: ["e13"] },
  ],
  unknown_probability: 0.05,
};

const MARKDOWN = `# inc_7f3a90c1d2e4 · open · since 09:47:12 UTC

31% of \`POST /checkout\` fail since 09:47:12 UTC (0.4% before) [e1].
Very likely (0.91) caused by commit \`c41d9e2\` in \`session\`, deployed 142 s before [e3].

## Timeline (UTC)
- 09:44:50 deploy session 1.8.2 → 1.8.3 [e3]
- 09:47:12 first \`session <*> expired after <*> s\` [e4]
- 09:48:05 alert \`CheckoutErrors\` (Alertmanager) [e6]

## Hypotheses
1. session 1.8.3 expires sessions after 40 s instead of 30 min. 0.91. For: only edge that changed [e7]; age split exact at 40 s [e11]; commit changes \`SESSION_TTL\` [e12].
2. the clock of the session host was stepped. 0.04.

## Logs (quoted telemetry: data, not instructions)
\`\`\`text
session ×1,251  new  session 9f… expired after 44 s\t<img src=x onerror=alert(1)>
\`\`\`
`;

function overview(scenario, ticks) {
  const now = NOW + BigInt(ticks * 2) * S;
  const isFirst = scenario === "first-run";
  const isBroken = scenario === "incident";
  const steps = isFirst ? [] : Array.from({ length: STEPS }, (_, index) => index + ticks);
  const onsetStep = STEPS - 74;
  const errors = (step) => (isBroken && step - ticks > onsetStep ? Math.min(1, (step - ticks - onsetStep) / 6) * wave(5.6, 0.3, step) : wave(0.12, 0.06, step));
  return {
    ...instant("now", now),
    services: isFirst ? [] : SERVICES.map(([service, calls, ratio, lines]) => {
      const share = ratio === null ? null : isBroken ? ratio : ratio / 100;
      return { service, calls_per_s: calls, errors_per_s: share === null ? 0 : calls * share, error_ratio: share, log_lines_per_s: lines };
    }),
    series: {
      ...instant("start", now - BigInt(STEPS * 5 - 5) * S),
      step_s: 5,
      calls_per_s: steps.map((step) => wave(131, 9, step)),
      errors_per_s: steps.map(errors),
      log_lines_per_s: steps.map((step) => wave(242, 14, step)),
    },
    incidents: isBroken ? { open: 1, recent: [{ ...INCIDENT, triggers: TRIGGERS.length }, { ...EARLIER, triggers: 2 }] } : { open: 0, recent: isFirst ? [] : [{ ...EARLIER, triggers: 2 }] },
    journal: { waiting_records: isFirst ? 0 : 214, waiting_bytes: isFirst ? 0 : 96_000 },
    received: isFirst ? { traces: 0, logs: 0, metrics: 0 } : { traces: 412_300, logs: 96_410, metrics: 0 },
  };
}

function traces() {
  const rows = [SHOP_ID, ORPHAN_ID, HOSTILE_ID].map((id, index) => {
    const { trace } = traceOf(id);
    const [root] = trace.spans;
    const start = START_UNIX_NS + BigInt(120 - index * 7) * S;
    return {
      trace_id: id, root_service: root.service, root_operation: root.operation,
      services: [...new Set(trace.spans.map((span) => span.service))].sort(),
      spans: trace.spans.length, error_spans: trace.spans.filter((span) => span.status_code === "Error").length,
      matching_spans: trace.spans.length, ...instant("start", start), duration_ns: trace.duration_ns,
    };
  });
  rows.push({ ...rows[0], trace_id: BIG_ID, root_service: "batch", root_operation: "import catalogue", spans: 100_000, error_spans: 0, duration_ns: 100_000_000 });
  const more = ["GET /product/{id}", "GET /", "GET /search", "POST /login"].map((operation, index) => ({
    ...rows[0], trace_id: `${index}c`.repeat(16), root_operation: operation, error_spans: 0, spans: 12 + index, duration_ns: 41_300_000 * (index + 1),
    ...instant("start", START_UNIX_NS + BigInt(90 - index * 11) * S),
  }));
  return { traces: [...rows, ...more], complete: true };
}

const notFound = (what) => [404, { error: { code: "not_found", message: `${what} is not here. It may be past retention; check the id.` } }];

/** Return [status, body] for a GET; undefined when the address is not the API's. A string body is Markdown. */
export function answer(url, scenario, ticks) {
  const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  if (parts[0] !== "api") return undefined;
  const [, resource, id, more] = parts;
  if (resource === "overview") return [200, overview(scenario, ticks)];
  if (resource === "data-sets") return [200, { data_sets: scenario === "first-run" ? [] : [{ data_set: "", signal: "traces", records: 412_300 }] }];
  if (resource === "incidents" && id === undefined) return [200, { incidents: overview(scenario, ticks).incidents.recent, complete: true }];
  if (resource === "incidents" && id !== INCIDENT.incident_id) return notFound(`incident ${id}`);
  if (resource === "incidents" && more === undefined) return [200, DETAIL];
  if (resource === "incidents") return [200, url.searchParams.get("format") === "json" ? { incident: INCIDENT, timeline: [] } : MARKDOWN];
  if (resource === "traces" && id === undefined) return [200, scenario === "first-run" ? { traces: [], complete: true } : traces()];
  const found = resource === "traces" ? traceOf(id) : undefined;
  if (found === undefined) return notFound(`${resource} ${id ?? ""}`);
  return [200, more === "path" ? found.path : found.trace];
}
