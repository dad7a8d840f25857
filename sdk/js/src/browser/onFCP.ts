import { entryOf, observe } from "./observe.js";
import { seenUntil } from "./visibility.js";
import { vital } from "./vital.js";

/** First contentful paint, as far as the page was in front until then. */
export const onFCP = (): void =>
  observe("paint", ({ name, startTime }) => {
    const navigation = entryOf("navigation");
    const since = navigation?.activationStart || 0;
    const first = navigation?.responseStart || 0;
    if (name == "first-contentful-paint" && startTime < seenUntil()) {
      const value = Math.max(0, startTime - since);
      const ttfb = Math.max(0, first - since);
      vital("fcp", value, { ttfb_ms: ttfb, after_ttfb_ms: value - ttfb }, undefined, startTime);
    }
  });
