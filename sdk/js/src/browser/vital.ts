import { view } from "./activity.js";
import { event, LEVELS, now, type Fields, type Place } from "./record.js";
import { keepAndSend } from "./send.js";
import { randomHex } from "./settings.js";

/** From these values on a page is slow, by name; ms, CLS without unit. */
const SLOW: Record<string, number> = { lcp: 4000, inp: 500, cls: 0.25, fcp: 3000, ttfb: 1800 };

let told: Record<string, [id: string, value: number]> = {};

/** A new view begins: its vitals are new ones. */
export const renew = (): void => {
  told = {};
};

/**
 * Tell a web vital, or that it has changed.
 *
 * @param fields what it is made up of and what it was measured at
 * @param at the place in a trace; the view's unless given
 * @param time when it was reached, in ms of `performance.now()`
 */
export function vital(name: string, value: number, fields: Fields, at: Place = view, time = now()): void {
  const [id, before] = told[name] || [randomHex(8), 0];
  if (told[name] && value == before) return;
  told[name] = [id, value];
  if (value >= SLOW[name]!) keepAndSend();
  event(
    "browser.web_vital",
    { browser: { web_vital: { name, value, delta: value - before, id, ...fields } } },
    at,
    LEVELS.info,
    name,
    time,
  );
}
