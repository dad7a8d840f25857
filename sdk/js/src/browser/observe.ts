import { now } from "./record.js";
import { guard, onClose } from "./settings.js";
import { onHidden } from "./visibility.js";
import { Limit } from "./limits.js";

/** What is not in every TypeScript library yet, as the browser gives it. */
export type Entry = PerformanceEntry & PerformanceResourceTiming & PerformanceNavigationTiming &
  PerformanceEventTiming & LargestContentfulPaint & {
    readonly hadRecentInput: boolean;
    readonly value: number;
    readonly sources: readonly { readonly node: Node | null }[];
    readonly blockingDuration: number;
    readonly renderStart: number;
    readonly styleAndLayoutStart: number;
    readonly scripts: readonly Script[];
    readonly renderBlockingStatus: string;
    readonly activationStart: number;
    readonly deliveryType: string;
  };

/** A script of a long animation frame. */
export interface Script extends PerformanceEntry {
  readonly sourceURL: string;
  readonly sourceFunctionName: string;
  readonly sourceCharPosition: number;
  readonly invoker: string;
  readonly invokerType: string;
  readonly forcedStyleAndLayoutDuration: number;
}


let waiting: (() => void)[] = [];

const work = (slice: number = Limit.Slice): void => {
  const until = now() + slice;
  for (let next; now() < until && (next = waiting.shift()); ) next();
  if (waiting[0]) setTimeout(work);
};

/** Do something when it is its turn; pages have theirs in between. */
export const later = (run: () => void): void => {
  if (!waiting[0]) setTimeout(work);
  waiting.push(guard(run));
};

/** Work on all entries that wait: the page may not come back. */
export const hurry = (): void => work(Infinity);

/** Hear of entries of a type, also of those before; false where the browser does not know the type. */
export const observe = (type: string, heard: (entry: Entry) => void, options?: object): boolean => {
  const known = PerformanceObserver.supportedEntryTypes.includes(type);
  if (known) {
    const hear = guard(heard) as (entry: PerformanceEntry) => void;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) later(() => heard(entry as Entry));
    });
    observer.observe({ type, buffered: true, ...options });
    onHidden(() => observer.takeRecords().forEach(hear));
    onClose(() => observer.disconnect());
  }
  return known;
};

/** Return how the page was loaded, as far as it is by now. */
export const navigation = (): Entry | undefined =>
  performance.getEntriesByType("navigation")[0] as Entry | undefined;
