/** What was asked of the server and came back: kept while it is asked again, paused while hidden. */

import { useCallback, useEffect, useRef, useState } from "react";
import { askJson, askText, Refusal } from "../api/client";

export interface Asked<Shape> {
  /** The last answer; stays while the next one is awaited and when the server is gone. */
  value: Shape | undefined;
  /** Why the last question was not answered; cleared by the next answer. */
  refusal: Refusal | undefined;
  /** The browser's time of the last answer, in ms since 1970: for "shown is what was there at". */
  answeredMs: number | undefined;
  again: () => void;
}

type Ask<Shape> = (address: string, signal: AbortSignal) => Promise<Shape>;

interface Held<Shape> {
  address: string | undefined;
  value: Shape | undefined;
  refusal: Refusal | undefined;
  answeredMs: number | undefined;
}

/** Ask for JSON, once or every `everyMs`; `undefined` asks nothing. */
export function useAsked<Shape>(address: string | undefined, everyMs?: number): Asked<Shape> {
  return useQuestion<Shape>(address, askJson<Shape>, everyMs);
}

/** Ask for text, exactly as sent. */
export function useAskedText(address: string | undefined): Asked<string> {
  return useQuestion<string>(address, askText, undefined);
}

function useQuestion<Shape>(address: string | undefined, ask: Ask<Shape>, everyMs: number | undefined): Asked<Shape> {
  const [held, setHeld] = useState<Held<Shape>>(nothing(address));
  const [turn, setTurn] = useState(0);
  const asking = useRef(ask);
  asking.current = ask;

  useEffect(() => {
    if (address === undefined) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const once = async (): Promise<void> => {
      timer = undefined;
      try {
        const value = await asking.current(address, stop.signal);
        setHeld({ address, value, refusal: undefined, answeredMs: Date.now() });
      } catch (error) {
        if (stop.signal.aborted) return;
        const refusal = error instanceof Refusal ? error : new Refusal(0, "broken", String(error));
        setHeld((before) => ({ ...(before.address === address ? before : nothing(address)), refusal }));
      }
      next();
    };
    const next = (): void => {
      if (everyMs !== undefined && !document.hidden && !stop.signal.aborted) timer = setTimeout(once, everyMs);
    };
    // While the page is hidden nothing is asked; once it is seen again, at once.
    const onVisibility = (): void => {
      if (document.hidden) {
        clearTimeout(timer);
        timer = undefined;
      } else if (everyMs !== undefined && timer === undefined) void once();
    };
    void once();
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisibility);
    };
  }, [address, everyMs, turn]);

  const again = useCallback(() => setTurn((before) => before + 1), []);
  const shown = held.address === address ? held : nothing<Shape>(address);
  return { value: shown.value, refusal: shown.refusal, answeredMs: shown.answeredMs, again };
}

function nothing<Shape>(address: string | undefined): Held<Shape> {
  return { address, value: undefined, refusal: undefined, answeredMs: undefined };
}
