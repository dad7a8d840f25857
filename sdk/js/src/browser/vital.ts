import { page } from "./activity.js";
import { navigation } from "./observe.js";
import { event, now, type Fields, type Place } from "./record.js";
import { keepAndSend } from "./send.js";
import { randomHex } from "./settings.js";

/** From these values on a page is slow, by name; ms, CLS without unit. */
const SLOW: Record<string, number> = { lcp: 4000, inp: 500, cls: 0.25, fcp: 3000, ttfb: 1800 };

let told: Record<string, [id: string, value: number]> = {};

/** A new page begins: its vitals are new ones. */
export const renew = (): void => {
  told = {};
};

/** Return an instant counted from when the page could be seen; a page may be made ready before. */
export const sinceShown = (instant: number): number =>
  Math.max(0, instant - (navigation()?.activationStart || 0));

/** Return when the first byte of the page came, counted from when it could be seen. */
export const firstByte = (): number => sinceShown(navigation()?.responseStart || 0);

/**
 * Tell a web vital, or that it has changed.
 *
 * @param fields what it is made up of and what it was measured at
 * @param time when it was reached, in ms of `performance.now()`
 * @param at its place in a trace; the page's unless given
 */
export function vital(name: string, value: number, fields: Fields = {}, time = now(), at: Place = page): void {
  const [id, before] = told[name] || [randomHex(8), -1];
  if (value == before) return;
  told[name] = [id, value];
  if (value >= SLOW[name]!) keepAndSend();
  const delta = value - Math.max(before, 0);
  event("browser.web_vital", { "browser.web_vital": { name, value, delta, id, ...fields } }, at, undefined, name, time);
}
