import { observe } from "./observe.js";
import { seenUntil } from "./visibility.js";
import { firstByte, sinceShown, vital } from "./vital.js";

/** First contentful paint, as far as the page was in front until then. */
export const onFCP = (): boolean =>
  observe("paint", ({ name, startTime }) => {
    if (name != "first-contentful-paint" || startTime > seenUntil) return;
    const value = sinceShown(startTime);
    const ttfb = firstByte();
    vital("fcp", value, { ttfb_ms: ttfb, after_ttfb_ms: value - ttfb }, startTime);
  });
