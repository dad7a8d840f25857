/**
 * Bars, lit sections and the thread of the rows in sight.
 *
 *     span     ░░░░░░░░░░████░░░░░░   24% tint of its category; its sections in full
 *     thread             │            joins one section to the next, where one ends and the other starts
 *     child    ██████████             on the path from start to end
 */

import type { Ns } from "../api/types";
import { categoryLook } from "../model/categories";
import type { PathOnTrace, TraceTree } from "../model/waterfall";
import type { Palette } from "./palette";

export const ROW_PX = 24;
const BAR_TOP_PX = 7;
const BAR_PX = 10;
const LEAST_PX = 2;
const TINT = 0.24;
const RINGS_PER_SPAN = 20;

export interface Range {
  from: Ns;
  to: Ns;
}

export interface Scene {
  tree: TraceTree;
  path: PathOnTrace;
  /** Places of the spans shown, in row order. */
  rows: Int32Array;
  /** Row of every span, -1 where hidden. */
  rowOf: Int32Array;
  range: Range;
  ticks: readonly { at: Ns }[];
  /** Place of the selected section; undefined for none. */
  section: number | undefined;
}

/** Draw rows `[first, last)`; the canvas' top is the top of row `first`. */
export function drawWaterfall(pen: CanvasRenderingContext2D, scene: Scene, palette: Palette, width: number, first: number, last: number): void {
  const scale = width / Math.max(1, scene.range.to - scene.range.from);
  const x = (at: number): number => (at - scene.range.from) * scale;
  drawGrid(pen, scene, palette, x, (last - first) * ROW_PX);
  for (let row = first; row < last; row += 1) drawRow(pen, scene, palette, x, width, row, (row - first) * ROW_PX);
  drawThread(pen, scene, palette, x, width, first, last);
}

type Across = (at: number) => number;

function drawGrid(pen: CanvasRenderingContext2D, scene: Scene, palette: Palette, x: Across, height: number): void {
  pen.fillStyle = palette.line;
  for (const tick of scene.ticks) pen.fillRect(Math.round(x(tick.at)), 0, 1, height);
}

function drawRow(pen: CanvasRenderingContext2D, scene: Scene, palette: Palette, x: Across, width: number, row: number, top: number): void {
  const place = scene.rows[row]!;
  const span = scene.tree.spans[place]!;
  const sections = scene.path.bySpan.get(place);
  const own = categoryLook(span.category ?? sections?.[0]?.category).token;
  pen.fillStyle = palette.category[own] ?? palette.mute;
  pen.globalAlpha = TINT;
  bar(pen, x(span.start_offset_ns), x(span.start_offset_ns + span.duration_ns), top, width);
  pen.globalAlpha = 1;
  for (const section of sections ?? []) {
    pen.fillStyle = palette.category[categoryLook(section.category).token] ?? palette.mute;
    bar(pen, x(section.startNs), x(section.startNs + section.durationNs), top, width);
    if (section.index === scene.section) frame(pen, palette, x(section.startNs), x(section.startNs + section.durationNs), top, width);
  }
  for (const event of span.events.slice(0, RINGS_PER_SPAN)) {
    const at = x(event.offset_ns);
    if (at >= -4 && at <= width + 4) ring(pen, at, top + ROW_PX / 2, event.name === "exception" ? palette.warn : palette.mute);
  }
}

/** At least 2 px wide, cut to the canvas; nothing when it lies outside. */
function bar(pen: CanvasRenderingContext2D, left: number, right: number, top: number, width: number): void {
  if (right < 0 || left > width) return;
  const from = Math.min(Math.max(left, 0), width - LEAST_PX);
  const to = Math.min(Math.max(right, from + LEAST_PX), width);
  pen.beginPath();
  pen.roundRect(from, top + BAR_TOP_PX, to - from, BAR_PX, Math.min(2, (to - from) / 2));
  pen.fill();
}

function frame(pen: CanvasRenderingContext2D, palette: Palette, left: number, right: number, top: number, width: number): void {
  if (right < 0 || left > width) return;
  const from = Math.max(left, 2);
  const to = Math.min(Math.max(right, from + LEAST_PX), width - 2);
  pen.strokeStyle = palette.focus;
  pen.lineWidth = 1.5;
  pen.strokeRect(from - 1.25, top + BAR_TOP_PX - 2.25, to - from + 2.5, BAR_PX + 4.5);
}

function ring(pen: CanvasRenderingContext2D, x: number, y: number, colour: string): void {
  pen.beginPath();
  pen.arc(x, y, 3, 0, 2 * Math.PI);
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.stroke();
}

function rowAt(scene: Scene, section: number): number {
  const place = scene.path.places[section]!;
  return place < 0 ? -1 : scene.rowOf[place]!;
}

/**
 * Join the sections in time order. Pieces that fall on one pixel column become one: a path of 100,000
 * sections costs as many lines as the canvas is wide.
 */
function drawThread(pen: CanvasRenderingContext2D, scene: Scene, palette: Palette, x: Across, width: number, first: number, last: number): void {
  const { starts, places } = scene.path;
  const columns = Math.ceil(width) + 1;
  const top = new Float32Array(columns).fill(Number.POSITIVE_INFINITY);
  const bottom = new Float32Array(columns).fill(Number.NEGATIVE_INFINITY);
  let row = places.length === 0 ? -1 : rowAt(scene, 0);
  for (let index = 1; index < places.length; index += 1) {
    const before = row;
    row = rowAt(scene, index);
    if (before < 0 || row < 0 || before === row) continue;
    const upper = Math.min(before, row);
    const lower = Math.max(before, row);
    if (lower < first || upper >= last) continue;
    const column = Math.round(x(starts[index]!));
    if (column < 0 || column >= columns) continue;
    top[column] = Math.min(top[column]!, (upper - first) * ROW_PX + BAR_TOP_PX + BAR_PX);
    bottom[column] = Math.max(bottom[column]!, (lower - first) * ROW_PX + BAR_TOP_PX);
  }
  pen.fillStyle = palette.path;
  pen.globalAlpha = 0.5;
  for (let column = 0; column < columns; column += 1) {
    if (bottom[column]! > top[column]!) pen.fillRect(Math.min(column, width - 1), top[column]!, 1, bottom[column]! - top[column]!);
  }
  pen.globalAlpha = 1;
}
