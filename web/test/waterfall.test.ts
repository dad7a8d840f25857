import { describe, expect, test } from "vitest";
import type { Ns, UnixNs } from "../src/api/types";
import { foldsAbove, pathOnTrace, rowOfSpan, sectionAt, shownRows, traceTree } from "../src/model/waterfall";
import { path, span, trace } from "./samples";

const ALL = { pathOnly: false, errorsOnly: false, folded: new Set<number>() };

//   root  ──────────
//   a       ───
//   b         (below a)  ─
//   c             ────
const FOUR = trace([span("root", "", 0, 100), span("a", "root", 10, 30), span("b", "a", 12, 5), span("c", "root", 50, 40)]);

function names(rows: Int32Array, of = FOUR): string[] {
  return [...rows].map((place) => of.spans[place]!.span_id);
}

describe("rows", () => {
  test("stand parents first, children by start, with their depth", () => {
    const tree = traceTree(FOUR);
    expect(names(tree.order)).toEqual(["root", "a", "b", "c"]);
    expect([...tree.depth]).toEqual([0, 1, 2, 1]);
    expect([...tree.descendants]).toEqual([3, 1, 0, 0]);
  });

  test("a span whose parent did not arrive is a root and marked as an orphan", () => {
    const tree = traceTree(trace([span("root", "", 0, 100), span("lost", "gone", 5, 5)]));
    expect([...tree.orphan]).toEqual([0, 1]);
    expect([...tree.depth]).toEqual([0, 0]);
  });

  test("spans that are each other's parents, or their own, are shown once each", () => {
    const circle = trace([span("x", "y", 0, 1), span("y", "x", 0, 1), span("z", "z", 0, 1)]);
    const tree = traceTree(circle);
    expect(names(tree.order, circle).sort()).toEqual(["x", "y", "z"]);
    expect(Math.max(...tree.depth)).toBe(1);
  });

  test("two spans of one id are both shown", () => {
    const twins = trace([span("root", "", 0, 9), span("d", "root", 1, 1), span("d", "root", 2, 1)]);
    expect(traceTree(twins).order).toHaveLength(3);
  });

  test("100,000 spans one below the other need no call stack", () => {
    const deep = trace(Array.from({ length: 100_000 }, (_, at) => span(`s${at}`, at === 0 ? "" : `s${at - 1}`, at, 100_000 - at)));
    const tree = traceTree(deep);
    expect(tree.depth[99_999]).toBe(99_999);
    expect(tree.descendants[0]).toBe(99_999);
    expect(shownRows(tree, pathOnTrace(deep, undefined), ALL)).toHaveLength(100_000);
  });
});

describe("filters", () => {
  const tree = traceTree(FOUR);
  const lit = pathOnTrace(FOUR, path([["root", 0, 12], ["b", 12, 5], ["root", 17, 83]]));

  test("a fold hides what is below", () => {
    expect(names(shownRows(tree, lit, { ...ALL, folded: new Set([1]) }))).toEqual(["root", "a", "c"]);
    expect(foldsAbove(tree, 2, new Set([1]))).toEqual([1]);
  });

  test("blocking path only keeps lit spans and what is above them", () => {
    expect(names(shownRows(tree, lit, { ...ALL, pathOnly: true }))).toEqual(["root", "a", "b"]);
  });

  test("errors only keeps failed spans and what is above them", () => {
    const failing = trace([span("root", "", 0, 9), span("ok", "root", 1, 1), span("bad", "root", 2, 1, { status_code: "Error" })]);
    const rows = shownRows(traceTree(failing), pathOnTrace(failing, undefined), { ...ALL, errorsOnly: true });
    expect(names(rows, failing)).toEqual(["root", "bad"]);
  });

  test("hidden spans have no row", () => {
    expect([...rowOfSpan(Int32Array.of(0, 3), 4)]).toEqual([0, -1, -1, 1]);
  });
});

describe("sections of the blocking path", () => {
  test("are moved from the root's start to the trace's, exactly", () => {
    const late = pathOnTrace(FOUR, path([["a", 0, 30]], "1795254668114000010" as UnixNs));
    expect(late.sections[0]!.startNs).toBe(10);
  });

  test("may begin before the trace when a clock was corrected", () => {
    const early = pathOnTrace(FOUR, path([["a", 0, 30]], "1795254668113999998" as UnixNs));
    expect(early.sections[0]!.startNs).toBe(-2);
  });

  test("of a span that is not in the trace are kept, without a place", () => {
    expect(pathOnTrace(FOUR, path([["elsewhere", 0, 5]])).sections[0]!.span).toBe(-1);
  });

  test("are found by instant; they are half-open", () => {
    const { sections } = pathOnTrace(FOUR, path([["root", 0, 12], ["b", 12, 5], ["root", 20, 80]]));
    expect([0, 11, 12, 16, 17, 20, 99, 100].map((at) => sectionAt(sections, at as Ns))).toEqual([0, 0, 1, 1, -1, 2, 2, -1]);
  });
});
