import type { FlatAttributes, SafeValue, Scrub } from "./types.js";
import { wellFormed } from "./wellFormed.js";

/** OTLP's AnyValue as its JSON encoding has it. */
export type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number | "NaN" | "Infinity" | "-Infinity" }
  | { arrayValue: { values: AnyValue[] } }
  | { kvlistValue: { values: KeyValue[] } }
  | Record<string, never>;

/** OTLP's KeyValue. */
export interface KeyValue {
  key: string;
  value: AnyValue;
}

/** Return a number as OTLP JSON has it: whole numbers as decimal text, those without a number in JSON by name. */
function numberValue(value: number): AnyValue {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return { intValue: String(value) };
  return { doubleValue: Number.isFinite(value) ? value : (String(value) as "NaN") };
}

const INT64_LIMIT = 2 ** 63;

/** Return a safe value as OTLP's AnyValue; `key` is the attribute's name, which the scrubbing rules go by. */
export function anyValue(key: string, value: SafeValue, scrub: Scrub): AnyValue {
  if (typeof value === "string") return { stringValue: wellFormed(scrub(key, value)) };
  if (typeof value === "number") return scrubbedNumber(key, String(value), scrub) ?? numberValue(value);
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "bigint") return scrubbedNumber(key, String(value), scrub) ?? bigintValue(value);
  if (value === null) return {};
  // A name that hides its value hides it whatever it holds: the rules see that from any text under it.
  const hidden = scrub(key, "…");
  if (hidden !== "…") return { stringValue: hidden };
  if (Array.isArray(value)) return { arrayValue: { values: value.map((each) => anyValue(key, each, scrub)) } };
  return { kvlistValue: { values: [...value].map(([name, each]) => keyValue(name, each, scrub)) } };
}

function bigintValue(value: bigint): AnyValue {
  return value < INT64_LIMIT && value >= -INT64_LIMIT ? { intValue: String(value) } : { stringValue: String(value) };
}

/** A PIN or a card number may come as a number: where the rules replace its text, the replacement is sent. */
function scrubbedNumber(key: string, text: string, scrub: Scrub): AnyValue | undefined {
  const scrubbed = scrub(key, text);
  return scrubbed === text ? undefined : { stringValue: scrubbed };
}

function keyValue(key: string, value: SafeValue, scrub: Scrub): KeyValue {
  return { key: wellFormed(key), value: anyValue(key, value, scrub) };
}

/** Return flat attributes as OTLP's list. */
export function keyValues(attributes: FlatAttributes, scrub: Scrub): KeyValue[] {
  const list: KeyValue[] = [];
  for (let at = 0; at + 1 < attributes.length; at += 2) {
    list.push(keyValue(attributes[at] as string, attributes[at + 1] as SafeValue, scrub));
  }
  return list;
}
