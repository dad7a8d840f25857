/**
 * What the server answers. Written by hand from the REST shapes; test/openapi.test.ts compares them with
 * docs/reference/openapi.json once that file exists.
 *
 * Instants arrive twice: `*_unix_ns` as a decimal string and `*_at` as RFC 3339 UTC with nine digits.
 * Nanoseconds since 1970 do not fit a Number, so the strings stay strings. Lengths (`*_ns`) are Numbers:
 * they stay exact up to 104 days.
 */

/** Decimal string of nanoseconds since 1970. */
export type UnixNs = string & { readonly unit: "unix_ns" };
/** RFC 3339, UTC, nine digits. */
export type At = string & { readonly unit: "rfc3339" };
/** A length of time, in nanoseconds. */
export type Ns = number & { readonly unit: "ns" };

export interface ApiError {
  error: { code: string; message: string };
}

export interface ServiceRates {
  service: string;
  calls_per_s: number;
  errors_per_s: number;
  error_ratio: number | null;
  log_lines_per_s: number;
}

/** Whole system, last 15 minutes, one value per step from `start_unix_ns` on. */
export interface RateSeries {
  start_unix_ns: UnixNs;
  step_s: number;
  calls_per_s: number[];
  errors_per_s: number[];
  log_lines_per_s: number[];
}

export type IncidentState = "open" | "acknowledged" | "resolved";

export interface IncidentSummary {
  incident_id: string;
  state: IncidentState;
  onset_unix_ns: UnixNs;
  onset_at: At;
  last_seen_unix_ns: UnixNs;
  last_seen_at: At;
  title: string;
  entry_service: string;
  entry_operation: string;
  faulty_service: string;
  faulty_operation: string;
  services: string[];
}

/** A summary counts its triggers; the incident itself lists them. */
export interface IncidentRow extends IncidentSummary {
  triggers: number;
}

export interface Overview {
  now_unix_ns: UnixNs;
  now_at: At;
  services: ServiceRates[];
  series: RateSeries;
  incidents: { open: number; recent: IncidentRow[] };
  journal: { waiting_records: number; waiting_bytes: number };
  /** Records since the server started, by signal. */
  received: { traces?: number; logs?: number; metrics?: number };
  /** Where this server takes OTLP, when it says so; else the usual ports on the page's own host. */
  endpoints?: { otlp_http?: string; otlp_grpc?: string };
}

export interface Trigger {
  kind: string;
  service: string;
  operation: string;
  onset_unix_ns: UnixNs;
  onset_at: At;
  events_after: number;
  calls_after: number;
  events_before: number;
  calls_before: number;
  /** Telemetry text; only for triggers that come from logs. */
  template?: string;
  alert_name?: string;
  failure?: string;
}

export interface Hypothesis {
  rank: number;
  statement: string;
  probability: number;
  cause_kind: string;
  service: string;
  /** '' when no recorded change or commit is suspected. */
  change_id: string;
  revision: string;
  evidence: string[];
}

export interface Incident extends IncidentSummary {
  triggers: Trigger[];
  hypotheses: Hypothesis[];
  unknown_probability: number;
}

export interface DataSets {
  /** What is stored, by data set and signal; empty when nothing ever arrived. */
  data_sets: { data_set: string; signal: string; records: number }[];
}

export interface TraceRow {
  trace_id: string;
  root_service: string;
  root_operation: string;
  services: string[];
  spans: number;
  error_spans: number;
  matching_spans: number;
  start_unix_ns: UnixNs;
  start_at: At;
  duration_ns: Ns;
}

export interface TraceList {
  traces: TraceRow[];
  complete: boolean;
}

export type AttributeValue = string | number | boolean | null | AttributeValue[] | { [key: string]: AttributeValue };
export type Attributes = Record<string, AttributeValue>;

export interface SpanEvent {
  /** From the trace's start, like the spans'. */
  offset_ns: Ns;
  name: string;
  attributes: Attributes;
}

export interface Span {
  span_id: string;
  parent_span_id: string;
  service: string;
  operation: string;
  kind: string;
  status_code: string;
  status_message: string;
  /** From the trace's start; negative never, the trace starts with its first span. */
  start_offset_ns: Ns;
  duration_ns: Ns;
  /** What the span's own time is spent on, when the server says so for every span. */
  category?: string;
  attributes: Attributes;
  resource: Attributes;
  events: SpanEvent[];
  links: { trace_id: string; span_id: string }[];
  trust: string;
}

export interface Trace {
  trace_id: string;
  start_unix_ns: UnixNs;
  start_at: At;
  duration_ns: Ns;
  data_set: string;
  truncated: boolean;
  spans: Span[];
}

export interface PathSection {
  span_id: string;
  service: string;
  operation: string;
  category: string;
  /** What a browser was at; empty or absent where nobody says. */
  phase?: string;
  /** From the path's own start, which is the root's. */
  start_offset_ns: Ns;
  duration_ns: Ns;
}

/** A paint that a visitor waited for: lcp of a page, inp of an interaction. */
export interface Paint {
  name: string;
  span_id: string;
  duration_ns: Ns;
  /** They sum to the whole. */
  parts: { name: string; duration_ns: Ns }[];
}

export type PathWarning = string | { text: string; count?: number; reason?: string };

export interface BlockingPath {
  trace_id: string;
  root_span_id: string;
  start_unix_ns: UnixNs;
  start_at: At;
  duration_ns: Ns;
  sections: PathSection[];
  by_category: Record<string, Ns>;
  /** Of browsers' spans, the largest first. */
  by_phase?: Record<string, Ns>;
  paints?: Paint[];
  /** How many traces of the same root showed what waits for what; 0 for this one alone. */
  learned_from?: number;
  warnings: PathWarning[];
  confidence?: { level: string; ratio: number; text: string };
}
