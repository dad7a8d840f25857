import type { FlatAttributes, LogEvent, SafeValue, Scrub } from "./types.js";

/** Return an event without the secrets in it. */
export function scrubbed(event: LogEvent, scrub: Scrub): LogEvent {
  return { ...event, body: scrub("", event.body), attributes: attributes(event.attributes, scrub) };
}

function attributes(flat: FlatAttributes, scrub: Scrub): FlatAttributes {
  const clean: FlatAttributes = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const key = flat[at] as string;
    clean.push(key, scrubbedValue(key, flat[at + 1] as SafeValue, scrub));
  }
  return clean;
}

/** Return a value without secrets; `key` is its name, which the rules go by too. */
export function scrubbedValue(key: string, value: SafeValue, scrub: Scrub): SafeValue {
  if (typeof value === "string") return scrub(key, value);
  if (value === null || typeof value === "boolean") return value;
  if (typeof value !== "object") {
    // The number of a card, or one under a secret's name: the rules look at its digits.
    const digits = String(value);
    const clean = scrub(key, digits);
    return clean === digits ? value : clean;
  }
  // A name that hides its value hides it whatever it holds: the rules show that with any text under it.
  const hidden = scrub(key, "…");
  if (hidden !== "…") return hidden;
  if (Array.isArray(value)) return value.map((each) => scrubbedValue(key, each, scrub));
  return new Map([...value].map(([name, each]) => [name, scrubbedValue(name, each, scrub)]));
}
