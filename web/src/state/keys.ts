/** Keys of a view. Single letters are off inside inputs and when a modifier is held. */

import { useEffect, useRef } from "react";

export type Keys = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** Two keys pressed one after the other, such as `g n`, may stand this far apart. */
const PAIR_MS = 1000;

/**
 * Listen while the view is shown. A name is a `key`, lower-case, or two of them: "g n".
 * The frame hears `before` its view, so that the second key of a pair is not taken for the view's own.
 */
export function useKeys(keys: Keys, before = false): void {
  const held = useRef(keys);
  held.current = keys;
  useEffect(() => {
    let first: { key: string; atMs: number } | undefined;
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const pair = first !== undefined && event.timeStamp - first.atMs < PAIR_MS ? `${first.key} ${key}` : undefined;
      first = { key, atMs: event.timeStamp };
      const doing = (pair === undefined ? undefined : held.current[pair]) ?? held.current[key];
      if (doing === undefined) return;
      event.preventDefault();
      doing(event);
    };
    addEventListener("keydown", onKey, { capture: before });
    return () => removeEventListener("keydown", onKey, { capture: before });
  }, [before]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
