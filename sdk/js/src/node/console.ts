/** Node's console: what it prints is queued too. `import { captureConsole } from "debugqueue/console"` */
import { format } from "node:util";
import { fault } from "../core/guard.js";
import { MAX_VALUE_LENGTH } from "../core/limits.js";
import type { Level } from "../core/types.js";
import { cut } from "../core/wellFormed.js";
import { record } from "./debugQueue.js";

const LEVELS = { debug: "debug", log: "info", info: "info", warn: "warning", error: "error" } as const satisfies Record<string, Level>;

/** A method of the console that can be captured. */
export type ConsoleMethod = keyof typeof LEVELS;

/**
 * Queue what the console is told, beside its being printed.
 *
 * @param methods which of them; `warn` and `error` unless told.
 * @returns a function that gives the console back, where nobody else has taken it since.
 */
export function captureConsole(methods: readonly ConsoleMethod[] = ["warn", "error"]): () => void {
  let inside = false;
  const restores = methods.map((method) => {
    const before = console[method];
    const captured = function (this: unknown, ...args: unknown[]): void {
      before.apply(this, args);
      // Formatting runs code of the host's, which may print.
      if (inside) return;
      inside = true;
      try {
        queue(method, args, captured);
      } catch (error) {
        fault(error);
      } finally {
        inside = false;
      }
    };
    console[method] = captured;
    return () => {
      if (console[method] === captured) console[method] = before;
    };
  });
  return () => restores.forEach((restore) => restore());
}

function queue(method: ConsoleMethod, args: unknown[], below: (...args: never[]) => unknown): void {
  const error = args.find((each) => each instanceof Error);
  // The longest texts are cut before they are formatted: printing one of a gigabyte makes a copy of it.
  const short = args.slice(0, 32).map((each) => (typeof each === "string" ? cut(each, MAX_VALUE_LENGTH) : each));
  const message = error && args.length === 1 ? error.message : format(...short);
  record("", { "logger.name": "console" }, LEVELS[method], below, { message, ...(error ? { error } : {}) });
}
