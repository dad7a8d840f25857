import { whereabouts } from "./element.js";
import { observe, type Entry } from "./observe.js";
import { onHidden, onRestored } from "./visibility.js";
import { vital } from "./vital.js";

const GAP_MS = 1000;
const LONGEST_MS = 5000;

/** Cumulative layout shift: the worst window of shifts less than a second apart, five seconds at most. */
export function onCLS(): void {
  let worst = 0;
  let sum = 0;
  let first = 0;
  let last = 0;
  let largest: [value: number, where: string, time: number] = [0, "", 0];
  let known = false;
  const begin = () => {
    worst = sum = 0;
    largest = [0, "", 0];
  };
  observe("layout-shift", ({ hadRecentInput, startTime, value, sources }: Entry) => {
    if (hadRecentInput) return;
    if (startTime - last > GAP_MS || startTime - first > LONGEST_MS) {
      sum = 0;
      first = startTime;
    }
    last = startTime;
    sum += value;
    worst = Math.max(worst, sum);
    if (value > largest[0])
      largest = [value, whereabouts(sources.find(({ node }) => node)?.node), startTime];
  });
  known = PerformanceObserver.supportedEntryTypes.includes("layout-shift");
  onRestored(begin);
  onHidden(() => {
    if (known)
      vital("cls", Math.round(worst * 1e4) / 1e4, {
        element: largest[1],
        largest_shift: largest[0],
        largest_shift_ms: largest[2] || undefined,
      });
  });
}
