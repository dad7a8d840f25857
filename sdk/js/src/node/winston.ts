/** winston: `createLogger({ transports: [debugQueueWinston()] })`. `import … from "debugqueue/winston"` */
import { Writable } from "node:stream";
import { fault } from "../core/guard.js";
import { record } from "./debugQueue.js";
import { levelOf } from "./level.js";

/** Where winston and its formats keep what they do not want printed. */
const LEVEL = Symbol.for("level");

/**
 * Return a transport for winston: it takes any stream of objects for one.
 *
 * @param options `level` is the least severe level that is queued, in winston's words.
 */
export function debugQueueWinston(options: { readonly level?: string } = {}): Writable {
  const stream = new Writable({
    objectMode: true,
    write(info: unknown, _encoding, done) {
      try {
        queue(info as Record<string | symbol, unknown>);
      } catch (error) {
        fault(error);
      }
      done();
    },
  });
  return Object.assign(stream, options);
}

function queue(info: Record<string | symbol, unknown>): void {
  const { level, message, stack, ...others } = info as Record<string, unknown>;
  const thrown = typeof stack === "string" ? { "exception.stacktrace": stack, "exception.message": message } : {};
  record("", { "logger.name": "winston", ...others, ...thrown }, levelOf(info[LEVEL] ?? level), queue, typeof message === "string" ? message : undefined);
}

export default debugQueueWinston;
