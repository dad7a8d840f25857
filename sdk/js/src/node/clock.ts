import { performance } from "node:perf_hooks";

// Kept from before a test of the host replaces them by fakes.
const monotonic = performance.now.bind(performance);
const wall = Date.now;

export const setTimer = globalThis.setTimeout;
export const clearTimer = globalThis.clearTimeout;
export const setTurn = globalThis.setImmediate;

let offset = wall() - monotonic();

/** Return milliseconds since 1970, to the microsecond, growing between two calls of `syncClock`. */
export function unixMs(): number {
  return offset + monotonic();
}

/** Return milliseconds since some fixed instant. */
export const monotonicMs = monotonic;

/** Follow steps of the wall clock, and sleep of the machine, which the monotonic clock does not see. */
export function syncClock(): void {
  const now = wall() - monotonic();
  // Smaller differences are the wall clock's own resolution.
  if (Math.abs(now - offset) > 2) offset = now;
}
