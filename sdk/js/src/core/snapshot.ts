import { MAX_ARRAY_LENGTH, MAX_ATTRIBUTES, MAX_DEPTH, MAX_EVENT_LENGTH, MAX_NAME_LENGTH, MAX_VALUE_LENGTH } from "./limits.js";
import type { FlatAttributes, SafeValue } from "./types.js";
import { cut } from "./wellFormed.js";

// Kept from before a test of the host, or a library, puts its own in their place.
const { parse, stringify } = JSON;

/** A copy of what a caller handed over, and what of it the copy of one event may still take. */
export interface Snapshot {
  /** None of the caller's objects is in it. */
  readonly attributes: FlatAttributes;
  /** A text that was given in place of details: the event's body. */
  message: string | undefined;
  /** UTF-16 units that are left of the event's allowance. */
  units: number;
  /** Values at any depth that are left: arrays of empty arrays hold no text. */
  values: number;
}

/** Why a value stands as a text in brackets; the words are the same in every SDK. */
const UNREADABLE = "[unreadable]";
const TOO_DEEP = "[too deep]";
const CYCLE = "[cycle]";

/**
 * Return a copy of what a caller handed over.
 *
 * Plain objects directly in `details` are flattened with a dot; deeper ones stay nested. The first error becomes
 * OpenTelemetry's `exception.*`. Getters, `toJSON` and proxies run here, guarded; what they throw becomes a short text.
 *
 * @param details anything; a text is the message, and what is neither text nor plain object is one attribute `details`.
 */
export function snapshot(details: unknown): Snapshot {
  const copy: Snapshot = { attributes: [], message: undefined, units: MAX_EVENT_LENGTH, values: 4 * MAX_ATTRIBUTES };
  if (typeof details === "object" && details !== null) {
    if (!isPlain(details)) add(copy, "details", details, []);
    else {
      const done = addQuick(copy, details as Record<string, unknown>);
      if (done >= 0) addAll(copy, "", details, [details], done);
    }
  } else if (typeof details === "string") copy.message = text(details, copy);
  else if (details !== undefined && details !== null) add(copy, "details", details, []);
  return copy;
}

/** Add an error to a copy, unless the details had one. */
export function addError(copy: Snapshot, error: unknown): void {
  add(copy, "exception.message", error, []);
}

/** Give a copy its message, where the details did not give one. */
export function addMessage(copy: Snapshot, message: string): void {
  copy.message ??= text(message, copy);
}

/** Return the UTF-16 units that a copy holds. */
export function unitsOf(copy: Snapshot): number {
  return MAX_EVENT_LENGTH - copy.units;
}

/** A text up to this length is copied without a look at what is left for the event. */
const SHORT = 256;

/**
 * Copy texts, numbers and the like as far as they go: what most details are, and most of what a call costs.
 *
 * @returns how many of the keys are done; -1 is all.
 */
function addQuick(copy: Snapshot, from: Record<string, unknown>): number {
  const { attributes } = copy;
  let done = 0;
  let units = 0;
  let all = true;
  try {
    // Engines read the members of a for-in loop several times faster than those of Object.keys.
    for (const key in from) {
      const value = from[key];
      all = false;
      if (done >= MAX_ATTRIBUTES || key.length > MAX_NAME_LENGTH) break;
      if (typeof value === "string") {
        if (value.length > SHORT) break;
        units += value.length;
      } else if (typeof value !== "number" && typeof value !== "boolean" && value !== null) break;
      units += key.length;
      attributes.push(key, value);
      done++;
      all = true;
    }
  } catch {
    all = false;
    // A getter or a proxy that raises: its turn comes again below, on its own.
  }
  copy.units -= units;
  // Past the last that is kept nobody looks: listing the names of a large object takes milliseconds.
  return all || done >= MAX_ATTRIBUTES ? -1 : done;
}

function addAll(copy: Snapshot, prefix: string, from: object, path: object[], done = 0): void {
  const keys = keysOf(from);
  for (let at = done; at < keys.length; at++) {
    if (copy.attributes.length >= 2 * MAX_ATTRIBUTES || copy.units <= 0) return;
    const key = keys[at] as string;
    add(copy, prefix + key, read(from, key), path);
  }
}

function add(copy: Snapshot, name: string, value: unknown, path: object[]): void {
  if (value === undefined) return;
  if (typeof value === "object" && value !== null) {
    if (path.length <= 1 && isError(value) && !copy.attributes.includes("exception.type")) {
      addException(copy, value);
      return;
    }
    if (path.length === 1 && isPlain(value) && value !== path[0]) {
      addAll(copy, `${name}.`, value, [...path, value]);
      return;
    }
  }
  put(copy, name, safe(value, path, copy));
}

function put(copy: Snapshot, name: string, value: SafeValue): void {
  const key = name.length > MAX_NAME_LENGTH ? detached(cut(name, MAX_NAME_LENGTH)) : name;
  copy.units -= key.length;
  copy.attributes.push(key, value);
}

/** Add an error's type, message and stack, and those of what caused it, as OpenTelemetry names them. */
function addException(copy: Snapshot, error: object): void {
  const own = [read(error, "name"), read(error, "message")].map((each) => (typeof each === "string" ? each : ""));
  put(copy, "exception.type", text(own[0] || "Error", copy));
  put(copy, "exception.message", text(own[1] ?? "", copy));
  const stacks: string[] = [];
  for (let at: unknown = error; isError(at) && stacks.length < MAX_DEPTH; at = read(at, "cause")) {
    const stack = read(at, "stack");
    if (typeof stack === "string") stacks.push(stack.length > MAX_VALUE_LENGTH ? cut(stack, MAX_VALUE_LENGTH) : stack);
  }
  if (stacks.length > 0) put(copy, "exception.stacktrace", text(stacks.join("\nCaused by: "), copy));
}

/** Return a value without code of the host's in it; `path` is the objects around it. */
function safe(value: unknown, path: object[], copy: Snapshot): SafeValue {
  if (--copy.values < 0) return TOO_DEEP;
  switch (typeof value) {
    case "string":
      return text(value, copy);
    case "number":
    case "boolean":
    case "bigint":
      return typeof value === "bigint" ? bigint(value) : value;
    case "object":
      if (value === null) return null;
      try {
        return object(value, path, copy);
      } catch {
        return UNREADABLE;
      }
    case "function":
      return "[function]";
    case "symbol":
      return text(value.description ?? "symbol", copy);
    default:
      return null;
  }
}

/** A BigInt of a million digits takes a second to print: one past 256 bits says only that. */
function bigint(value: bigint): SafeValue {
  return BigInt.asIntN(256, value) === value ? value : "[bigint]";
}

function text(value: string, copy: Snapshot): string {
  const length = Math.min(MAX_VALUE_LENGTH, Math.max(0, copy.units));
  copy.units -= Math.min(length, value.length);
  return value.length > length ? detached(cut(value, length)) : value;
}

/** An engine's slice keeps the whole text alive; joining and parsing it again does not. */
function detached(slice: string): string {
  return parse(stringify(slice)) as string;
}

function object(value: object, path: object[], copy: Snapshot): SafeValue {
  if (path.includes(value)) return CYCLE;
  if (path.length > MAX_DEPTH) return TOO_DEEP;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (isError(value)) return error(value, path, copy);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  const inside = [...path, value];
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return safe(toJSON.call(value, ""), inside, copy);
  if (Array.isArray(value)) return array(value, inside, copy);
  if (value instanceof Map) return members(value.entries(), inside, copy);
  if (value instanceof Set) return array([...first(value.values())], inside, copy);
  return members(propertiesOf(value), inside, copy);
}

function error(value: object, path: object[], copy: Snapshot): SafeValue {
  const named = ["name", "message", "stack", "cause"].map((key): [string, unknown] => [key, read(value, key)]);
  return members(named, [...path, value], copy);
}

function array(value: unknown[], path: object[], copy: Snapshot): SafeValue {
  const kept = Math.min(value.length, MAX_ARRAY_LENGTH);
  const list: SafeValue[] = [];
  for (let at = 0; at < kept && copy.units > 0 && copy.values > 0; at++) list.push(safe(read(value, at), path, copy));
  return list;
}

function members(entries: Iterable<[unknown, unknown]>, path: object[], copy: Snapshot): SafeValue {
  const map = new Map<string, SafeValue>();
  for (const [name, value] of entries) {
    if (map.size >= MAX_ATTRIBUTES || copy.units <= 0 || copy.values <= 0) break;
    if (value === undefined) continue;
    const key = cut(typeof name === "object" || typeof name === "function" ? "[object]" : String(name), MAX_NAME_LENGTH);
    copy.units -= key.length;
    map.set(key, safe(value, path, copy));
  }
  return map;
}

function* propertiesOf(value: object): Iterable<[string, unknown]> {
  for (const key of keysOf(value)) yield [key, read(value, key)];
}

function* first<T>(values: Iterable<T>): Iterable<T> {
  let left = MAX_ARRAY_LENGTH;
  for (const value of values) {
    if (left-- <= 0) return;
    yield value;
  }
}

function keysOf(value: object): string[] {
  try {
    return Object.keys(value);
  } catch {
    return [];
  }
}

function read(from: object, key: string | number): unknown {
  try {
    return (from as Record<string | number, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}

/** Whether this is an error, also one of another realm; a proxy that refuses to say is not. */
function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  try {
    return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
  } catch {
    return false;
  }
}

/** Whether this is an object literal, or one without a prototype; a proxy that refuses to say is not. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    return (prototype === null || prototype === Object.prototype) && typeof (value as { toJSON?: unknown }).toJSON !== "function";
  } catch {
    return false;
  }
}
