import { activities, begin } from "./activity.js";
import { whereabouts } from "./element.js";
import { listen } from "./settings.js";
import { Limit } from "./limits.js";


/** Clicks, keys, changes and submissions: where, how long until the next paint, and which requests they caused. Never what. */
export function onInteraction(): void {
  let last = 0;
  for (const type of ["click", "keydown", "change", "submit"])
    listen(document, type, ({ isTrusted, target, timeStamp }) => {
      if (!isTrusted || (timeStamp - last < Limit.Same && activities.size)) return;
      last = timeStamp;
      const made = begin(type, timeStamp, { "browser.element": whereabouts(target) });
      made._finish = () => type != "keydown" || made._used || made._end - timeStamp > Limit.SlowKey;
    });
}
