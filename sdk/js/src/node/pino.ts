/**
 * pino, in either of its ways:
 *
 *     pino({}, pino.multistream([{ stream: process.stdout }, { stream: debugQueuePino() }]))
 *     pino({ transport: { target: "debugqueue/pino" } })
 *
 * The first is in the program's own thread, so that lines carry the trace they were written in. The second is in pino's
 * worker thread, where the trace is what the line itself says (`trace_id`, `span_id`), as `traceMixin` adds it.
 */
import { Writable } from "node:stream";
import { fault } from "../core/guard.js";
import { currentTrace, DebugQueue, enqueue } from "./debugQueue.js";
import { LineEvent } from "./lineEvent.js";
import type { Options } from "./settings.js";

/** Return a stream that takes pino's lines. */
export function debugQueuePino(): { write(line: string): void } {
  return {
    write(line) {
      try {
        // The line is read when it is sent: reading it here would double what logging costs.
        enqueue(new LineEvent(line, currentTrace()));
      } catch (error) {
        fault(error);
      }
    },
  };
}

/** Return the ids of the current trace, for pino's `mixin`. */
export function traceMixin(): { trace_id?: string; span_id?: string; trace_flags?: string } {
  try {
    const trace = currentTrace();
    if (trace === undefined) return {};
    return { trace_id: trace.traceId, span_id: trace.spanId, trace_flags: trace.flags.toString(16).padStart(2, "0") };
  } catch (error) {
    fault(error);
    return {};
  }
}

/** What pino calls in its worker thread: returns a stream of the lines' bytes. */
export default function transport(options: Options = {}): Writable {
  DebugQueue.configure(options);
  const { write } = debugQueuePino();
  let rest = "";
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      lines.filter((line) => line !== "").forEach(write);
      done();
    },
    final(done) {
      DebugQueue.flush().finally(() => done());
    },
  });
}
