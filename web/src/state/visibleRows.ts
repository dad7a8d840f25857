/** Which rows of a long list are in sight, while the page scrolls. */

import type { RefObject } from "react";
import { useEffect, useState } from "react";

const OVERSCAN = 10;

export interface VisibleRows {
  first: number;
  /** One past the last. */
  last: number;
}

/** Follow the window's scrolling; at most one change a frame. */
export function useVisibleRows(list: RefObject<HTMLElement | null>, rows: number, rowPx: number): VisibleRows {
  const [visible, setVisible] = useState<VisibleRows>({ first: 0, last: Math.min(rows, 60) });
  useEffect(() => {
    let frame = 0;
    const look = (): void => {
      frame = 0;
      const top = list.current?.getBoundingClientRect().top ?? 0;
      // Whole steps of five rows: small scrolls change nothing.
      const first = Math.max(0, Math.floor(-top / rowPx / 5) * 5 - OVERSCAN);
      const last = Math.min(rows, Math.ceil((innerHeight - top) / rowPx / 5) * 5 + OVERSCAN);
      setVisible((before) => (before.first === first && before.last === last ? before : { first, last }));
    };
    const ask = (): void => {
      if (frame === 0) frame = requestAnimationFrame(look);
    };
    look();
    addEventListener("scroll", ask, { passive: true });
    addEventListener("resize", ask);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", ask);
      removeEventListener("resize", ask);
    };
  }, [list, rows, rowPx]);
  const last = Math.min(visible.last, rows);
  return { first: Math.min(visible.first, last), last };
}
