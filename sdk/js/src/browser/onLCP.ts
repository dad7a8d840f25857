import { whereabouts } from "./element.js";
import { entryOf, observe, type Entry } from "./observe.js";
import { address } from "./scrub.js";
import { onHidden, seenUntil } from "./visibility.js";
import { vital } from "./vital.js";

/**
 * Largest contentful paint in four parts that add up to it:
 *
 *   |--ttfb--|--load delay--|--load--|--render delay--|  LCP
 *            document       request   answered         painted
 */
export function onLCP(): void {
  let largest: Entry | undefined;
  let where = "";
  observe("largest-contentful-paint", (entry) => {
    if (entry.startTime < seenUntil()) {
      largest = entry;
      where = whereabouts(entry.element);
    }
  });
  onHidden(() => {
    if (!largest) return;
    const since = entryOf("navigation")?.activationStart || 0;
    const after = (instant: number, before: number) =>
      Math.min(value, Math.max(before, instant - since));
    const value = Math.max(0, largest.startTime - since);
    const { url } = largest;
    const loaded = url
      ? (performance.getEntriesByName(url, "resource")[0] as Entry | undefined)
      : undefined;
    const first = after(entryOf("navigation")?.responseStart || 0, 0);
    const asked = after(loaded ? loaded.requestStart || loaded.startTime : 0, first);
    const answered = after(loaded ? loaded.responseEnd : 0, asked);
    vital(
      "lcp",
      value,
      {
        element: where,
        url: url ? address(url) : undefined,
        bytes: loaded?.encodedBodySize || undefined,
        ttfb_ms: first,
        load_delay_ms: asked - first,
        load_ms: answered - asked,
        render_delay_ms: value - answered,
      },
      undefined,
      largest.startTime,
    );
    largest = undefined;
  });
}
