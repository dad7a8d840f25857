import { expect, test } from "vitest";
import type { UnixNs } from "../src/api/types";
import { completeSteps } from "../src/model/rates";

test("the step we are in is not drawn as if the rate had fallen", () => {
  const series = { start_unix_ns: "1000000000" as UnixNs, step_s: 5, calls_per_s: [4, 4, 1], errors_per_s: [0, 0, 0], log_lines_per_s: [9, 9, 2] };
  const cut = completeSteps({ now_unix_ns: "11999999999" as UnixNs, series });
  expect([cut.calls_per_s, cut.errors_per_s, cut.log_lines_per_s]).toEqual([[4, 4], [0, 0], [9, 9]]);
});

test("a clock that went back leaves nothing, not an error", () => {
  const series = { start_unix_ns: "1000000000" as UnixNs, step_s: 5, calls_per_s: [4], errors_per_s: [0], log_lines_per_s: [9] };
  expect(completeSteps({ now_unix_ns: "0" as UnixNs, series }).calls_per_s).toEqual([]);
});
