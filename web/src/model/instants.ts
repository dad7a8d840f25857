/** Arithmetic on instants, which are decimal strings of nanoseconds and never Numbers. */

import type { Ns, UnixNs } from "../api/types";

const NS_PER_MS = 1_000_000n;

/** Return `later - earlier` as a length; negative when they stand the other way round. */
export function lengthBetween(earlier: UnixNs, later: UnixNs): Ns {
  return Number(BigInt(later) - BigInt(earlier)) as Ns;
}

/** Return the instant a length after another. The length is rounded to whole nanoseconds. */
export function instantAfter(instant: UnixNs, length: Ns): UnixNs {
  return (BigInt(instant) + BigInt(Math.round(length))).toString() as UnixNs;
}

/** Return whole milliseconds since 1970, rounded down: what a clock face needs. */
export function toUnixMs(instant: UnixNs): number {
  const ns = BigInt(instant);
  const ms = ns / NS_PER_MS;
  return Number(ns < 0n && ms * NS_PER_MS !== ns ? ms - 1n : ms);
}

/** Return where an instant lies between two others, 0 to 1; 0 when they are the same. */
export function shareBetween(instant: UnixNs, from: UnixNs, to: UnixNs): number {
  const whole = lengthBetween(from, to);
  return whole <= 0 ? 0 : lengthBetween(from, instant) / whole;
}
