/** Small traces to try the model on. */

import type { At, BlockingPath, Ns, Span, Trace, Trigger, UnixNs } from "../src/api/types";

export const START = "1795254668114000000" as UnixNs;

export function span(id: string, parent: string, start: number, length: number, more: Partial<Span> = {}): Span {
  return {
    span_id: id,
    parent_span_id: parent,
    service: "shop",
    operation: id,
    kind: "Internal",
    status_code: "Unset",
    status_message: "",
    start_offset_ns: start as Ns,
    duration_ns: length as Ns,
    attributes: {},
    resource: {},
    events: [],
    links: [],
    trust: "server_key",
    ...more,
  };
}

export function trace(spans: Span[], duration = 100): Trace {
  return {
    trace_id: "t",
    start_unix_ns: START,
    start_at: "2026-11-21T09:51:08.114000000Z" as At,
    duration_ns: duration as Ns,
    data_set: "",
    truncated: false,
    spans,
  };
}

export function path(sections: [id: string, start: number, length: number][], start: UnixNs = START): BlockingPath {
  return {
    trace_id: "t",
    root_span_id: sections[0]?.[0] ?? "",
    start_unix_ns: start,
    start_at: "2026-11-21T09:51:08.114000000Z" as At,
    duration_ns: sections.reduce((sum, [, , length]) => sum + length, 0) as Ns,
    sections: sections.map(([id, at, length]) => ({
      span_id: id,
      service: "shop",
      operation: id,
      category: "own",
      start_offset_ns: at as Ns,
      duration_ns: length as Ns,
    })),
    by_category: {},
    warnings: [],
  };
}

export function trigger(kind: string, onset: string): Trigger {
  return {
    kind,
    service: "shop",
    operation: "",
    onset_unix_ns: onset as UnixNs,
    onset_at: "" as At,
    events_after: 0,
    calls_after: 0,
    events_before: 0,
    calls_before: 0,
  };
}
