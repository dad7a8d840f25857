import { activities, placeAt } from "./activity.js";
import { whereabouts } from "./element.js";
import { observe, type Entry } from "./observe.js";
import { longestScript } from "./onLongFrame.js";
import type { Fields, Place } from "./record.js";
import { onHidden, onRestored } from "./visibility.js";
import { vital } from "./vital.js";

/** What was slow: its id, length in ms, start, parts, place in a trace. */
type Slow = [id: number, ms: number, start: number, parts: Fields, at: Place];

/** Below this the browser does not tell of events. */
const SHORTEST_MS = 16;
/** One in so many interactions is not counted: the 98th percentile. */
const ONE_IN = 50;

/** Interaction to next paint, and the parts of the wait. */
export function onINP(): void {
  let slowest: Slow[] = [];
  let before = 0;
  let most = 0;
  let least = Infinity;
  const total = (): number =>
    (performance as { interactionCount?: number }).interactionCount ??
    (most ? (most - least) / 7 + 1 : 0);
  const heard = (entry: Entry): void => {
    const { interactionId, startTime, duration, processingStart, processingEnd } = entry;
    const end = startTime + duration;
    const parts = {
      input_delay_ms: processingStart - startTime,
      processing_ms: processingEnd - processingStart,
      presentation_ms: Math.max(0, end - processingEnd),
    };
    for (const activity of activities) {
      if (activity._start == startTime && !activity._fields.input_delay_ms) {
        activity._end = Math.max(activity._end, end);
        activity._fields = { ...activity._fields, "browser.interaction": parts };
      }
    }
    if (!interactionId) return;
    most = Math.max(most, interactionId);
    least = Math.min(least, interactionId);
    const same = slowest.find(([id]) => id == interactionId);
    if (same && same[1] >= duration) return;
    const made: Slow = [
      interactionId,
      duration,
      startTime,
      { element: whereabouts(entry.target), event: entry.name, ...parts },
      placeAt(startTime),
    ];
    slowest = [...slowest.filter((each) => each != same), made].sort((a, b) => b[1] - a[1]).slice(0, 10);
  };
  observe("event", heard, { durationThreshold: SHORTEST_MS });
  observe("first-input", heard);
  onRestored(() => {
    slowest = [];
    before = total();
  });
  onHidden(() => {
    const at = Math.floor((total() - before) / ONE_IN);
    const inp = slowest[Math.min(slowest.length - 1, at)];
    if (inp) vital("inp", inp[1], { ...inp[3], ...longestScript(inp[2], inp[2] + inp[1]) }, inp[4], inp[2]);
  });
}
