/** Rows of spans: names as text, bars on one canvas; only what is in sight exists. */

import type { CSSProperties, MouseEvent } from "react";
import { memo, useEffect, useRef, useState } from "react";
import type { Ns, Span } from "../api/types";
import type { Range, Scene } from "../charts/drawWaterfall";
import { drawWaterfall, ROW_PX } from "../charts/drawWaterfall";
import type { Palette } from "../charts/palette";
import { prepared } from "../charts/palette";
import { categoryLook } from "../model/categories";
import { duration } from "../model/units";
import type { PathOnTrace, TraceTree } from "../model/waterfall";
import { isNarrow } from "../state/narrow";
import { useVisibleRows } from "../state/visibleRows";
import { Icon, Said } from "./parts";

/** Deeper levels are not indented further: their number is written instead. */
const DEEPEST_INDENT = 12;

interface WaterfallProps {
  tree: TraceTree;
  path: PathOnTrace;
  rows: Int32Array;
  rowOf: Int32Array;
  range: Range;
  ticks: readonly { at: Ns; label: string }[];
  folded: ReadonlySet<number>;
  /** Place of the selected span; -1 for none. */
  selected: number;
  section: number | undefined;
  palette: Palette | undefined;
  onSelect: (place: number, at: Ns | undefined) => void;
  onFold: (place: number) => void;
}

export function Waterfall(props: WaterfallProps) {
  const list = useRef<HTMLDivElement>(null);
  const { rows, rowOf, selected } = props;
  const { first, last } = useVisibleRows(list, rows.length, ROW_PX);
  useScrollToSelected(list, selected < 0 ? -1 : rowOf[selected]!);
  const shown = [];
  for (let row = first; row < last; row += 1) shown.push(row);
  return (
    <div
      ref={list}
      className="wf"
      role="treegrid"
      aria-label="Spans"
      aria-rowcount={rows.length}
      style={{ height: `${rows.length * ROW_PX}px` }}
    >
      <div className="wf-rows" role="rowgroup" style={{ transform: `translateY(${first * ROW_PX}px)` }}>
        {shown.map((row) => {
          const place = rows[row]!;
          return (
            <Row
              key={place}
              span={props.tree.spans[place]!}
              place={place}
              row={row}
              depth={props.tree.depth[place]!}
              hasBelow={props.tree.descendants[place]! > 0}
              isFolded={props.folded.has(place)}
              isSameService={isSameService(props.tree, place)}
              isOrphan={props.tree.orphan[place] === 1}
              isSelected={place === selected}
              isReachable={place === selected || (selected < 0 && row === 0)}
              category={props.tree.spans[place]!.category ?? props.path.bySpan.get(place)?.[0]?.category}
              isLit={props.path.bySpan.has(place)}
              hasPath={props.path.sections.length > 0}
              range={props.range}
              onSelect={props.onSelect}
              onFold={props.onFold}
            />
          );
        })}
      </div>
      <Bars {...props} first={first} last={last} />
    </div>
  );
}

function isSameService(tree: TraceTree, place: number): boolean {
  const above = tree.parent[place]!;
  return above >= 0 && tree.spans[above]!.service === tree.spans[place]!.service;
}

/** Bring the selected row into sight when the selection changes, below the sticky heads. */
function useScrollToSelected(list: { current: HTMLDivElement | null }, row: number): void {
  useEffect(() => {
    if (row < 0 || list.current === null) return;
    const top = list.current.getBoundingClientRect().top + row * ROW_PX;
    const head = list.current.previousElementSibling?.getBoundingClientRect().bottom ?? 0;
    const foot = isNarrow() ? innerHeight * 0.5 : innerHeight - ROW_PX;
    if (top >= head && top + ROW_PX <= foot) return;
    scrollBy({ top: top - (head + foot) / 2, behavior: "instant" });
  }, [list, row]);
}

function Bars(props: WaterfallProps & { first: number; last: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const { first, last, palette } = props;
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    const watch = new ResizeObserver(() => setWidth(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const pen = canvas.current === null || width === 0 ? null : prepared(canvas.current, width, (last - first) * ROW_PX);
    if (pen === null || palette === undefined) return;
    const scene: Scene = props;
    drawWaterfall(pen, scene, palette, width, first, last);
  });
  const place: CSSProperties = { top: `${first * ROW_PX}px`, height: `${(last - first) * ROW_PX}px` };
  return <canvas ref={canvas} className="bars" style={place} aria-hidden="true" />;
}

interface RowProps {
  span: Span;
  place: number;
  row: number;
  depth: number;
  hasBelow: boolean;
  isFolded: boolean;
  /** Its parent is of the same service: the operation alone names it. */
  isSameService: boolean;
  isOrphan: boolean;
  isSelected: boolean;
  isReachable: boolean;
  category: string | undefined;
  isLit: boolean;
  hasPath: boolean;
  range: Range;
  onSelect: (place: number, at: Ns | undefined) => void;
  onFold: (place: number) => void;
}

const Row = memo(function Row(props: RowProps) {
  const { span, place, depth } = props;
  const look = categoryLook(props.category);
  const failed = span.status_code === "Error";
  const pick = (event: MouseEvent<HTMLDivElement>): void => {
    const line = event.currentTarget.querySelector(".ln")!.getBoundingClientRect();
    const share = (event.clientX - line.left) / Math.max(1, line.width);
    const { from, to } = props.range;
    props.onSelect(place, share < 0 || share > 1 ? undefined : ((from + share * (to - from)) as Ns));
  };
  return (
    <div
      className={`wr c-${look.token} ${props.isLit || !props.hasPath ? "" : "off"} ${props.isSelected ? "sel" : ""}`}
      role="row"
      aria-level={depth + 1}
      aria-rowindex={props.row + 1}
      aria-selected={props.isSelected}
      aria-expanded={props.hasBelow ? !props.isFolded : undefined}
      tabIndex={props.isReachable ? 0 : -1}
      data-span={span.span_id}
      style={{ "--d": Math.min(depth, DEEPEST_INDENT) } as CSSProperties}
      onClick={pick}
    >
      <div className="nm" role="gridcell">
        {props.hasBelow ? (
          <button
            type="button"
            className="fold"
            tabIndex={-1}
            aria-label={props.isFolded ? "Unfold" : "Fold"}
            onClick={(event) => {
              event.stopPropagation();
              props.onFold(place);
            }}
          >
            <Icon name={props.isFolded ? "right" : "down"} small />
          </button>
        ) : (
          <span className="fold" />
        )}
        <i />
        {depth > DEEPEST_INDENT && <span className="mute">{depth}</span>}
        {failed && (
          <span className="t-critical" title="This span failed">
            <Icon name="incidents" small />
            <span className="vh">failed</span>
          </span>
        )}
        {props.isOrphan && (
          <span className="mute" title="Its parent did not arrive">
            orphan
          </span>
        )}
        {props.isSameService && span.operation !== "" ? (
          <Said text={span.operation} className="one" limit={200} />
        ) : (
          <>
            <Said text={span.service} className="svc" limit={100} />
            <Said text={span.operation} className="op" limit={200} />
          </>
        )}
        {look.name !== "" && <span className="vh">{`${look.name}${props.isLit ? ", on blocking path" : ""}`}</span>}
      </div>
      <div className="ln" role="gridcell" aria-label={`starts ${duration(span.start_offset_ns)} in`} />
      <div className="dm num" role="gridcell">
        {duration(span.duration_ns)}
      </div>
    </div>
  );
});
