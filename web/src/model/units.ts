/**
 * Every number and instant a reader sees is written here.
 * At most three significant digits, no-break space before a unit, true minus, en dash for ranges.
 */

import type { Ns, UnixNs } from "../api/types";
import { toUnixMs } from "./instants";

const NBSP = "\u00a0";
const MINUS = "\u2212";
const US = 1e3;
const MS = 1e6;
const S = 1e9;
const MIN = 60 * S;
const H = 60 * MIN;
const DAY = 24 * H;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Three significant digits at most, no trailing zeros lost that say how exact it is: 2.84, 74, 9.5. */
function significant(value: number): string {
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(3));
  if (rounded >= 100) return rounded.toFixed(0);
  return rounded >= 10 ? trimmed(rounded.toFixed(1)) : trimmed(rounded.toFixed(2));
}

function trimmed(text: string): string {
  return text.replace(/\.?0+$/, "");
}

/** Two parts of a long length, the second left out when zero: `1 min 12 s`, `3 h`. */
function inParts(length: number, big: number, bigName: string, small: number, smallName: string): string {
  const smalls = Math.round(length / small);
  const perBig = Math.round(big / small);
  const whole = Math.floor(smalls / perBig);
  const rest = smalls % perBig;
  const head = `${whole}${NBSP}${bigName}`;
  return rest === 0 ? head : `${head}${NBSP}${rest}${NBSP}${smallName}`;
}

/** `740 ms`, `2.84 s`, `1 min 12 s`, `3 h 5 min`; µs below 1 ms. */
export function duration(length: Ns): string {
  const size = Math.abs(length);
  const sign = length < 0 ? MINUS : "";
  return sign + positiveDuration(size);
}

function positiveDuration(size: number): string {
  if (size === 0) return `0${NBSP}ms`;
  if (size < US) return `${Math.round(size)}${NBSP}ns`;
  if (size < 0.9995 * MS) return `${significant(size / US)}${NBSP}µs`;
  if (size < 0.9995 * S) return `${significant(size / MS)}${NBSP}ms`;
  if (size < 59.95 * S) return `${significant(size / S)}${NBSP}s`;
  if (size < 59.5 * MIN) return inParts(size, MIN, "min", S, "s");
  if (size < 23.99 * H) return inParts(size, H, "h", MIN, "min");
  return inParts(size, DAY, "d", H, "h");
}

/** `1,204`; from a million on `1.2 M`. */
export function count(value: number): string {
  if (Math.abs(value) < 1e6) return Math.round(value).toLocaleString("en-GB");
  const [size, name] = Math.abs(value) < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return `${(value / size).toFixed(1)}${NBSP}${name}`;
}

/** `1 span`, `2 spans`, `1,204 spans`. */
export function counted(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `10.8/s`; `0/s` for nothing. */
export function rate(perSecond: number): string {
  return `${plainNumber(perSecond)}/s`;
}

/** The number of a rate without its unit, for columns whose head carries it; `<0.01`, not a false zero. */
export function plainNumber(value: number): string {
  if (value > 0 && value < 0.01) return "<0.01";
  if (value >= 1000) return count(value);
  return significant(value);
}

/** Share for prose: `31%`, `<1%`, `>99%` rather than a 100 that is not one. */
export function share(ratio: number): string {
  if (ratio > 0 && ratio < 0.01) return "<1%";
  if (ratio < 1 && ratio > 0.99) return ">99%";
  return `${Math.round(ratio * 100)}%`;
}

/** Share for tables: `31.1%`. */
export function tableShare(ratio: number): string {
  if (ratio > 0 && ratio < 0.0005) return "<0.1%";
  return `${(ratio * 100).toFixed(1)}%`;
}

/** The fixed words for a probability; always shown with its number. */
export function likelihood(probability: number): string {
  if (probability >= 0.9) return "very likely";
  if (probability >= 0.7) return "likely";
  if (probability >= 0.4) return "possible";
  if (probability >= 0.1) return "unlikely";
  return "very unlikely";
}

/** `1.2 kB`, `3.4 MB`. */
export function bytes(size: number): string {
  if (size < 1000) return `${Math.round(size)}${NBSP}B`;
  if (size < 999_500) return `${significant(size / 1e3)}${NBSP}kB`;
  if (size < 999_500_000) return `${significant(size / 1e6)}${NBSP}MB`;
  return `${significant(size / 1e9)}${NBSP}GB`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** `09:47:12`, UTC. */
export function clock(instant: UnixNs): string {
  const date = new Date(toUnixMs(instant));
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

/** `09:47`, UTC. */
export function shortClock(instant: UnixNs): string {
  return clock(instant).slice(0, 5);
}

/** `09:47:12.114`, UTC: traces and logs. */
export function fineClock(instant: UnixNs): string {
  const ms = ((toUnixMs(instant) % 1000) + 1000) % 1000;
  return `${clock(instant)}.${String(ms).padStart(3, "0")}`;
}

/** `21 Nov 2026`, UTC. */
export function day(instant: UnixNs): string {
  const date = new Date(toUnixMs(instant));
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** `09:47:12` on the day of `now`, `21 Nov 09:47` on any other; with the year if it is another. */
export function moment(instant: UnixNs, now: UnixNs): string {
  if (day(instant) === day(now)) return clock(instant);
  const [date, month, year] = day(instant).split(" ");
  const sameYear = day(now).endsWith(` ${year}`);
  return `${date} ${month}${sameYear ? "" : ` ${year}`} ${shortClock(instant)}`;
}

/** Rest of a long id, told by its ends: `4f1c9a…e207`. */
export function shortId(id: string): string {
  return id.length <= 13 ? id : `${id.slice(0, 6)}…${id.slice(-4)}`;
}

/** Labels of an axis over `[from, to)`: about `wanted` round steps, all in one unit. */
export function axisTicks(from: Ns, to: Ns, wanted: number): { at: Ns; label: string }[] {
  const span = to - from;
  if (!(span > 0)) return [{ at: from, label: duration(from) }];
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const ticks: { at: Ns; label: string }[] = [];
  for (let index = Math.ceil(from / step); index * step < to; index += 1) {
    const at = (index * step) as Ns;
    ticks.push({ at, label: index === 0 ? "0" : axisLabel(at, step) });
  }
  return ticks;
}

/** One unit for the whole axis, and as many digits as tell two neighbours apart. */
function axisLabel(at: number, step: number): string {
  const [unit, name] = step >= 0.1 * S ? [S, "s"] : step >= 0.1 * MS ? [MS, "ms"] : [US, "µs"];
  const digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
  const value = (at / unit).toFixed(digits);
  return `${value.replace("-", MINUS)}${NBSP}${name}`;
}
