import { begin, enter, leave, show, type Activity } from "./activity.js";
import { entryOf } from "./observe.js";
import { now, place, span, type Fields } from "./record.js";
import { measured, placeOf, serverOf } from "./resource.js";
import { address } from "./scrub.js";
import { listen, guard } from "./settings.js";

/**
 * The page itself: a `documentLoad` in the trace of the server that made it, where that says which
 * (`Server-Timing: traceparent`, or a meta element of that name), and the `documentFetch` inside.
 */
export function onNavigation(): void {
  const entry = entryOf("navigation");
  const server =
    (entry && serverOf(entry)) ||
    placeOf(document.querySelector("meta[name=traceparent]")?.getAttribute("content"));
  const load = begin("documentLoad", 0, {}, undefined, place(server?._trace));
  show(load);
  enter(load);
  load._finish = () => {
    const final = entryOf("navigation");
    if (!final) return;
    load._fields = pageFields(final);
    load._end = Math.max(load._end, final.loadEventEnd, final.responseEnd);
    span({
      ...place(load._trace),
      _parent: load._span,
      _name: "documentFetch",
      _kind: 3,
      _start: final.fetchStart,
      _end: final.responseEnd || final.responseStart || now(),
      _fields: measured(final),
      _link: server,
      _failed: final.responseStatus > 499,
    });
  };
  const loaded = guard(() => setTimeout(guard(() => leave(load, entryOf("navigation")?.loadEventEnd || now()))));
  if (document.readyState == "complete") loaded();
  else listen(window, "load", ({ target }) => target == document && loaded());
}

const pageFields = (entry: { type: string } & PerformanceNavigationTiming & { activationStart: number }): Fields => ({
  url: { full: address(location.href) },
  browser: {
    navigation: {
      type: entry.type,
      from: document.referrer && address(new URL(document.referrer).origin),
      redirects: entry.redirectCount || undefined,
      activation_ms: entry.activationStart || undefined,
      interactive_ms: entry.domInteractive,
      content_loaded_ms: entry.domContentLoadedEventEnd,
      complete_ms: entry.domComplete,
      load_ms: entry.loadEventEnd,
    },
  },
});

/** The page as it comes back from the browser's memory: a view of its own. */
export function restore(time: number): Activity {
  const made = begin("pageRestore", time, { url: { full: address(location.href) } });
  show(made);
  return made;
}

