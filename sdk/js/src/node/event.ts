import { MAX_ATTRIBUTES, MAX_NAME_LENGTH } from "../core/limits.js";
import { unitsOf, type Snapshot } from "../core/snapshot.js";
import type { FlatAttributes, Level, LogEvent, TraceContext } from "../core/types.js";
import { cut } from "../core/wellFormed.js";
import type { Bound } from "./context.js";
import { ATTRIBUTE_BYTES, EVENT_BYTES } from "./limits.js";
import { placeAttributes, type Place } from "./location.js";
import type { Waiting } from "./queue.js";

/** An event of which everything that can change was copied. */
export class CopiedEvent implements Waiting {
  readonly bytes: number;

  constructor(
    private readonly timeUnixMs: number,
    private readonly level: Level,
    private readonly tag: string,
    private readonly copy: Snapshot,
    private readonly bound: Bound | undefined,
    private readonly place: Place | undefined,
    private readonly trace: TraceContext | undefined,
  ) {
    // Two bytes a unit: whether a text has a unit past Latin-1 is not known without looking at all of it.
    this.bytes = EVENT_BYTES + 2 * unitsOf(copy) + ATTRIBUTE_BYTES * (copy.attributes.length >> 1);
  }

  event(): LogEvent {
    const { timeUnixMs, level, tag, trace, copy } = this;
    const named = copy.message === undefined ? messageOf(copy.attributes) : undefined;
    const own = named === undefined ? copy.attributes : without(copy.attributes, "message");
    return { timeUnixMs, level, tag, body: copy.message ?? named ?? tag, attributes: this.around(own), trace };
  }

  private around(own: FlatAttributes): FlatAttributes {
    const all = this.place === undefined ? own : [...own, ...placeAttributes(this.place)];
    return this.bound === undefined ? all : withBoundOnes(all, this.bound.attributes);
  }
}

/** Return the detail named `message`, where it is a text. */
function messageOf(attributes: FlatAttributes): string | undefined {
  for (let at = 0; at < attributes.length; at += 2) {
    const value = attributes[at + 1];
    if (attributes[at] === "message" && typeof value === "string") return value;
  }
  return undefined;
}

function without(attributes: FlatAttributes, name: string): FlatAttributes {
  return attributes.filter((_each, at) => attributes[at - (at % 2)] !== name);
}

/** What an event says itself goes before what is bound around it. */
function withBoundOnes(own: FlatAttributes, around: FlatAttributes): FlatAttributes {
  const all = [...own];
  for (let at = 0; at < around.length && all.length < 2 * MAX_ATTRIBUTES; at += 2) {
    if (!own.includes(around[at] as string)) all.push(around[at] as string, around[at + 1] ?? null);
  }
  return all;
}

/** Return a tag as a text, whatever was given for one; lines of loggers have none. */
export function tagOf(tag: unknown): string {
  if (typeof tag !== "string") return "EVENT";
  return tag.length > MAX_NAME_LENGTH ? cut(tag, MAX_NAME_LENGTH) : tag;
}
