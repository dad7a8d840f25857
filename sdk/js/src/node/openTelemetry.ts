import type { TraceContext } from "../core/types.js";

/**
 * OpenTelemetry's API keeps its parts in one global object, and makes its context keys with Symbol.for, so that
 * several copies of it work together. The current span is found there without loading the API.
 * https://github.com/open-telemetry/opentelemetry-js/blob/main/api/src/internal/global-utils.ts
 */
const API = Symbol.for("opentelemetry.js.api.1");
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");
const SUPPRESS_TRACING = Symbol.for("OpenTelemetry SDK Context Key SUPPRESS_TRACING");

interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
}

interface ContextManager {
  active(): Context;
  with(context: Context, work: () => unknown): unknown;
}

interface SpanLike {
  spanContext(): { traceId: string; spanId: string; traceFlags: number };
}

/** Whether an SDK of OpenTelemetry runs in this process. */
export function isInstrumented(): boolean {
  return (globalThis as unknown as Record<symbol, { trace?: unknown } | undefined>)[API]?.trace !== undefined;
}

function contextManager(): ContextManager | undefined {
  return (globalThis as unknown as Record<symbol, { context?: ContextManager } | undefined>)[API]?.context;
}

/** Return the ids of OpenTelemetry's current span; undefined where there is none. */
export function currentSpan(): TraceContext | undefined {
  const span = contextManager()?.active().getValue(SPAN) as SpanLike | undefined;
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (typeof traceId !== "string" || traceId.length !== 32 || traceId === "0".repeat(32)) return undefined;
  return { traceId, spanId, flags: traceFlags };
}

/** Do `work` such that OpenTelemetry makes no spans of it. */
export function untraced(work: () => void): void {
  const manager = contextManager();
  if (manager === undefined) work();
  else manager.with(manager.active().setValue(SUPPRESS_TRACING, true), work);
}
