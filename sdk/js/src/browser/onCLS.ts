import { whereabouts } from "./element.js";
import { observe } from "./observe.js";
import { onHidden, onRestored } from "./visibility.js";
import { vital } from "./vital.js";
import { Limit } from "./limits.js";


/** Cumulative layout shift: the worst window of shifts less than a second apart, five seconds at most. */
export function onCLS(): void {
  let worst: number, sum: number, first: number, last: number, largest: number, element: string;
  const begin = () => {
    worst = sum = first = last = largest = 0;
    element = "";
  };
  begin();
  const known = observe("layout-shift", ({ hadRecentInput, startTime, value, sources }) => {
    if (hadRecentInput) return;
    if (startTime - last > Limit.ShiftGap || startTime - first > Limit.ShiftWindow) {
      sum = 0;
      first = startTime;
    }
    last = startTime;
    sum += value;
    worst = Math.max(worst, sum);
    if (value > largest) {
      largest = value;
      element = whereabouts(sources.find(({ node }) => node)?.node);
    }
  });
  onRestored(begin);
  onHidden(() => {
    if (known) vital("cls", worst, { element, largest_shift: largest });
  });
}
