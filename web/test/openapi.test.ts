/**
 * The hand-written types against docs/reference/openapi.json: every address the page asks for must be there,
 * and every field it relies on. What a schema leaves open cannot be compared and is skipped by name.
 */

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type * as wire from "../src/api/types";

const FILE = new URL("../../docs/reference/openapi.json", import.meta.url);

/** The keys of a record that are always there; the compiler holds this list to the type. */
type Needed<Shape> = { [Key in keyof Shape as object extends Pick<Shape, Key> ? never : Key]: true };
const needed = <Shape>(keys: Needed<Shape>): string[] => Object.keys(keys);

interface Expectation {
  address: string;
  /** Properties to go through from the answer on; `[]` for the items of a list. */
  inside: string[];
  keys: string[];
}

const summary = {
  incident_id: true, state: true, onset_unix_ns: true, onset_at: true, last_seen_unix_ns: true, last_seen_at: true, title: true,
  entry_service: true, entry_operation: true, faulty_service: true, faulty_operation: true, services: true,
} as const;

const EXPECTED: Expectation[] = [
  { address: "/api/overview", inside: [], keys: needed<wire.Overview>({ now_unix_ns: true, now_at: true, services: true, series: true, incidents: true, journal: true, received: true }) },
  { address: "/api/overview", inside: ["services", "[]"], keys: needed<wire.ServiceRates>({ service: true, calls_per_s: true, errors_per_s: true, error_ratio: true, log_lines_per_s: true }) },
  { address: "/api/overview", inside: ["series"], keys: needed<wire.RateSeries>({ start_unix_ns: true, step_s: true, calls_per_s: true, errors_per_s: true, log_lines_per_s: true }) },
  { address: "/api/incidents", inside: ["incidents", "[]"], keys: needed<wire.IncidentRow>({ ...summary, triggers: true }) },
  { address: "/api/incidents/{}", inside: [], keys: needed<wire.Incident>({ ...summary, triggers: true, hypotheses: true, unknown_probability: true }) },
  {
    address: "/api/incidents/{}",
    inside: ["triggers", "[]"],
    keys: needed<wire.Trigger>({ kind: true, service: true, operation: true, onset_unix_ns: true, onset_at: true, events_after: true, calls_after: true, events_before: true, calls_before: true }),
  },
  {
    address: "/api/incidents/{}",
    inside: ["hypotheses", "[]"],
    keys: needed<wire.Hypothesis>({ rank: true, statement: true, probability: true, cause_kind: true, service: true, change_id: true, revision: true, evidence: true }),
  },
  { address: "/api/incidents/{}/context", inside: [], keys: [] },
  {
    address: "/api/traces",
    inside: ["traces", "[]"],
    keys: needed<wire.TraceRow>({ trace_id: true, root_service: true, root_operation: true, services: true, spans: true, error_spans: true, matching_spans: true, start_unix_ns: true, start_at: true, duration_ns: true }),
  },
  { address: "/api/traces/{}", inside: [], keys: needed<wire.Trace>({ trace_id: true, start_unix_ns: true, start_at: true, duration_ns: true, data_set: true, truncated: true, spans: true }) },
  {
    address: "/api/traces/{}",
    inside: ["spans", "[]"],
    keys: needed<wire.Span>({
      span_id: true, parent_span_id: true, service: true, operation: true, kind: true, status_code: true, status_message: true,
      start_offset_ns: true, duration_ns: true, attributes: true, resource: true, events: true, links: true, trust: true,
    }),
  },
  {
    address: "/api/traces/{}/path",
    inside: [],
    keys: needed<wire.BlockingPath>({ trace_id: true, root_span_id: true, start_unix_ns: true, start_at: true, duration_ns: true, sections: true, by_category: true, warnings: true }),
  },
  {
    address: "/api/traces/{}/path",
    inside: ["sections", "[]"],
    keys: needed<wire.PathSection>({ span_id: true, service: true, operation: true, category: true, start_offset_ns: true, duration_ns: true }),
  },
];

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  items?: Schema;
}

interface Document {
  paths: Record<string, { get?: { responses?: Record<string, { content?: Record<string, { schema?: Schema }> }> } }>;
  components?: { schemas?: Record<string, Schema> };
}

/** Follow references; of several forms take the first that names properties or items. */
function resolved(document: Document, schema: Schema | undefined): Schema {
  if (schema?.$ref !== undefined) return resolved(document, document.components?.schemas?.[schema.$ref.split("/").at(-1)!]);
  const forms = (schema?.allOf ?? schema?.anyOf ?? []).map((form) => resolved(document, form));
  return forms.find((form) => form.properties !== undefined || form.items !== undefined) ?? schema ?? {};
}

function answerSchema(document: Document, address: string): Schema | undefined {
  const found = Object.keys(document.paths).find((path) => path.replaceAll(/\{[^}]*\}/g, "{}") === address);
  const operation = found === undefined ? undefined : document.paths[found]?.get;
  if (operation === undefined) return undefined;
  return resolved(document, operation.responses?.["200"]?.content?.["application/json"]?.schema);
}

describe.skipIf(!existsSync(FILE))("docs/reference/openapi.json agrees with src/api/types.ts", () => {
  const document = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf-8")) as Document) : { paths: {} };

  test.for(EXPECTED)("$address $inside", ({ address, inside, keys }, { skip }) => {
    let schema = answerSchema(document, address);
    expect(schema, `no GET ${address}`).toBeDefined();
    for (const step of inside) {
      if (schema?.properties === undefined && schema?.items === undefined) skip(`the schema of ${address} leaves it open`);
      const next: Schema | undefined = step === "[]" ? schema?.items : schema?.properties?.[step];
      expect(next, `${address} has no ${step}`).toBeDefined();
      schema = resolved(document, next);
    }
    if (schema?.properties === undefined && keys.length > 0) skip(`the schema of ${address} leaves it open`);
    const missing = keys.filter((key) => !Object.hasOwn(schema?.properties ?? {}, key));
    expect(missing).toEqual([]);
  });
});
