import { expect, test } from "vitest";
import type { Ns } from "../src/api/types";
import { paintText, pathRemarks, phaseName } from "../src/model/phases";
import { path } from "./samples";

const ms = (value: number): Ns => (value * 1e6) as Ns;

test("a paint is told with its parts, and without where they are not known", () => {
  const paint = { name: "lcp", span_id: "a", duration_ns: ms(900), parts: [{ name: "load_delay", duration_ns: ms(300) }] };
  expect(paintText(paint)).toBe("LCP 900\u00a0ms: load delay 300\u00a0ms");
  expect(paintText({ ...paint, parts: [] })).toBe("LCP 900\u00a0ms");
  expect(phaseName("main_thread")).toBe("main thread");
});

test("a path without a page and without siblings has nothing to remark", () => {
  expect(pathRemarks(path([]))).toEqual([]);
  const told = { ...path([]), by_phase: { dns: ms(20) }, learned_from: 200 };
  expect(pathRemarks(told)).toEqual(["In the browser: dns 20\u00a0ms", "What waits for what was learned from 200 traces of this route"]);
});
