/**
 * The address is the state: which view, of what, and what is selected in it.
 * Opening an object pushes; walking and filtering inside a view replaces.
 */

import { useSyncExternalStore } from "react";

export type View =
  | { view: "now" }
  | { view: "incidents" }
  | { view: "incident"; id: string }
  | { view: "traces" }
  | { view: "trace"; id: string }
  | { view: "unknown"; path: string };

export interface Address {
  readonly at: View;
  readonly query: URLSearchParams;
}

/** Read a path into a view. A path that cannot be read is a view too: it says so. */
export function viewOf(path: string): View {
  const parts = path.split("/").filter((part) => part !== "");
  const [head, tail, more] = parts;
  if (head === undefined || (head === "now" && tail === undefined)) return { view: "now" };
  if (more === undefined && (head === "incidents" || head === "traces")) {
    if (tail === undefined) return { view: head };
    const id = decoded(tail);
    if (id !== undefined) return { view: head === "incidents" ? "incident" : "trace", id };
  }
  return { view: "unknown", path };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

export const pathTo = {
  now: () => "/",
  incidents: () => "/incidents",
  incident: (id: string) => `/incidents/${encodeURIComponent(id)}`,
  traces: () => "/traces",
  trace: (id: string) => `/traces/${encodeURIComponent(id)}`,
};

/** Return where a pasted id leads: 32 (or, from older tracers, 16) hex digits are a trace, `inc_…` an incident. */
export function pathOfId(text: string): string | undefined {
  const id = text.trim();
  if (/^(?:[0-9a-f]{16}){1,2}$/i.test(id)) return pathTo.trace(id.toLowerCase());
  if (/^inc_[0-9a-z]+$/i.test(id)) return pathTo.incident(id);
  return undefined;
}

const listeners = new Set<() => void>();
let current: Address = read();

function read(): Address {
  const place = typeof location === "undefined" ? { pathname: "/", search: "" } : location;
  return { at: viewOf(place.pathname), query: new URLSearchParams(place.search) };
}

function changed(): void {
  current = read();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener("popstate", changed);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) removeEventListener("popstate", changed);
  };
}

/** The address as it is now, and again whenever it changes. */
export function useAddress(): Address {
  return useSyncExternalStore(subscribe, () => current);
}

/** Open another view. */
export function open(path: string): void {
  history.pushState(null, "", path);
  scrollTo(0, 0);
  changed();
}

/** Change keys of this view's query; undefined removes one. The history does not grow. */
export function setQuery(parts: Readonly<Record<string, string | undefined>>): void {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(parts)) {
    if (value === undefined || value === "") query.delete(key);
    else query.set(key, value);
  }
  const text = query.toString();
  history.replaceState(history.state, "", location.pathname + (text === "" ? "" : `?${text}`));
  changed();
}
