import { BREAKER_FAILURES, BREAKER_OPEN_MS, FIRST_RETRY_MS } from "./limits.js";

/** When a server that failed may be asked again. */
export class Retry {
  /** Failures since the last success. */
  failures = 0;
  /** Whether the server itself named the time. */
  private told = false;
  private notBeforeMs = -Infinity;

  /**
   * @param now returns milliseconds since some fixed instant.
   * @param random returns a number from 0 to 1.
   */
  constructor(
    private readonly now: () => number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Whether the server is left alone until one more try. */
  get open(): boolean {
    return this.failures >= BREAKER_FAILURES;
  }

  succeeded(): void {
    this.failures = 0;
    this.told = false;
    this.notBeforeMs = -Infinity;
  }

  /** Note a failure; `afterMs` is the server's Retry-After. */
  failed(afterMs: number | undefined): void {
    this.failures++;
    this.told = afterMs !== undefined;
    // At least half of the wait is kept, so that many processes spread out and none comes back at once.
    const wait = this.open ? BREAKER_OPEN_MS : FIRST_RETRY_MS * 2 ** (this.failures - 1);
    this.notBeforeMs = this.now() + Math.max(afterMs ?? 0, wait * (0.5 + this.random() / 2));
  }

  /** Return how long to wait yet; `urgent` callers skip waits that are our own choice, but not while the server is left alone. */
  waitMs(urgent: boolean): number {
    if (urgent && !this.told && !this.open) return 0;
    return Math.max(0, this.notBeforeMs - this.now());
  }
}
