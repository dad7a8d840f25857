/** Requests of Node's own `http`: events in them carry their trace, and pages learn it. `import … from "debugqueue/http"` */
import type { IncomingMessage, ServerResponse } from "node:http";
import { fault } from "../core/guard.js";
import { formatTraceparent, parseTraceparent } from "../core/traceContext.js";
import type { TraceContext } from "../core/types.js";
import { withBound } from "./context.js";
import { currentTrace } from "./debugQueue.js";
import { randomHex } from "./ids.js";
import { currentSpan } from "./openTelemetry.js";

/** The parts of an answer that are used; other frameworks' answers have them too. */
export type AnswerLike = Pick<ServerResponse, "getHeader" | "setHeader" | "headersSent">;

/**
 * Return the trace of a request: OpenTelemetry's span, else what the sender says, else a new one.
 *
 * @param header the request's `traceparent`.
 */
export function requestTrace(header: unknown): TraceContext {
  const span = currentSpan();
  if (span) return span;
  const sent = parseTraceparent(header);
  return { traceId: sent?.traceId ?? randomHex(16), spanId: randomHex(8), flags: sent?.flags ?? 1 };
}

/** Return the value of the `Server-Timing` header that tells a page its trace. */
export function serverTiming(trace: TraceContext): string {
  return `traceparent;desc="${formatTraceparent(trace)}"`;
}

/** Add the trace to an answer's `Server-Timing`; what the program put there stays. */
export function tellTrace(answer: AnswerLike, trace: TraceContext): void {
  if (answer.headersSent) return;
  const before = answer.getHeader("server-timing");
  const all = before === undefined ? [] : [before].flat().map(String);
  answer.setHeader("Server-Timing", [...all, serverTiming(trace)].join(", "));
}

/**
 * Return the `<meta name="traceparent">` of the request in which this is called, for the head of a page that a cache or
 * an old browser keeps from `Server-Timing`; empty outside a request.
 */
export function traceparentMeta(): string {
  try {
    const trace = currentTrace();
    return trace === undefined ? "" : `<meta name="traceparent" content="${formatTraceparent(trace)}">`;
  } catch (error) {
    fault(error);
    return "";
  }
}

/**
 * Do the work of a request in its trace, and tell the trace to the page; `work` runs once, whatever goes wrong here.
 *
 * @param header the request's `traceparent`.
 */
export function inRequest<Out>(header: unknown, answer: AnswerLike, work: () => Out): Out {
  let trace: TraceContext;
  try {
    trace = requestTrace(header);
    tellTrace(answer, trace);
  } catch (error) {
    fault(error);
    return work();
  }
  return withBound(undefined, work, trace);
}

type Handler<Request, Answer> = (request: Request, answer: Answer) => unknown;

/** Return a request handler whose events carry the request's trace: `createServer(traced(handler))`. */
export function traced<Request extends IncomingMessage, Answer extends ServerResponse>(
  handler: Handler<Request, Answer>,
): (request: Request, answer: Answer) => void {
  return (request, answer) => inRequest(request.headers.traceparent, answer, () => handler(request, answer));
}
