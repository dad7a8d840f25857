import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { snapshot } from "../core/snapshot.js";
import type { FlatAttributes, TraceContext } from "../core/types.js";

/** What goes along with a chain of asynchronous work. Never changed once made, so that events may point at it. */
export interface Bound {
  readonly attributes: FlatAttributes;
  /** The request's place in its trace, for programs without OpenTelemetry. */
  readonly trace: TraceContext | undefined;
}

const storage = new AsyncLocalStorage<Bound>();
const outside = new AsyncResource("debugqueue");

/** Return what is bound where this is called. */
export function bound(): Bound | undefined {
  return storage.getStore();
}

function joined(details: unknown, trace: TraceContext | undefined): Bound {
  const around = storage.getStore();
  if (details === undefined) return { attributes: around?.attributes ?? [], trace: trace ?? around?.trace };
  const merged = new Map<unknown, unknown>();
  for (const flat of [around?.attributes ?? [], snapshot(details).attributes]) {
    for (let at = 0; at < flat.length; at += 2) merged.set(flat[at], flat[at + 1]);
  }
  return { attributes: [...merged].flat() as FlatAttributes, trace: trace ?? around?.trace };
}

/** Do `work` with `details` bound to every event in it, also after awaits; what is bound around it stays. */
export function withBound<Out>(details: unknown, work: () => Out, trace?: TraceContext): Out {
  return storage.run(joined(details, trace), work);
}

/** Bind `details` from here to the end of the current chain of asynchronous work. */
export function bind(details: unknown): void {
  storage.enterWith(joined(details, undefined));
}

/**
 * Do `work` outside every request: a timer started within one would keep all that the request holds alive,
 * and its spans and events would count as the request's.
 */
export function outsideRequests<Out>(work: () => Out): Out {
  return outside.runInAsyncScope(() => storage.exit(work));
}
