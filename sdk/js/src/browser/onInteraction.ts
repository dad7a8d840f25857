import { begin, latest, activities } from "./activity.js";
import { whereabouts } from "./element.js";
import { listen } from "./settings.js";

/** Events that follow one another within this time are one interaction, in ms. */
const SAME_MS = 50;
/** A key alone is worth telling when the answer took so long, in ms. */
const SLOW_KEY_MS = 100;

/** Clicks, keys, changes and submissions: where, how long until the next paint, and which requests they caused. Never what. */
export function onInteraction(): void {
  for (const type of ["click", "keydown", "change", "submit"])
    listen(document, type, ({ isTrusted, target, timeStamp }) => {
      if (
        !isTrusted ||
        (latest?._finish && activities.has(latest) && timeStamp - latest._start < SAME_MS)
      )
        return;
      const made = begin(type, timeStamp, { "browser.element": whereabouts(target) });
      made._finish = () =>
        type != "keydown" || made._used || made._end - timeStamp > SLOW_KEY_MS;
    });
}
