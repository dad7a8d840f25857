import { raiseFaults } from "../core/guard.js";
import rules from "../core/rules.json";
import { createScrub } from "../core/scrub.js";
import { Delivery } from "./delivery.js";
import { Encoder } from "./encoder.js";
import { watchForTheEnd } from "./exit.js";
import { postAtExit } from "./exitFlush.js";
import { Queue, type Waiting } from "./queue.js";
import { Requests } from "./request.js";
import { resource } from "./resource.js";
import { CHECKS } from "./scrubChecks.js";
import { settings, type Options, type Settings } from "./settings.js";
import { Lines } from "./stderrLines.js";

/** A queue and the way from it to the server. There is one in each thread of a process. */
export class Client {
  readonly queue = new Queue();
  /** Events of a lower severity number are ignored; all are where nothing is to be sent. */
  readonly lowestSeverity: number;
  readonly settings: Settings;
  readonly service: string;
  private readonly delivery: Delivery;
  private readonly lines: Lines | undefined;
  private readonly unwatch: () => void;
  private shut = false;

  constructor(options: Options) {
    this.settings = settings(options);
    this.lowestSeverity = this.settings.lowestSeverity;
    raiseFaults(this.settings.debug);
    const { url, headers, scrub, stderr, flushIntervalMs, exitFlushMs, signals } = this.settings;
    const origin = { resource: this.isOff ? [] : resource(options), scopeName: "debugqueue", scopeVersion: __VERSION__ };
    this.service = String(origin.resource[origin.resource.indexOf("service.name") + 1]);
    this.lines = stderr ? new Lines(this.service) : undefined;
    const encoder = new Encoder(origin, createScrub(rules, CHECKS, scrub), this.lines);
    this.delivery = new Delivery(this.queue, encoder, url && new Requests(url, headers), flushIntervalMs);
    const newest = (): number => this.queue.counts.created;
    this.unwatch = this.isOff
      ? () => {}
      : watchForTheEnd({ signals, timeoutMs: exitFlushMs, newest, flush: () => this.flushAtEnd(), flushSync: () => this.flushSync() });
  }

  /** Whether nothing is kept or sent. */
  get isOff(): boolean {
    return this.lowestSeverity === Infinity;
  }

  /** Queue something to be sent. */
  add(waiting: Waiting): void {
    if (this.isOff || this.shut) return;
    this.queue.add(waiting);
    this.delivery.wake();
  }

  /** Send what there is; resolves to whether all of it was settled, within `timeoutMs`. */
  flush(timeoutMs: number): Promise<boolean> {
    return this.delivery.flush(timeoutMs);
  }

  /** Send what there is, and take nothing more. */
  async shutdown(timeoutMs: number): Promise<boolean> {
    this.shut = true;
    this.unwatch();
    return this.delivery.flush(timeoutMs);
  }

  /** A server that is known to be away is not waited for. */
  private async flushAtEnd(): Promise<boolean> {
    const { exitFlushMs } = this.settings;
    return exitFlushMs > 0 && this.delivery.retry.failures === 0 && this.delivery.flush(exitFlushMs);
  }

  private flushSync(): void {
    const { url, headers, exitFlushMs } = this.settings;
    if (this.delivery.isIdle) return;
    const text = this.delivery.remains();
    this.lines?.writtenSync();
    if (text === undefined || url === undefined || exitFlushMs === 0 || this.delivery.retry.failures > 0) return;
    postAtExit(url, headers, text, exitFlushMs);
  }
}
