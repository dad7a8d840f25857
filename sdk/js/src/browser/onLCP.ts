import { whereabouts } from "./element.js";
import { observe, type Entry } from "./observe.js";
import { onHidden, seenUntil } from "./visibility.js";
import { firstByte, sinceShown, vital } from "./vital.js";

/**
 * Largest contentful paint in four parts that add up to it:
 *
 *   |--ttfb--|--load delay--|--load--|--render delay--|  LCP
 *            document       request   answered         painted
 */
export function onLCP(): void {
  let largest: Entry | undefined;
  let element: string;
  observe("largest-contentful-paint", (entry) => {
    if (entry.startTime > seenUntil) return;
    largest = entry;
    element = whereabouts(entry.element);
  });
  onHidden(() => {
    if (!largest) return;
    const { url, startTime } = largest;
    const value = sinceShown(startTime);
    const between = (before: number, instant = 0) => Math.min(value, Math.max(before, sinceShown(instant)));
    const loaded = (url ? performance.getEntriesByName(url)[0] : undefined) as Entry | undefined;
    const first = firstByte();
    const asked = between(first, loaded && (loaded.requestStart || loaded.startTime));
    const answered = between(asked, loaded?.responseEnd);
    vital(
      "lcp",
      value,
      {
        element,
        url,
        ttfb_ms: first,
        load_delay_ms: asked - first,
        load_ms: answered - asked,
        render_delay_ms: value - answered,
      },
      startTime,
    );
    largest = undefined;
  });
}
