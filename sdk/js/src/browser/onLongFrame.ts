import { placeAt } from "./activity.js";
import { observe, type Entry, type Script } from "./observe.js";
import { place, span, type Fields } from "./record.js";
import { address } from "./scrub.js";

/** So many of the latest frames are kept to explain slow interactions. */
const FRAMES = 20;

let frames: Entry[] = [];

/** Return what is known of the script that took longest within [start, end) in ms. */
export function longestScript(start: number, end: number): Fields {
  let longest: Script | undefined;
  for (const frame of frames)
    for (const script of frame.scripts)
      if (
        script.startTime < end &&
        script.startTime + script.duration > start &&
        script.duration > (longest?.duration || 0)
      )
        longest = script;
  return longest
    ? {
        script: {
          url: address(longest.sourceURL),
          function: longest.sourceFunctionName,
          position: longest.sourceCharPosition,
          invoker: longest.invoker.replace(/[?#].*/, ""),
          invoker_type: longest.invokerType,
          duration_ms: longest.duration,
          forced_layout_ms: longest.forcedStyleAndLayoutDuration,
        },
      }
    : {};
}

/** Long animation frames: when the page could not answer or paint, and whose script it was. */
export const onLongFrame = (): void =>
  observe("long-animation-frame", (entry) => {
    const { startTime, duration, blockingDuration, renderStart, styleAndLayoutStart } = entry;
    frames = [...frames, entry].slice(-FRAMES);
    const end = startTime + duration;
    const at = placeAt(startTime);
    span({
      ...place(at._trace),
      _parent: at._span,
      _name: "longAnimationFrame",
      _start: startTime,
      _end: end,
      _fields: {
        "browser.frame": {
          blocking_ms: blockingDuration,
          render_ms: renderStart ? end - renderStart : undefined,
          layout_ms: styleAndLayoutStart ? end - styleAndLayoutStart : undefined,
          ...longestScript(startTime, end),
        },
      },
    });
  });
