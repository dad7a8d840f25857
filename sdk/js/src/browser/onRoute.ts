import { begin, current, leave, show } from "./activity.js";
import { now } from "./record.js";
import { guard, listen } from "./settings.js";
import { wrap } from "./wrap.js";

/** Route changes of a page that stays: a view of its own, inside the interaction that caused it, until what it asks for is there. */
export function onRoute(): void {
  /** A change of the query alone is none: lists are filtered so. */
  const path = () => location.href.split("?")[0];
  let from = path();
  const look = guard((type: string) => {
    const full = path();
    if (full == from) return;
    const made = show(
      begin("routeChange", now(), { "url.full": full, "browser.navigation": { from, type } }, current()),
    );
    from = full;
    // Until the frame after the one in which it is drawn.
    requestAnimationFrame(() => setTimeout(() => leave(made, now())));
  });
  for (const name of ["pushState", "replaceState"] as const)
    wrap(history, name, (call, args) => {
      call(args);
      look(name);
    });
  listen(window, "popstate", () => look("popstate"));
}
