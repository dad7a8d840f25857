import { describe, expect, test } from "vitest";
import { api } from "../src/api/addresses";
import { areaPath, linePath, roundTop } from "../src/model/seriesPath";
import { pathOfId, pathTo, viewOf } from "../src/state/address";
import { setUps } from "../src/views/FirstRun";

describe("a path", () => {
  test.each([
    ["/", { view: "now" }],
    ["/now", { view: "now" }],
    ["/incidents", { view: "incidents" }],
    ["/incidents/inc_1", { view: "incident", id: "inc_1" }],
    ["/traces/a%2Fb", { view: "trace", id: "a/b" }],
    ["/traces/a/b", { view: "unknown", path: "/traces/a/b" }],
    ["/traces/%E0%A4%A", { view: "unknown", path: "/traces/%E0%A4%A" }],
    ["/elsewhere", { view: "unknown", path: "/elsewhere" }],
  ])("%s", (path, expected) => {
    expect(viewOf(path)).toEqual(expected);
  });

  test("to an id and back is the same id, whatever is in it", () => {
    const id = "../..?a=b#c/é";
    expect(viewOf(pathTo.trace(id))).toEqual({ view: "trace", id });
  });
});

test("a pasted id leads to what it names", () => {
  expect(pathOfId(" 5B8A1F0C77DE42E19A3C04D2B6F0E207 ")).toBe("/traces/5b8a1f0c77de42e19a3c04d2b6f0e207");
  expect(pathOfId("inc_7f3a90c1d2e4")).toBe("/incidents/inc_7f3a90c1d2e4");
  expect(pathOfId("javascript:alert(1)")).toBeUndefined();
});

test("ids and values are escaped in API addresses, empty ones left out", () => {
  expect(api.trace("a/b?c")).toBe("/api/traces/a%2Fb%3Fc");
  expect(api.traces({ since: "-15m", service: "", status: undefined, limit: 3 })).toBe("/api/traces?since=-15m&limit=3");
  expect(api.bundle("inc_1", "markdown", 6000)).toBe("/api/incidents/inc_1/context?format=markdown&max_tokens=6000");
});

describe("set-up lines", () => {
  test("carry the address of this server", () => {
    expect(setUps("tracepulse.internal", undefined)[0]!.lines).toContain("OTEL_EXPORTER_OTLP_ENDPOINT=http://tracepulse.internal:4318\n");
    expect(setUps("h", undefined)[1]!.lines).toContain("=http://h:4317\n");
  });

  test("carry what the server says instead, when it does", () => {
    expect(setUps("h", { otlp_http: "http://h:14318" })[0]!.lines).toContain("=http://h:14318\n");
  });
});

describe("a series", () => {
  test("is drawn from the left edge to the right", () => {
    expect(linePath([0, 5, 10], 10, 100, 50)).toBe("M0 50L50 25L100 0");
    expect(areaPath([10], 10, 100, 50)).toBe("M0 0L100 50L0 50Z");
  });

  test("with nothing in it draws nothing; a hole stays a hole", () => {
    expect(linePath([], 1, 100, 50)).toBe("");
    expect(linePath([1, Number.NaN, 1], 1, 100, 50)).toBe("M0 0M100 0");
  });

  test("has a round top", () => {
    expect([0, 0.3, 1, 1.1, 140, 200].map(roundTop)).toEqual([1, 0.5, 1, 2, 200, 200]);
  });
});
