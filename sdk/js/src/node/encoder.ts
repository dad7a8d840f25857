import { fault } from "../core/guard.js";
import { logRecord, logsEnvelope, type Origin } from "../core/otlpJson.js";
import { scrubbed } from "../core/scrubbed.js";
import type { LogEvent, Scrub } from "../core/types.js";
import type { Waiting } from "./queue.js";
import type { Lines } from "./stderrLines.js";

/** Makes records of events. */
export class Encoder {
  /** What stands before and after the records of a request. */
  readonly envelope: readonly [string, string];

  constructor(
    origin: Origin,
    private readonly scrub: Scrub,
    private readonly lines: Lines | undefined,
  ) {
    this.envelope = logsEnvelope(origin);
  }

  /** Return an event as OTLP's record in JSON; undefined where it cannot be encoded. */
  record(waiting: Waiting): string | undefined {
    try {
      return this.encode(waiting.event());
    } catch (error) {
      fault(error);
      return undefined;
    }
  }

  encode(event: LogEvent): string {
    const clean = scrubbed(event, this.scrub);
    this.lines?.add(clean);
    return logRecord(clean);
  }

  /** Resolves when the lines for stderr are written, as far as stderr takes them. */
  async written(): Promise<void> {
    await this.lines?.written();
  }
}
