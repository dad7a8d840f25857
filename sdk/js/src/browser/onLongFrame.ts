import { placeAt } from "./activity.js";
import { draftOf, fieldsOf } from "./entries.js";
import { observe, type Entry, type Script } from "./observe.js";
import { span, type Fields } from "./record.js";
import { Limit } from "./limits.js";


let frames: Entry[] = [];

/** Return what is known of the script that took longest within [start, end) in ms. */
export function longestScript(start: number, end: number): Fields | undefined {
  const [longest] = frames
    .flatMap(({ scripts }) => scripts as Script[])
    .filter(({ startTime, duration }) => startTime < end && startTime + duration > start)
    .sort((one, other) => other.duration - one.duration);
  return longest && { ...fieldsOf(longest), duration: longest.duration };
}

/**
 * Long animation frames: when the page could not answer or paint, and whose script it was. One that
 * began before the visitor clicked, and kept them waiting, is a part of the click.
 */
export const onLongFrame = (): boolean =>
  observe("long-animation-frame", (entry) => {
    frames = [...frames, entry].slice(-Limit.Frames);
    const draft = draftOf(entry, "longAnimationFrame", placeAt(entry.startTime + entry.duration));
    draft._fields["browser.script"] = longestScript(draft._start, draft._end);
    span(draft);
  });
