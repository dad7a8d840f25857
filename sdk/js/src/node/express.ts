/** Express: `app.use(debugQueueExpress())` first, `app.use(debugQueueErrors())` last. `import … from "debugqueue/express"` */
import { record } from "./debugQueue.js";
import { inRequest, type AnswerLike } from "./http.js";

export { traceparentMeta } from "./http.js";

interface RequestLike {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly method?: string | undefined;
  readonly baseUrl?: string | undefined;
  readonly route?: { readonly path?: unknown } | undefined;
}

type Next = (error?: unknown) => void;

/** Return the middleware that puts a request's events into its trace and tells the trace to the page. */
export function debugQueueExpress(): (request: RequestLike, answer: AnswerLike, next: Next) => void {
  return (request, answer, next) => inRequest(request.headers["traceparent"], answer, () => next());
}

/** Return the error handler that queues what a route raised and hands it on. */
export function debugQueueErrors(): (error: unknown, request: RequestLike, answer: AnswerLike, next: Next) => void {
  // Express tells an error handler by its four parameters.
  return function debugQueueError(error, request, _answer, next) {
    record("UNHANDLED_REQUEST_ERROR", { error, ...routeOf(request) }, "error", debugQueueError);
    next(error);
  };
}

/** The pattern of a route, not the path: a path may hold what nobody meant to log. */
function routeOf(request: RequestLike): Record<string, unknown> {
  try {
    const pattern = request.route?.path;
    const route = typeof pattern === "string" ? { "http.route": `${request.baseUrl ?? ""}${pattern}` } : {};
    return { "http.request.method": request.method, ...route };
  } catch {
    return {};
  }
}

export default debugQueueExpress;
