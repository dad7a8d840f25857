/** Marks on one time axis; marks too close to tell apart are joined and counted. */

import type { Ns, Trigger, UnixNs } from "../api/types";
import { instantAfter, lengthBetween, shareBetween } from "./instants";

export interface Mark {
  /** 0 to 1 along the axis. */
  at: number;
  triggers: readonly Trigger[];
}

export interface Axis {
  from: UnixNs;
  to: UnixNs;
}

/** An axis that shows the onset with room before it: a quarter of what came after, at least 30 s. */
export function incidentAxis(onset: UnixNs, lastSeen: UnixNs): Axis {
  const after = Math.max(lengthBetween(onset, lastSeen), 60e9);
  const before = Math.max(after / 4, 30e9);
  return { from: instantAfter(onset, -before as Ns), to: instantAfter(onset, after as Ns) };
}

/** Place triggers on the axis; neighbours closer than `closest` (a share of it) become one mark. */
export function marks(triggers: readonly Trigger[], axis: Axis, closest: number): Mark[] {
  const placed = triggers
    .map((trigger) => ({ trigger, at: clamp(shareBetween(trigger.onset_unix_ns, axis.from, axis.to)) }))
    .sort((a, b) => a.at - b.at);
  const joined: { at: number; last: number; triggers: Trigger[] }[] = [];
  for (const { trigger, at } of placed) {
    const before = joined.at(-1);
    if (before !== undefined && at - before.last < closest) {
      before.triggers.push(trigger);
      before.last = at;
    } else joined.push({ at, last: at, triggers: [trigger] });
  }
  return joined;
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
