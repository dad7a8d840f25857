/** Which part of a trace's time is in sight; kept in the address as `zoom=from_to`, in ns from its start. */

import { useMemo } from "react";
import type { Ns, Trace } from "../api/types";
import type { PathOnTrace } from "../model/waterfall";
import type { Range } from "../charts/drawWaterfall";
import { setQuery, useAddress } from "./address";
import type { Keys } from "./keys";

const LEAST_NS = 100;
const STEP = 1.5;
const PAN = 0.2;

/** All of the trace, and all of the path: a corrected clock may put a section before the first span. */
export function wholeRange(trace: Trace, lit: PathOnTrace): Range {
  const first = lit.sections[0];
  const last = lit.sections.at(-1);
  const from = Math.min(0, first?.startNs ?? 0);
  const to = Math.max(trace.duration_ns, last === undefined ? 0 : last.startNs + last.durationNs, 1);
  return { from: from as Ns, to: to as Ns };
}

/** Return the range in sight, its keys and the way to set it. The whole is returned as itself. */
export function useRange(whole: Range): [Range, Keys, (range: Range) => void] {
  const { query } = useAddress();
  const text = query.get("zoom");
  const range = useMemo(() => parsed(text, whole) ?? whole, [text, whole]);
  const set = (next: Range): void => setQuery({ zoom: next === whole ? undefined : written(cut(next, whole), whole) });
  const scale = (by: number): void => {
    const middle = (range.from + range.to) / 2;
    const half = Math.max(LEAST_NS, (range.to - range.from) * by) / 2;
    set({ from: (middle - half) as Ns, to: (middle + half) as Ns });
  };
  const pan = (by: number): void => {
    const size = range.to - range.from;
    const from = Math.min(Math.max(range.from + size * by, whole.from), whole.to - size);
    set({ from: from as Ns, to: (from + size) as Ns });
  };
  const keys: Keys = {
    "+": () => scale(1 / STEP),
    "=": () => scale(1 / STEP),
    w: () => scale(1 / STEP),
    "-": () => scale(STEP),
    s: () => scale(STEP),
    a: () => pan(-PAN),
    d: () => pan(PAN),
    "0": () => set(whole),
  };
  return [range, keys, set];
}

function cut(range: Range, whole: Range): Range {
  const from = Math.max(whole.from, range.from);
  const to = Math.min(whole.to, Math.max(range.to, from + LEAST_NS));
  return { from: from as Ns, to: to as Ns };
}

function written(range: Range, whole: Range): string | undefined {
  if (range.from <= whole.from && range.to >= whole.to) return undefined;
  return `${Math.round(range.from)}_${Math.round(range.to)}`;
}

function parsed(text: string | null, whole: Range): Range | undefined {
  const found = text === null ? null : /^(-?\d{1,15})_(-?\d{1,15})$/.exec(text);
  if (found === null) return undefined;
  const [from, to] = [Number(found[1]), Number(found[2])];
  if (!(to > from) || to <= whole.from || from >= whole.to) return undefined;
  return cut({ from: from as Ns, to: to as Ns }, whole);
}
