import type { DropReason, LogEvent } from "../core/types.js";
import { MAX_QUEUE_BYTES, MAX_QUEUE_EVENTS } from "./limits.js";

/** Something that becomes an event once there is time for it. */
export interface Waiting {
  /** Bytes it is reckoned to hold. */
  readonly bytes: number;
  /** Return the event; runs no code of the host's. */
  event(): LogEvent;
}

/** Counts since the start of the process. */
export interface Counts {
  created: number;
  sent: number;
  dropped: number;
}

/** Events that wait, within bounds, and the account of what became of every event. */
export class Queue {
  readonly counts: Counts = { created: 0, sent: 0, dropped: 0 };
  /** Drops that no server was told of yet. */
  private untold = new Map<DropReason, number>();
  private events: Waiting[] = [];
  private waitingBytes = 0;
  /** Events and bytes that were taken and are neither sent nor dropped yet. */
  private underWay = 0;
  private underWayBytes = 0;
  private shut = false;

  /** Events that wait to be taken. */
  get length(): number {
    return this.events.length;
  }

  /** Events that are neither sent nor dropped. */
  get unsettled(): number {
    return this.events.length + this.underWay;
  }

  /** Bytes reckoned for all of them. */
  get bytes(): number {
    return this.waitingBytes + this.underWayBytes;
  }

  /** Whether drops are still to be reported. */
  get hasUntold(): boolean {
    return this.untold.size > 0;
  }

  /** Add an event, or drop it where there is no room. */
  add(event: Waiting): void {
    this.counts.created++;
    if (this.shut) return this.drop(1, "refused");
    const bytes = this.waitingBytes + event.bytes;
    if (this.events.length + this.underWay >= MAX_QUEUE_EVENTS || bytes + this.underWayBytes > MAX_QUEUE_BYTES) {
      this.drop(1, "queue_full");
      return;
    }
    this.waitingBytes = bytes;
    this.events.push(event);
  }

  /** Take up to `count` of the oldest events, one or more of together `bytes`; each is settled later. */
  take(count: number, bytes: number): Waiting[] {
    let end = 0;
    for (let sum = 0; end < count && end < this.events.length; end++) {
      sum += this.events[end]?.bytes ?? 0;
      if (sum > bytes && end > 0) break;
    }
    const taken = this.events.splice(0, end);
    this.underWay += taken.length;
    for (const event of taken) {
      this.waitingBytes -= event.bytes;
      this.underWayBytes += event.bytes;
    }
    return taken;
  }

  /** Drop what waits and all that comes: the server asked for no more, not even for a report of it. */
  silence(): void {
    this.shut = true;
    const waiting = this.take(Infinity, Infinity);
    this.lost(waiting.length, waiting.reduce((sum, event) => sum + event.bytes, 0), "refused");
    this.untold.clear();
  }

  /** Settle events that the server has. */
  sent(count: number, bytes: number): void {
    this.settle(count, bytes);
    this.counts.sent += count;
  }

  /** Settle events that were given up. */
  lost(count: number, bytes: number, reason: DropReason): void {
    this.settle(count, bytes);
    this.drop(count, reason);
  }

  /** Take the drops to report; `untell` gives them back where the report did not arrive. */
  takeUntold(): Map<DropReason, number> {
    const taken = this.untold;
    this.untold = new Map();
    return taken;
  }

  untell(drops: Map<DropReason, number>): void {
    if (this.shut) return;
    for (const [reason, count] of drops) this.untold.set(reason, (this.untold.get(reason) ?? 0) + count);
  }

  private settle(count: number, bytes: number): void {
    this.underWay -= count;
    this.underWayBytes -= bytes;
  }

  private drop(count: number, reason: DropReason): void {
    if (count <= 0) return;
    this.counts.dropped += count;
    if (!this.shut) this.untold.set(reason, (this.untold.get(reason) ?? 0) + count);
  }
}
