import { MAX_ARRAY_LENGTH, MAX_ATTRIBUTES, MAX_DEPTH, MAX_EVENT_LENGTH, MAX_NAME_LENGTH, MAX_VALUE_LENGTH } from "./limits.js";
import type { FlatAttributes, SafeValue } from "./types.js";
import { cut } from "./wellFormed.js";

/** What the copy of one event may still take. */
interface Budget {
  /** UTF-16 units. */
  units: number;
  /** Values at any depth: arrays of empty arrays hold no text. */
  values: number;
}

/** Why a value stands as a text in brackets; the words are the same in every SDK. */
const UNREADABLE = "[unreadable]";
const TOO_DEEP = "[too deep]";
const CYCLE = "[cycle]";

/**
 * Return a copy of what a caller handed over that holds none of the caller's objects.
 *
 * Plain objects directly in `details` are flattened with a dot; deeper ones stay nested. Getters, `toJSON`
 * and proxies run here, guarded; what they throw becomes a short text.
 *
 * @param details anything; what is not an object gives one attribute named `details`.
 * @param into copied attributes are added to it, key and value in turn.
 */
export function snapshot(details: unknown, into: FlatAttributes = []): FlatAttributes {
  if (details === undefined || details === null) return into;
  const budget: Budget = { units: MAX_EVENT_LENGTH, values: 4 * MAX_ATTRIBUTES };
  if (isPlain(details)) addAll(into, "", details, [details], budget);
  else add(into, "details", details, [], budget);
  return into;
}

function addAll(into: FlatAttributes, prefix: string, from: object, path: object[], budget: Budget): void {
  for (const key of keysOf(from)) {
    if (into.length >= 2 * MAX_ATTRIBUTES || budget.units <= 0) return;
    add(into, prefix + key, read(from, key), path, budget);
  }
}

function add(into: FlatAttributes, name: string, value: unknown, path: object[], budget: Budget): void {
  if (value === undefined) return;
  if (path.length === 1 && isPlain(value) && !path.includes(value)) {
    addAll(into, `${name}.`, value, [...path, value], budget);
    return;
  }
  const key = cut(name, MAX_NAME_LENGTH);
  budget.units -= key.length;
  into.push(key, safe(value, path, budget));
}

/** Return a value without code of the host's in it; `path` is the objects around it. */
function safe(value: unknown, path: object[], budget: Budget): SafeValue {
  if (--budget.values < 0) return TOO_DEEP;
  switch (typeof value) {
    case "string":
      return text(value, budget);
    case "number":
    case "boolean":
    case "bigint":
      return typeof value === "bigint" ? bigint(value) : value;
    case "object":
      if (value === null) return null;
      try {
        return object(value, path, budget);
      } catch {
        return UNREADABLE;
      }
    case "function":
      return "[function]";
    case "symbol":
      return text(value.description ?? "symbol", budget);
    default:
      return null;
  }
}

/** A BigInt of a million digits takes a second to print: one past 64 bits says only that. */
function bigint(value: bigint): SafeValue {
  return BigInt.asIntN(64, value) === value ? value : "[bigint]";
}

function text(value: string, budget: Budget): string {
  const length = Math.min(MAX_VALUE_LENGTH, Math.max(0, budget.units));
  budget.units -= Math.min(length, value.length);
  return value.length > length ? detached(cut(value, length)) : value;
}

/** An engine's slice keeps the whole text alive; joining and parsing it again does not. */
function detached(slice: string): string {
  return JSON.parse(JSON.stringify(slice)) as string;
}

function object(value: object, path: object[], budget: Budget): SafeValue {
  if (path.includes(value)) return CYCLE;
  if (path.length >= MAX_DEPTH) return TOO_DEEP;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof Error) return error(value, path, budget);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  const inside = [...path, value];
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return safe(toJSON.call(value, ""), inside, budget);
  if (Array.isArray(value)) return array(value, inside, budget);
  if (value instanceof Map) return members(value.entries(), inside, budget);
  if (value instanceof Set) return array([...first(value.values())], inside, budget);
  return members(propertiesOf(value), inside, budget);
}

function error(value: Error, path: object[], budget: Budget): SafeValue {
  const named = { type: value.name, message: value.message, stack: value.stack, cause: value.cause };
  return members(Object.entries(named), [...path, value], budget);
}

function array(value: unknown[], path: object[], budget: Budget): SafeValue {
  const kept = Math.min(value.length, MAX_ARRAY_LENGTH);
  const list: SafeValue[] = [];
  for (let at = 0; at < kept && budget.units > 0 && budget.values > 0; at++) list.push(safe(read(value, at), path, budget));
  return list;
}

function members(entries: Iterable<[unknown, unknown]>, path: object[], budget: Budget): SafeValue {
  const map = new Map<string, SafeValue>();
  for (const [name, value] of entries) {
    if (map.size >= MAX_ATTRIBUTES || budget.units <= 0 || budget.values <= 0) break;
    if (value === undefined) continue;
    const key = cut(typeof name === "object" || typeof name === "function" ? "[object]" : String(name), MAX_NAME_LENGTH);
    budget.units -= key.length;
    map.set(key, safe(value, path, budget));
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
