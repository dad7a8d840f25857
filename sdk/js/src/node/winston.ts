/** winston: `createLogger({ transports: [debugQueueWinston()] })`. `import … from "debugqueue/winston"` */
import { Writable } from "node:stream";
import { fault } from "../core/guard.js";
import { record } from "./debugQueue.js";
import { levelOf } from "./level.js";

/** Where winston and its formats keep what they do not want printed. */
const LEVEL = Symbol.for("level");

/** What winston asks of a transport beside its being a stream of objects. */
interface Transport extends Writable {
  /** The least severe level that is taken, in winston's words. */
  level?: string;
  log(info: unknown, done: () => void): void;
}

/**
 * Return a transport for winston.
 *
 * @param options `level` is the least severe level that is queued; all that the logger takes unless told.
 */
export function debugQueueWinston(options: { readonly level?: string } = {}): Transport {
  let order: Readonly<Record<string, number>> = {};
  const log = (info: unknown, done: () => void): void => {
    try {
      const fields = info as Record<string | symbol, unknown>;
      const wanted = order[options.level ?? ""] ?? Infinity;
      if ((order[String(fields[LEVEL])] ?? 0) <= wanted) queue(fields);
    } catch (error) {
      fault(error);
    }
    done();
  };
  const stream = new Writable({ objectMode: true, write: (info: unknown, _encoding, done) => log(info, done) });
  // The logger that writes here says what its levels are.
  stream.on("pipe", (logger: { levels?: Readonly<Record<string, number>> }) => (order = logger.levels ?? {}));
  return Object.assign(stream, options, { log });
}

function queue(info: Record<string | symbol, unknown>): void {
  const { level, message, stack, ...others } = info as Record<string, unknown>;
  const thrown = typeof stack === "string" ? { "exception.stacktrace": stack, "exception.message": message } : {};
  record("", { "logger.name": "winston", ...others, ...thrown }, levelOf(info[LEVEL] ?? level), queue, { message: typeof message === "string" ? message : undefined });
}

export default debugQueueWinston;
