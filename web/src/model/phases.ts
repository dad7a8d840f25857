/** What browsers were at, and the paints that visitors waited for, in words. */

import type { BlockingPath, Paint } from "../api/types";
import { duration } from "./units";

/** Return the name of a phase or of a part of a paint as people read it. */
export function phaseName(name: string): string {
  return name.replaceAll("_", " ");
}

/** Return a paint in one line: `LCP 1.20 s: ttfb 300 ms, load delay 200 ms, …`. */
export function paintText(paint: Paint): string {
  const parts = paint.parts.map((part) => `${phaseName(part.name)} ${duration(part.duration_ns)}`);
  const whole = `${paint.name.toUpperCase()} ${duration(paint.duration_ns)}`;
  return parts.length === 0 ? whole : `${whole}: ${parts.join(", ")}`;
}

/** Return what the path says beside its categories: paints, time by phase, how many traces were learned from. */
export function pathRemarks(path: BlockingPath): string[] {
  const remarks = (path.paints ?? []).map(paintText);
  const phases = Object.entries(path.by_phase ?? {}).map(([name, ns]) => `${phaseName(name)} ${duration(ns)}`);
  if (phases.length > 0) remarks.push(`In the browser: ${phases.join(", ")}`);
  const learned = path.learned_from ?? 0;
  if (learned > 0) remarks.push(`What waits for what was learned from ${learned} traces of this route`);
  return remarks;
}
