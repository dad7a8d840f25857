/** The whole path in one 8 px strip by category; the range in sight framed; a click selects, a drag zooms. */

import type { PointerEvent } from "react";
import { useEffect, useRef, useState } from "react";
import type { Ns } from "../api/types";
import { categoryLook } from "../model/categories";
import type { LitSection } from "../model/waterfall";
import { sectionAt } from "../model/waterfall";
import type { Range } from "./drawWaterfall";
import type { Palette } from "./palette";
import { prepared } from "./palette";

const HEIGHT_PX = 14;
const STRIP_TOP_PX = 3;
const STRIP_PX = 8;
/** A pointer that moved less than this meant a click. */
const DRAG_PX = 4;

interface PathStripProps {
  sections: readonly LitSection[];
  whole: Range;
  range: Range;
  selected: number | undefined;
  palette: Palette | undefined;
  label: string;
  onSelect: (section: number) => void;
  onZoom: (range: Range) => void;
}

export function PathStrip(props: PathStripProps) {
  const { sections, whole, range, selected, palette } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [drag, setDrag] = useState<{ from: number; to: number } | undefined>();

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    const watch = new ResizeObserver(() => setWidth(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    const pen = canvas.current === null || width === 0 ? null : prepared(canvas.current, width, HEIGHT_PX);
    if (pen === null || palette === undefined) return;
    const scale = width / Math.max(1, whole.to - whole.from);
    const x = (at: number): number => (at - whole.from) * scale;
    drawNarrow(pen, sections, palette, width, (px) => (whole.from + px / scale) as Ns, 1 / scale);
    drawWide(pen, sections, palette, x, 1 / scale);
    const here = selected === undefined ? undefined : sections[selected];
    if (here !== undefined) {
      pen.strokeStyle = palette.focus;
      pen.lineWidth = 1.5;
      pen.strokeRect(Math.max(0.75, x(here.startNs) - 0.5), 1.25, Math.max(2, here.durationNs * scale) + 1, STRIP_PX + 3.5);
    }
    const [left, right] = drag === undefined ? [x(range.from), x(range.to)] : [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    if (drag !== undefined || range.from > whole.from || range.to < whole.to) {
      pen.strokeStyle = palette.path;
      pen.lineWidth = 1;
      pen.strokeRect(left + 0.5, 0.5, Math.max(1, right - left - 1), HEIGHT_PX - 1);
    }
  }, [sections, whole, range, selected, palette, width, drag]);

  const at = (event: PointerEvent): number => event.clientX - event.currentTarget.getBoundingClientRect().left;
  const toNs = (px: number): Ns => (whole.from + (px / Math.max(1, width)) * (whole.to - whole.from)) as Ns;
  const finish = (event: PointerEvent): void => {
    if (drag === undefined) return;
    const to = at(event);
    setDrag(undefined);
    if (Math.abs(to - drag.from) >= DRAG_PX) {
      props.onZoom({ from: toNs(Math.min(to, drag.from)), to: toNs(Math.max(to, drag.from)) });
      return;
    }
    const section = sectionAt(sections, toNs(to));
    if (section >= 0) props.onSelect(section);
  };
  return (
    <canvas
      ref={canvas}
      className="strip"
      role="img"
      aria-label={props.label}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ from: at(event), to: at(event) });
      }}
      onPointerMove={(event) => drag !== undefined && setDrag({ ...drag, to: at(event) })}
      onPointerUp={finish}
      onPointerCancel={() => setDrag(undefined)}
    />
  );
}

/** Sections at least a pixel wide, with a hairline of ground between neighbours wide enough to lose one. */
function drawWide(pen: CanvasRenderingContext2D, sections: readonly LitSection[], palette: Palette, x: (at: number) => number, pixelNs: number): void {
  for (const section of sections) {
    if (section.durationNs < pixelNs) continue;
    const left = x(section.startNs);
    const right = x(section.startNs + section.durationNs);
    pen.fillStyle = colourOf(section, palette);
    pen.fillRect(left, STRIP_TOP_PX, right - left - (right - left > 4 ? 1 : 0), STRIP_PX);
  }
}

/** Steps by the golden ratio: even cover without a rhythm that could beat with that of the sections. */
const SPREAD = 0.618_033_988_75;

/** Where sections are narrower than a pixel, each pixel shows one of those under it, the same each time. */
function drawNarrow(
  pen: CanvasRenderingContext2D,
  sections: readonly LitSection[],
  palette: Palette,
  width: number,
  toNs: (px: number) => Ns,
  pixelNs: number,
): void {
  for (let column = 0; column < width; column += 1) {
    const section = sections[sectionAt(sections, toNs(column + ((column * SPREAD) % 1)))];
    if (section === undefined || section.durationNs >= pixelNs) continue;
    pen.fillStyle = colourOf(section, palette);
    pen.fillRect(column, STRIP_TOP_PX, 1, STRIP_PX);
  }
}

function colourOf(section: LitSection, palette: Palette): string {
  return palette.category[categoryLook(section.category).token] ?? palette.mute;
}
