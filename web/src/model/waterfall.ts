/**
 * The rows of a trace, ready to draw: order, depth, sections. Passes over columns, none recursive,
 * since a trace may be 100,000 spans deep.
 */

import type { BlockingPath, Ns, Span, Trace } from "../api/types";
import { lengthBetween } from "./instants";

/** A section of the blocking path, on the trace's own time axis. */
export interface LitSection {
  /** Place among the sections, from 0. */
  index: number;
  /** Place of its span among the trace's spans; -1 when the span is not among them. */
  span: number;
  category: string;
  /** What a browser was at; empty where nobody says. */
  phase: string;
  service: string;
  operation: string;
  startNs: Ns;
  durationNs: Ns;
}

export interface TraceTree {
  spans: readonly Span[];
  /** Places in `spans`, parents before children, children by start: the order of the rows. */
  order: Int32Array;
  depth: Int32Array;
  /** Place of the parent; -1 for a root and for a span whose parent did not arrive. */
  parent: Int32Array;
  /** How many rows below belong to it. */
  descendants: Int32Array;
  /** 1 where a parent is named that did not arrive. */
  orphan: Uint8Array;
}

export interface PathOnTrace {
  sections: readonly LitSection[];
  /** Sections of each span, by place in `spans`; undefined for none. */
  bySpan: ReadonlyMap<number, readonly LitSection[]>;
  /** Starts and spans of the sections once more, as columns: what is drawn on every frame reads these. */
  starts: Float64Array;
  places: Int32Array;
}

const NO_PATH: PathOnTrace = {
  sections: [],
  bySpan: new Map(),
  starts: new Float64Array(0),
  places: new Int32Array(0),
};

/** Link spans to parents and put them in row order. Cycles are cut where they are first met. */
export function traceTree(trace: Trace): TraceTree {
  const { spans } = trace;
  const places = new Map<string, number>();
  spans.forEach((span, place) => {
    if (!places.has(span.span_id)) places.set(span.span_id, place);
  });
  const parent = new Int32Array(spans.length).fill(-1);
  const orphan = new Uint8Array(spans.length);
  const children: (number[] | undefined)[] = new Array(spans.length);
  const roots: number[] = [];
  spans.forEach((span, place) => {
    const above = span.parent_span_id === "" ? undefined : places.get(span.parent_span_id);
    if (above === undefined || above === place) {
      if (span.parent_span_id !== "" && above === undefined) orphan[place] = 1;
      roots.push(place);
    } else {
      parent[place] = above;
      (children[above] ??= []).push(place);
    }
  });
  return { spans, parent, orphan, ...rowOrder(roots, children, parent) };
}

/** Depth first from the roots; what only a cycle reaches is taken up afterwards as a root of its own. */
function rowOrder(
  roots: readonly number[],
  children: readonly (readonly number[] | undefined)[],
  parent: Int32Array,
): Pick<TraceTree, "order" | "depth" | "descendants"> {
  const size = parent.length;
  const order = new Int32Array(size);
  const depth = new Int32Array(size);
  const seen = new Uint8Array(size);
  let rows = 0;
  const walk = (root: number): void => {
    const stack = [root];
    while (stack.length > 0) {
      const place = stack.pop()!;
      if (seen[place]) continue;
      seen[place] = 1;
      order[rows++] = place;
      const below = children[place] ?? [];
      for (let index = below.length - 1; index >= 0; index -= 1) {
        const child = below[index]!;
        if (seen[child]) continue;
        depth[child] = depth[place]! + 1;
        stack.push(child);
      }
    }
  };
  for (const root of roots) walk(root);
  for (let place = 0; place < size; place += 1) {
    if (seen[place]) continue;
    parent[place] = -1;
    depth[place] = 0;
    walk(place);
  }
  return { order, depth, descendants: descendantCounts(order, parent) };
}

function descendantCounts(order: Int32Array, parent: Int32Array): Int32Array {
  const below = new Int32Array(order.length);
  for (let row = order.length - 1; row >= 0; row -= 1) {
    const place = order[row]!;
    const above = parent[place]!;
    if (above >= 0) below[above]! += below[place]! + 1;
  }
  return below;
}

/** Lay the path's sections on the trace's axis: theirs starts with the root, not with the trace. */
export function pathOnTrace(trace: Trace, path: BlockingPath | undefined): PathOnTrace {
  if (path === undefined) return NO_PATH;
  const shift = lengthBetween(trace.start_unix_ns, path.start_unix_ns);
  const places = new Map<string, number>();
  trace.spans.forEach((span, place) => {
    if (!places.has(span.span_id)) places.set(span.span_id, place);
  });
  const bySpan = new Map<number, LitSection[]>();
  const sections = path.sections.map((section, index): LitSection => {
    const span = places.get(section.span_id) ?? -1;
    const lit = {
      index,
      span,
      category: section.category,
      phase: section.phase ?? "",
      service: section.service,
      operation: section.operation,
      startNs: (section.start_offset_ns + shift) as Ns,
      durationNs: section.duration_ns,
    };
    if (span >= 0) {
      const others = bySpan.get(span);
      if (others === undefined) bySpan.set(span, [lit]);
      else others.push(lit);
    }
    return lit;
  });
  return {
    sections,
    bySpan,
    starts: Float64Array.from(sections, (section) => section.startNs),
    places: Int32Array.from(sections, (section) => section.span),
  };
}

export interface RowFilter {
  /** Only spans with a section, and what is above them. */
  pathOnly: boolean;
  /** Only spans that failed, and what is above them. */
  errorsOnly: boolean;
  /** Places of the spans whose rows below are put away. */
  folded: ReadonlySet<number>;
}

/** Return the places to show, in row order. */
export function shownRows(tree: TraceTree, path: PathOnTrace, filter: RowFilter): Int32Array {
  const keep = keptSpans(tree, path, filter);
  const rows = new Int32Array(tree.order.length);
  let size = 0;
  for (let row = 0; row < tree.order.length; row += 1) {
    const place = tree.order[row]!;
    if (keep !== undefined && keep[place] === 0) continue;
    rows[size++] = place;
    if (filter.folded.has(place)) row += tree.descendants[place]!;
  }
  return rows.slice(0, size);
}

function keptSpans(tree: TraceTree, path: PathOnTrace, filter: RowFilter): Uint8Array | undefined {
  if (!filter.pathOnly && !filter.errorsOnly) return undefined;
  const keep = new Uint8Array(tree.order.length);
  for (let row = tree.order.length - 1; row >= 0; row -= 1) {
    const place = tree.order[row]!;
    const lit = !filter.pathOnly || path.bySpan.has(place);
    const failed = !filter.errorsOnly || tree.spans[place]!.status_code === "Error";
    if (lit && failed) keep[place] = 1;
    const above = tree.parent[place]!;
    if (keep[place] === 1 && above >= 0) keep[above] = 1;
  }
  return keep;
}

/** Return the row of every span, by place; -1 where it is not shown. */
export function rowOfSpan(rows: Int32Array, spans: number): Int32Array {
  const at = new Int32Array(spans).fill(-1);
  rows.forEach((place, row) => {
    at[place] = row;
  });
  return at;
}

/** Return the folds that hide a span: those of the spans above it. */
export function foldsAbove(tree: TraceTree, place: number, folded: ReadonlySet<number>): number[] {
  const found: number[] = [];
  for (let above = tree.parent[place]!; above >= 0; above = tree.parent[above]!) {
    if (folded.has(above)) found.push(above);
  }
  return found;
}

/** Return the section that covers an instant, by binary search; -1 when none does. */
export function sectionAt(sections: readonly LitSection[], at: Ns): number {
  let low = 0;
  let high = sections.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const section = sections[middle]!;
    if (at < section.startNs) high = middle - 1;
    else if (at >= section.startNs + section.durationNs) low = middle + 1;
    else return middle;
  }
  return -1;
}
