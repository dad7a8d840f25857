import { begin, leave, show } from "./activity.js";
import { navigation } from "./observe.js";
import { now, place, span } from "./record.js";
import { draftOf, placeOf, serverOf } from "./entries.js";
import { guard, listen } from "./settings.js";
import { onRestored } from "./visibility.js";
import { renew, vital } from "./vital.js";

/**
 * The page itself: a `documentLoad` in the trace of the server that made it, where that says which
 * (`Server-Timing: traceparent`, or a meta element of that name), and the `documentFetch` inside.
 */
export function onNavigation(): void {
  const entry = navigation();
  const server =
    (entry && serverOf(entry)) ||
    placeOf(document.querySelector<HTMLMetaElement>("meta[name=traceparent]")?.content);
  const load = show(begin("documentLoad", 0, {}, undefined, place(server?._trace)), true);
  load._finish = () => {
    const final = navigation()!;
    const { fetchStart, responseEnd, loadEventEnd } = final;
    const draft = draftOf(final, "documentFetch", load);
    Object.assign(load._fields, draft._fields);
    load._moments = draft._moments;
    load._end = Math.max(load._end, loadEventEnd, responseEnd);
    span({ ...draft, _kind: 3, _start: fetchStart, _end: responseEnd || now(), _link: server });
  };
  const loaded = () => setTimeout(guard(() => leave(load, navigation()?.loadEventEnd || 0)));
  if (document.readyState == "complete") loaded();
  else listen(window, "load", ({ target }) => target == document && loaded());
}

/** The page as it comes back from the browser's memory: a page of its own, seen with the next frame. */
export const onRestore = (): void =>
  onRestored((time) => {
    renew();
    const made = show(begin("pageRestore", time, { "url.full": location.href }), true);
    requestAnimationFrame(() =>
      requestAnimationFrame(
        guard((painted: number) => {
          vital("ttfb", 0);
          vital("fcp", painted - time);
          vital("lcp", painted - time);
          leave(made, painted);
        }),
      ),
    );
  });
