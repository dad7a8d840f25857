import type { FlatAttributes } from "../core/types.js";
import { LOCATIONS_PER_SECOND } from "./limits.js";

/** The engine's note of one frame of the stack; its text is made when `stack` is first read. */
export interface Place {
  stack?: string;
}

let left = LOCATIONS_PER_SECOND;
let secondUnixMs = 0;

/**
 * Return the place that called `below`, or undefined where this second's share is used up.
 *
 * @param nowUnixMs the event's instant: no clock is read for this.
 */
export function place(below: (...args: never[]) => unknown, nowUnixMs: number): Place | undefined {
  if (Math.abs(nowUnixMs - secondUnixMs) >= 1000) {
    secondUnixMs = nowUnixMs;
    left = LOCATIONS_PER_SECOND;
  }
  if (left <= 0) return undefined;
  left--;
  const held: Place = {};
  try {
    const limit = Error.stackTraceLimit;
    try {
      Error.stackTraceLimit = 1;
      Error.captureStackTrace(held, below);
    } finally {
      Error.stackTraceLimit = limit;
    }
  } catch {
    // A host that froze what the language gives: an event without a place.
    return undefined;
  }
  return held;
}

/** Return the text of a place; the host's own `Error.prepareStackTrace` makes it, and may raise. */
function textOf(held: Place): string {
  try {
    return String(held.stack).slice(0, 4096);
  } catch {
    return "";
  }
}

/** Return the attributes of a place; none where its text says nothing that is known. */
export function placeAttributes(held: Place): FlatAttributes {
  // "    at Cart.total (/srv/shop/cart.js:12:7)", "    at async file:///srv/shop/main.mjs:3:1"
  const frame = /^ {4}at (?:async )?(.{1,2000})$/m.exec(textOf(held))?.[1];
  if (frame === undefined) return [];
  const opens = frame.endsWith(")") ? frame.indexOf(" (") : -1;
  const name = opens < 0 ? "" : frame.slice(0, opens);
  const address = opens < 0 ? frame : frame.slice(opens + 2, -1);
  const found = /^(.{1,1000}?):(\d{1,9})(?::\d{1,9})?$/.exec(address);
  if (!found) return [];
  const attributes: FlatAttributes = ["code.file.path", pathOf(found[1] ?? ""), "code.line.number", Number(found[2])];
  if (name !== "" && !name.endsWith("<anonymous>")) attributes.push("code.function.name", name.replace(/^new /, ""));
  return attributes;
}

function pathOf(address: string): string {
  if (!address.startsWith("file://")) return address;
  try {
    return decodeURIComponent(new URL(address).pathname);
  } catch {
    return address;
  }
}
