/** Whether the screen is narrow, for what style sheets cannot decide: how many ticks, which words. */

import { useSyncExternalStore } from "react";

const NARROW = "(max-width: 720px)";

function subscribe(listener: () => void): () => void {
  const media = matchMedia(NARROW);
  media.addEventListener("change", listener);
  return () => media.removeEventListener("change", listener);
}

export function isNarrow(): boolean {
  return matchMedia(NARROW).matches;
}

export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, isNarrow);
}
