import { activities, placeAt } from "./activity.js";
import { whereabouts } from "./element.js";
import { observe, type Entry } from "./observe.js";
import { longestScript } from "./onLongFrame.js";
import type { Fields, Place } from "./record.js";
import { hiddenSince, onHidden, onRestored } from "./visibility.js";
import { vital } from "./vital.js";
import { Limit } from "./limits.js";

/** What was slow: its length and start in ms, its parts, its place in a trace. */
type Slow = [ms: number, start: number, parts: Fields, at: Place];


/** Interaction to next paint, and the parts of the wait. */
export function onINP(): void {
  /** By the browser's number of the interaction, which several events may share. */
  let slow = new Map<number, Slow>();
  let before = 0;
  const total = (): number => (performance as { interactionCount?: number }).interactionCount || 0;
  const ranked = () => [...slow].sort(([, [one]], [, [other]]) => other - one);
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
    if (!interactionId || slow.get(interactionId)?.[0]! >= ms) return;
    slow.set(interactionId, [ms, startTime, { element: whereabouts(target), event: name, ...parts }, placeAt(startTime)]);
    if (slow.size > Limit.Interactions) slow = new Map(ranked().slice(0, Limit.Slowest));
  };
  observe("event", heard, { durationThreshold: Limit.ShortestEvent });
  onRestored(() => {
    slow.clear();
    before = total();
  });
  onHidden(() => {
    const found = ranked()[Math.min(slow.size - 1, Math.floor((total() - before) / Limit.OneIn))];
    if (!found) return;
    const [ms, start, parts, at] = found[1];
    vital("inp", ms, { ...parts, script: longestScript(start, start + ms) }, start, at);
  });
}
