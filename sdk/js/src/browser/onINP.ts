import { activities, placeAt } from "./activity.js";
import { whereabouts } from "./element.js";
import { observe, type Entry } from "./observe.js";
import { longestScript } from "./onLongFrame.js";
import type { Fields, Place } from "./record.js";
import { hiddenSince, onHidden, onRestored } from "./visibility.js";
import { vital } from "./vital.js";
import { Limit } from "./limits.js";

/** What was slow: its length in ms, id, start, parts, place in a trace. */
type Slow = [ms: number, id: number, start: number, parts: Fields, at: Place];


/** Interaction to next paint, and the parts of the wait. */
export function onINP(): void {
  let slowest: Slow[] = [];
  let before = 0;
  const total = (): number => (performance as { interactionCount?: number }).interactionCount || 0;
  const heard = ({ interactionId, startTime, duration, processingStart, processingEnd, target, name }: Entry): void => {
    let end = startTime + duration;
    // The paint that would have ended it never came: the page went away first.
    if (end + Limit.Rounding > hiddenSince) end = processingEnd;
    const parts = {
      input_delay_ms: processingStart - startTime,
      processing_ms: processingEnd - processingStart,
      presentation_ms: Math.max(0, end - processingEnd),
    };
    for (const activity of activities)
      if (activity._start == startTime) {
        activity._end = Math.max(activity._end, end);
        activity._fields["browser.interaction"] = parts;
      }
    const ms = end - startTime;
    const same = slowest.find(([, id]) => id == interactionId);
    if (!interactionId || same?.[0]! >= ms) return;
    slowest = [
      ...slowest.filter((each) => each != same),
      [ms, interactionId, startTime, { element: whereabouts(target), event: name, ...parts }, placeAt(startTime)] as Slow,
    ]
      .sort((one, other) => other[0] - one[0])
      .slice(0, Limit.Slowest);
  };
  observe("event", heard, { durationThreshold: Limit.ShortestEvent });
  observe("first-input", heard);
  onRestored(() => {
    slowest = [];
    before = total();
  });
  onHidden(() => {
    const found = slowest[Math.min(slowest.length - 1, Math.floor((total() - before) / Limit.OneIn))];
    if (!found) return;
    const [ms, , start, parts, at] = found;
    vital("inp", ms, { ...parts, script: longestScript(start, start + ms) }, start, at);
  });
}
