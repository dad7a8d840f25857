/** Series of rates as they may be drawn: without the step we are in, whose telemetry is still on its way. */

import type { Overview, RateSeries } from "../api/types";
import { lengthBetween } from "./instants";

/** Return the series cut to the steps that had ended when the server answered. */
export function completeSteps(overview: Pick<Overview, "now_unix_ns" | "series">): RateSeries {
  const { series } = overview;
  const steps = Math.max(0, Math.floor(lengthBetween(series.start_unix_ns, overview.now_unix_ns) / (series.step_s * 1e9)));
  return {
    ...series,
    calls_per_s: series.calls_per_s.slice(0, steps),
    errors_per_s: series.errors_per_s.slice(0, steps),
    log_lines_per_s: series.log_lines_per_s.slice(0, steps),
  };
}
