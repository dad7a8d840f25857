import { fieldsOf } from "./entries.js";
import { navigation } from "./observe.js";
import type { Moment } from "./record.js";
import { firstByte, vital } from "./vital.js";

/** Time to first byte, and when what came before it began and ended, in ms from the start of the navigation. */
export function onTTFB(): void {
  const entry = navigation();
  if (!entry?.responseStart) return;
  const moments: Moment[] = [];
  fieldsOf(entry, moments);
  vital("ttfb", firstByte(), Object.fromEntries(moments.filter(([, at]) => at <= entry.responseStart)), entry.responseStart);
}
