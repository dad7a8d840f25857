import { fault } from "../core/guard.js";
import type { DropReason } from "../core/types.js";
import { bodyOf, dropReport, halves, requestText, type Batch } from "./batch.js";
import { clearTimer, monotonicMs, setTimer, syncClock, unixMs } from "./clock.js";
import { outsideRequests } from "./context.js";
import type { Encoder } from "./encoder.js";
import { MAX_BATCH_AGE_MS, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, SLICE_MS } from "./limits.js";
import type { Queue, Waiting } from "./queue.js";
import type { Body, Outcome } from "./request.js";
import { Retry } from "./retry.js";
import { warn } from "./warning.js";

/** Where batches go. */
export interface Target {
  post(body: Body): Promise<Outcome>;
  /** Whether all of what is under way has left the process. */
  readonly handedOver: boolean;
}

/** Takes events from the queue and brings them to the server, a bounded slice of work at a time. */
export class Delivery {
  readonly retry = new Retry(monotonicMs);
  /** Batches that were encoded and have no answer yet, the first one first. */
  private readonly batches: Batch[] = [];
  /** The batch that is being encoded, as far as it is, and its other events. */
  private readonly forming = { records: [] as string[], rest: [] as Waiting[] };
  private timer: NodeJS.Timeout | undefined;
  private timerIsSoon = false;
  private running = false;
  private posting = false;
  private urgent = false;
  private waiters: ((delivered: boolean) => void)[] = [];

  constructor(
    private readonly queue: Queue,
    private readonly encoder: Encoder,
    private readonly target: Target | undefined,
    private readonly flushIntervalMs: number,
  ) {}

  /** See to it that events are sent: within the interval, or at once where a request's worth waits. */
  wake(): void {
    if (this.isIdle) return;
    const soon = this.queue.length >= MAX_BATCH_EVENTS;
    if (this.running || (this.timer !== undefined && (this.timerIsSoon || !soon))) return;
    if (this.timer === undefined) syncClock();
    const wait = this.retry.waitMs(false);
    this.schedule(Math.max(wait, soon ? 0 : this.flushIntervalMs));
    this.timerIsSoon = soon || wait > 0;
  }

  /**
   * Send what there is now.
   *
   * @returns whether all of it was settled; false as soon as the server fails or asks to wait, or after `timeoutMs`.
   */
  async flush(timeoutMs: number): Promise<boolean> {
    if (this.isIdle) return true;
    this.urgent = true;
    // This timer, unlike the others, keeps the process alive.
    const ended = new Promise<boolean>((resolve) => {
      const alive = setTimer(() => resolve(false), timeoutMs);
      this.waiters.push((delivered) => {
        clearTimer(alive);
        resolve(delivered);
      });
    });
    void this.run();
    return ended;
  }

  /** Whether nothing waits, neither events nor a report of drops. */
  get isIdle(): boolean {
    return this.queue.unsettled === 0 && !this.queue.hasUntold && this.batches.length === 0;
  }

  /** Return the text of a request for what is left, for the end of the process; without what is on its way already. */
  remains(): string | undefined {
    const records = this.batches.slice(this.posting && this.target?.handedOver ? 1 : 0).flatMap((batch) => batch.records);
    records.push(...this.forming.records);
    for (const event of [...this.forming.rest, ...this.queue.take(Infinity, Infinity)]) records.push(this.encoder.record(event) ?? "");
    for (const [reason, count] of this.queue.takeUntold()) records.push(this.encoder.encode(dropReport(reason, count, unixMs())));
    const kept = records.filter((record) => record !== "");
    return kept.length === 0 ? undefined : requestText(this.encoder.envelope, kept);
  }

  private schedule(waitMs: number): void {
    clearTimer(this.timer);
    this.timer = outsideRequests(() => setTimer(() => void this.run(), waitMs)).unref();
  }

  private async run(): Promise<void> {
    clearTimer(this.timer);
    this.timer = undefined;
    this.timerIsSoon = false;
    if (this.running) return;
    this.running = true;
    try {
      await this.deliverAll();
    } catch (error) {
      // A fault of ours must not become an unhandled rejection of the host's.
      this.abandon();
      fault(error);
    } finally {
      this.running = false;
      this.rest();
    }
  }

  private async deliverAll(): Promise<void> {
    while (!this.isIdle) {
      if (this.retry.waitMs(this.urgent) > 0) return;
      if (this.batches.length === 0) this.batches.push(await this.nextBatch());
      const batch = this.batches[0] as Batch;
      if (!this.conclude(batch, await this.attempt(batch))) return;
    }
  }

  /** Tell those who wait how it went, and come back for what is left. */
  private rest(): void {
    const delivered = this.isIdle;
    this.urgent = false;
    for (const tell of this.waiters.splice(0)) tell(delivered);
    if (!delivered) this.schedule(Math.max(this.retry.waitMs(false), this.flushIntervalMs));
  }

  private async nextBatch(): Promise<Batch> {
    const drops = this.queue.takeUntold();
    const { records, rest } = this.forming;
    rest.push(...this.queue.take(MAX_BATCH_EVENTS, MAX_BATCH_BYTES));
    for (const [reason, count] of drops) records.push(this.encoder.encode(dropReport(reason, count, unixMs())));
    let bytes = 0;
    let until = monotonicMs() + SLICE_MS;
    for (let event = rest.shift(); event !== undefined; event = rest.shift()) {
      const record = this.encoder.record(event);
      if (record === undefined) this.queue.lost(1, event.bytes, "refused");
      else {
        records.push(record);
        bytes += event.bytes;
      }
      if (monotonicMs() < until) continue;
      await new Promise<void>((resolve) => setTimer(resolve, 0).unref());
      until = monotonicMs() + SLICE_MS;
    }
    const events = records.length - drops.size;
    return { records: records.splice(0), events, bytes, drops, sinceMs: monotonicMs() };
  }

  private async attempt(batch: Batch): Promise<Outcome> {
    if (this.target === undefined) await this.encoder.written();
    if (batch.records.length === 0 || this.target === undefined) return { kind: "accepted", rejected: 0, reason: "" };
    const body = await bodyOf(requestText(this.encoder.envelope, batch.records));
    this.posting = true;
    try {
      return await this.target.post(body);
    } finally {
      this.posting = false;
    }
  }

  /** Settle a batch by its outcome; returns whether to go on at once. */
  private conclude(batch: Batch, outcome: Outcome): boolean {
    if (outcome.silence === true) return this.silence(batch, outcome);
    if (outcome.kind === "retry") return this.postpone(batch, outcome);
    this.batches.shift();
    if (outcome.kind === "split" && batch.records.length > 1) {
      this.batches.unshift(...halves(batch));
      return true;
    }
    if (outcome.kind === "accepted") {
      this.retry.succeeded();
      this.settle(batch, outcome.rejected, outcome.reason);
    } else this.lose(batch, outcome.kind === "split" ? "too_large" : "refused", outcome.reason);
    return true;
  }

  /** The server asked for no more: settle this batch, and give up all others. */
  private silence(batch: Batch, outcome: Outcome): boolean {
    this.batches.shift();
    this.queue.silence();
    if (outcome.kind === "accepted") this.settle(batch, outcome.rejected, outcome.reason);
    else this.lose(batch, "refused", outcome.reason);
    for (const other of this.batches.splice(0)) this.lose(other, "refused", "the server asked for no more");
    return true;
  }

  private postpone(batch: Batch, outcome: { afterMs: number | undefined; reason: string }): boolean {
    this.retry.failed(outcome.afterMs);
    if (this.retry.open) warn(`the server cannot be reached (${outcome.reason}); events are kept up to a bound`);
    if (monotonicMs() - batch.sinceMs < MAX_BATCH_AGE_MS) return false;
    this.batches.shift();
    this.lose(batch, "expired", outcome.reason);
    return false;
  }

  private settle(batch: Batch, rejected: number, reason: string): void {
    const refused = Math.min(rejected, batch.events);
    this.queue.sent(batch.events - refused, refused === 0 ? batch.bytes : 0);
    if (refused === 0) return;
    this.queue.lost(refused, batch.bytes, "refused");
    warn(`the server refused ${refused} events: ${reason}`);
  }

  /** Give a batch up: its events are dropped, and what it would have reported is to be reported again. */
  private lose(batch: Batch, why: DropReason, reason: string): void {
    this.queue.lost(batch.events, batch.bytes, why);
    this.queue.untell(batch.drops);
    warn(`events are dropped: ${reason}`);
  }

  private abandon(): void {
    for (const batch of this.batches.splice(0)) this.lose(batch, "refused", "an error in the SDK");
  }
}
