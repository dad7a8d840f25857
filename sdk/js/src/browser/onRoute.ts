import { begin, current, leave, enter, show } from "./activity.js";
import { now } from "./record.js";
import { address } from "./scrub.js";
import { guard, listen } from "./settings.js";
import { wrap } from "./wrap.js";

/** Route changes of a page that stays: a view of its own, inside the interaction that caused it, until what it asks for is there. */
export function onRoute(): void {
  let was = address(location.href);
  const look = guard((how: string) => {
    const full = address(location.href);
    if (full == was) return;
    const made = begin(
      "routeChange",
      now(),
      { url: { full }, "browser.navigation": { from: was, type: how } },
      current(),
    );
    was = full;
    show(made);
    // Until the frame after the one in which it is drawn.
    enter(made);
    requestAnimationFrame(() => setTimeout(() => leave(made, now())));
  });
  for (const name of ["pushState", "replaceState"] as const)
    wrap(history, name, (call) => {
      const result = call();
      look(name);
      return result;
    });
  listen(window, "popstate", () => look("popstate"));
}
