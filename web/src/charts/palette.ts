/** Token colours as a canvas needs them: resolved once per theme, from probe elements. */

import { useEffect, useState } from "react";
import { TOKENS } from "../model/categories";

export interface Palette {
  category: Readonly<Record<string, string>>;
  line: string;
  path: string;
  warn: string;
  mute: string;
  focus: string;
}

export function usePalette(): Palette | undefined {
  const [palette, setPalette] = useState<Palette | undefined>();
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const resolve = (): void => setPalette(resolved());
    resolve();
    dark.addEventListener("change", resolve);
    return () => dark.removeEventListener("change", resolve);
  }, []);
  return palette;
}

function resolved(): Palette {
  const probe = document.createElement("span");
  probe.className = "probe";
  document.body.append(probe);
  const colour = (className: string): string => {
    probe.className = `probe ${className}`;
    return getComputedStyle(probe).color;
  };
  const category = Object.fromEntries(TOKENS.map((token) => [token, colour(`c-${token}`)]));
  const palette = {
    category,
    line: colour("p-line"),
    path: colour("p-path"),
    warn: colour("p-warn"),
    mute: colour("p-mute"),
    focus: colour("p-focus"),
  };
  probe.remove();
  return palette;
}

/** Size a canvas for the screen's pixels and return its context, cleared, in CSS pixels. */
export function prepared(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const pen = canvas.getContext("2d");
  pen?.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen?.clearRect(0, 0, width, height);
  return pen;
}
