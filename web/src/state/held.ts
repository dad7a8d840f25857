/** Lists that do not move under the pointer. */

import { useRef, useState } from "react";

export interface HeldList<Value> {
  shown: Value | undefined;
  /** True while newer values wait. */
  waiting: boolean;
  /** For the element that holds the list. */
  onPointerEnter: () => void;
  onPointerLeave: () => void;
  onFocus: () => void;
  onBlur: () => void;
}

/** Keep showing the value that was there when the pointer or the focus came in. */
export function useHeld<Value>(value: Value | undefined): HeldList<Value> {
  const [pointer, setPointer] = useState(false);
  const [focus, setFocus] = useState(false);
  const kept = useRef(value);
  const holding = (pointer || focus) && kept.current !== undefined;
  if (!holding) kept.current = value;
  return {
    shown: kept.current,
    waiting: holding && kept.current !== value,
    onPointerEnter: () => setPointer(true),
    onPointerLeave: () => setPointer(false),
    onFocus: () => setFocus(true),
    onBlur: () => setFocus(false),
  };
}
