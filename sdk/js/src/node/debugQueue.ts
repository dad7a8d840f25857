import { fault, swallowedFaults } from "../core/guard.js";
import { addError, addMessage, snapshot } from "../core/snapshot.js";
import type { Details, Level, TraceContext } from "../core/types.js";
import { SEVERITY_NUMBERS } from "../core/types.js";
import { Client } from "./client.js";
import { unixMs } from "./clock.js";
import { bind, bound, withBound } from "./context.js";
import { CopiedEvent, tagOf } from "./event.js";
import { EXIT_FLUSH_MS } from "./limits.js";
import { levelOf } from "./level.js";
import { place } from "./location.js";
import { currentSpan } from "./openTelemetry.js";
import type { Waiting } from "./queue.js";
import type { Options } from "./settings.js";

/** What became of the events of this thread so far: created = sent + dropped + waiting. */
export interface Counts {
  readonly created: number;
  readonly sent: number;
  readonly dropped: number;
  readonly waiting: number;
  /** Bytes reckoned for those that wait. */
  readonly waitingBytes: number;
  /** Faults of the SDK itself that it kept to itself. */
  readonly faults: number;
}

let client: Client | undefined;

function current(): Client {
  return (client ??= new Client({}));
}

/** Return this thread's queue and its settings. */
export function configured(): Client {
  return current();
}

/** Queue something that becomes an event later; for transports of other libraries. */
export function enqueue(waiting: Waiting): void {
  current().add(waiting);
}

/** Return the ids of the span or request in which this is called. */
export function currentTrace(): TraceContext | undefined {
  return currentSpan() ?? bound()?.trace;
}

/** What goes with an event beside its details. */
interface More {
  readonly error?: unknown;
  readonly message?: string | undefined;
}

type Caller = (...args: never[]) => unknown;

/**
 * Copy an event and queue it.
 *
 * @param below the public function that was called: the place in the code is where that was called from.
 * @param more an error or a message that is not among the details.
 */
export function record(tag: unknown, details: unknown, level: Level, below: Caller, more?: More): void {
  try {
    const target = current();
    if (SEVERITY_NUMBERS[level] < target.lowestSeverity) return;
    const around = bound();
    const now = unixMs();
    const trace = currentSpan() ?? around?.trace;
    const copy = snapshot(details);
    if (more !== undefined) {
      if ("error" in more) addError(copy, more.error);
      if (more.message !== undefined) addMessage(copy, more.message);
    }
    target.add(new CopiedEvent(now, level, tagOf(tag), copy, around, place(below, now), trace));
  } catch (error) {
    fault(error);
  }
}

/** Say something that happened; none of these calls raises, blocks or waits, whatever it is given. */
export const DebugQueue = {
  /**
   * Queue an event.
   *
   * @param tag what happened, in the same words each time, such as `SESSION_DROP`.
   * @param details what is particular to this time; a text, or one named `message`, is the event's
   *   message, an error its exception.
   * @param level one of debug, info, warning, error and fatal.
   */
  log(tag: string, details?: Details | string | Error, level: Level = "info"): void {
    record(tag, details, level === "info" ? level : levelOf(level), DebugQueue.log);
  },
  debug(tag: string, details?: Details | string | Error): void {
    record(tag, details, "debug", DebugQueue.debug);
  },
  info(tag: string, details?: Details | string | Error): void {
    record(tag, details, "info", DebugQueue.info);
  },
  warning(tag: string, details?: Details | string | Error): void {
    record(tag, details, "warning", DebugQueue.warning);
  },
  error(tag: string, details?: Details | string | Error): void {
    record(tag, details, "error", DebugQueue.error);
  },
  fatal(tag: string, details?: Details | string | Error): void {
    record(tag, details, "fatal", DebugQueue.fatal);
  },

  /** Queue an error with its stack; its type is the tag where none is given. */
  exception(error: unknown, details?: Details, tag?: string): void {
    record(tag ?? typeName(error), details, "error", DebugQueue.exception, { error });
  },

  bind: bindDetails,

  /** Say where events go and whose they are; what was queued before goes where it was to go. */
  configure(options: Options): void {
    try {
      const before = client;
      client = new Client(options);
      void before?.shutdown(EXIT_FLUSH_MS);
    } catch (error) {
      fault(error);
    }
  },

  /** Send what waits; resolves to whether all of it arrived or was counted as dropped. It never rejects. */
  async flush(timeoutMs: number = EXIT_FLUSH_MS): Promise<boolean> {
    return client === undefined || client.flush(timeoutMs).catch(() => false);
  },

  /** Send what waits and take no more events. It never rejects. */
  async shutdown(timeoutMs: number = EXIT_FLUSH_MS): Promise<boolean> {
    return current().shutdown(timeoutMs).catch(() => false);
  },

  /** Return what became of this thread's events. */
  counts(): Counts {
    const queue = client?.queue;
    const { created, sent, dropped } = queue?.counts ?? { created: 0, sent: 0, dropped: 0 };
    return { created, sent, dropped, waiting: queue?.unsettled ?? 0, waitingBytes: queue?.bytes ?? 0, faults: swallowedFaults() };
  },
};

/** Bind `details` to every event from here to the end of this chain of asynchronous work. */
function bindDetails(details: Details): void;
/** Do `work` with `details` bound to every event in it, also after awaits; returns what `work` returns. */
function bindDetails<Out>(details: Details, work: () => Out): Out;
function bindDetails<Out>(details: Details, work?: () => Out): Out | void {
  let begun = false;
  try {
    if (work === undefined) return bind(details);
    return withBound(details, () => {
      begun = true;
      return work();
    });
  } catch (error) {
    // What `work` raises is the host's own; only a fault of ours may not keep it from being done.
    if (begun) throw error;
    fault(error);
    return work?.();
  }
}

function typeName(error: unknown): string {
  try {
    const { name } = error as { name?: unknown };
    return typeof name === "string" && name !== "" ? name : "Error";
  } catch {
    return "Error";
  }
}
