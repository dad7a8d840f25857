/** Fastify: `app.register(debugQueueFastify)` first. `import … from "debugqueue/fastify"` */
import type { ServerResponse } from "node:http";
import { record } from "./debugQueue.js";
import { inRequest } from "./http.js";

export { traceparentMeta } from "./http.js";

interface RequestLike {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly method: string;
  readonly routeOptions?: { readonly url?: string | undefined } | undefined;
}

interface ReplyLike {
  readonly raw: ServerResponse;
  getHeader(name: string): number | string | string[] | undefined;
  header(name: string, value: string): unknown;
}

type Done = (error?: Error) => void;

/** The part of a Fastify instance that is used; its own types would make it a dependency. */
interface Instance {
  addHook(name: "onRequest", hook: (request: RequestLike, reply: ReplyLike, done: Done) => void): unknown;
  addHook(name: "onError", hook: (request: RequestLike, reply: ReplyLike, error: Error, done: Done) => void): unknown;
}

/** The plugin that puts a request's events into its trace, tells the trace to the page, and queues what routes raise. */
export function debugQueueFastify(app: Instance, _options: unknown, done: Done): void {
  app.addHook("onRequest", (request, reply, next) => inRequest(request.headers["traceparent"], answerOf(reply), () => next()));
  app.addHook("onError", function debugQueueError(request, _reply, error, next) {
    const route = { "http.request.method": request.method, "http.route": request.routeOptions?.url };
    record("UNHANDLED_REQUEST_ERROR", { error, ...route }, "error", debugQueueError);
    next();
  });
  done();
}

// Without this a plugin's hooks hold only for what is registered within it.
(debugQueueFastify as unknown as Record<symbol, unknown>)[Symbol.for("skip-override")] = true;
(debugQueueFastify as unknown as Record<symbol, unknown>)[Symbol.for("fastify.display-name")] = "debugqueue";

/** Fastify keeps headers of its own until it answers. */
function answerOf(reply: ReplyLike): Parameters<typeof inRequest>[1] {
  return {
    headersSent: reply.raw.headersSent,
    getHeader: (name: string) => reply.getHeader(name),
    setHeader: (name: string, value: string) => reply.header(name, value) as never,
  } as Parameters<typeof inRequest>[1];
}

export default debugQueueFastify;
