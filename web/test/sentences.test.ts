import { describe, expect, test } from "vitest";
import type { Incident, IncidentRow, Ns, Overview } from "../src/api/types";
import { categoriesBySize, likelyCause, nowAnswer, sentence, traceAnswer, warningText } from "../src/model/sentences";
import { incidentAxis, marks } from "../src/model/timeline";
import { path, span, START, trace, trigger } from "./samples";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

function overview(open: number, recent: Partial<IncidentRow>[]): Overview {
  return {
    series: { step_s: 5, calls_per_s: Array(180).fill(1) },
    incidents: { open, recent },
  } as unknown as Overview;
}

function incident(hypotheses: [statement: string, probability: number][], unknown: number): Incident {
  return {
    hypotheses: hypotheses.map(([statement, probability]) => ({ statement, probability })),
    unknown_probability: unknown,
  } as unknown as Incident;
}

describe("Now", () => {
  test("says that nothing was found, and over which window", () => {
    expect(plain(nowAnswer(overview(0, []), undefined).known)).toBe("Nothing wrong found in the last 15 min.");
  });

  test("names the open incident and its likely cause", () => {
    const answer = nowAnswer(overview(1, [{ title: "8% fail", state: "resolved" }, { title: "31% fail", state: "open" }]), incident([["1.8.3 did it", 0.91]], 0.05));
    expect(answer).toEqual({ known: "1 incident open: 31% fail.", likely: "Very likely (91%): 1.8.3 did it." });
  });

  test("counts several, and names the newest", () => {
    const recent = [{ title: "new", state: "open" as const }, { title: "old", state: "open" as const }];
    expect(nowAnswer(overview(2, recent), undefined).known).toBe("2 incidents open; the newest: new.");
  });
});

describe("a likely cause", () => {
  test("is never surer than not knowing", () => {
    expect(likelyCause(incident([["a deploy", 0.3]], 0.6))).toBe("Cause not known (60%); unlikely (30%): a deploy.");
  });

  test("may not have been found", () => {
    expect(likelyCause(incident([], 1))).toBe("No cause found yet.");
  });
});

describe("a trace", () => {
  const one = trace([span("root", "", 0, 100, { operation: "GET /", service: "gateway", status_code: "Error" })]);

  test("is answered by its root and its largest category", () => {
    const blocking = { ...path([["root", 0, 100]]), by_category: { own: 30 as Ns, database: 70 as Ns } };
    const { known, likely } = traceAnswer(one, blocking);
    expect([plain(known), plain(likely)]).toEqual(["GET / in gateway took 100 ns and failed.", "70 ns of it was database."]);
  });

  test("without a path is answered by its first span", () => {
    expect(plain(traceAnswer(one, undefined).known)).toBe("GET / in gateway took 100 ns and failed.");
  });

  test("with no span says so", () => {
    expect(traceAnswer(trace([]), undefined).known).toBe("No span of this trace is stored.");
  });

  test("categories stand by size, then name, without the empty ones", () => {
    const blocking = { ...path([]), by_category: { b: 1 as Ns, a: 1 as Ns, none: 0 as Ns, c: 2 as Ns } };
    expect(categoriesBySize(blocking).map((entry) => entry.category)).toEqual(["c", "a", "b"]);
  });

  test("warnings come as words or as counted notes", () => {
    expect(warningText("late")).toBe("late");
    expect(warningText({ text: "parent not received", count: 2 })).toBe("2 spans: parent not received");
  });
});

test("a sentence ends once", () => {
  expect(["it broke", "it broke.", "why?"].map(sentence)).toEqual(["it broke.", "it broke.", "why?"]);
});

describe("the timeline", () => {
  test("shows the onset with room before it", () => {
    const axis = incidentAxis(START, START);
    expect(axis).toEqual({ from: "1795254638114000000", to: "1795254728114000000" });
  });

  test("joins marks that are too close, in order of time", () => {
    const axis = incidentAxis(START, START);
    const triggers = [trigger("b", "1795254668200000000"), trigger("a", START), trigger("c", "1795254700000000000")];
    expect(marks(triggers, axis, 0.02).map((mark) => mark.triggers.map((one) => one.kind))).toEqual([["a", "b"], ["c"]]);
  });

  test("keeps what lies outside at its edge", () => {
    const axis = incidentAxis(START, START);
    expect(marks([trigger("a", "1"), trigger("b", "9999999999999999999")], axis, 0.02).map((mark) => mark.at)).toEqual([0, 1]);
  });
});
