/** Copying text exactly, and saying for a moment that it was done. */

import { useCallback, useEffect, useState } from "react";

const SAID_MS = 2000;

export type Copying = "idle" | "copied" | "failed";

/** Return what became of the last copy, and the way to copy. */
export function useCopy(): [Copying, (text: string) => void] {
  const [state, setState] = useState<Copying>("idle");
  useEffect(() => {
    if (state === "idle") return undefined;
    const timer = setTimeout(() => setState("idle"), SAID_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = useCallback((text: string) => {
    void copyText(text).then((done) => setState(done ? "copied" : "failed"));
  }, []);
  return [state, copy];
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP from another host there is no navigator.clipboard.
    return copyByEvent(text);
  }
}

/** The copy event takes the text as it is; a text area would change its line ends. */
function copyByEvent(text: string): boolean {
  const onCopy = (event: ClipboardEvent): void => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  };
  document.addEventListener("copy", onCopy, { once: true, capture: true });
  const done = document.execCommand("copy");
  document.removeEventListener("copy", onCopy, { capture: true });
  return done;
}
