/** One trace: what it took its time for, the waterfall with its blocking path lit, the selected span. */

import { useMemo, useState } from "react";
import type { BlockingPath, Ns, Trace as TraceRecord } from "../api/types";
import { api } from "../api/addresses";
import type { Range } from "../charts/drawWaterfall";
import { usePalette } from "../charts/palette";
import { PathStrip } from "../charts/PathStrip";
import { categoryLook } from "../model/categories";
import { pathRemarks } from "../model/phases";
import { categoriesBySize, traceAnswer, warningText } from "../model/sentences";
import { axisTicks, count, counted, day, duration, fineClock, shortId } from "../model/units";
import type { PathOnTrace, TraceTree } from "../model/waterfall";
import { foldsAbove, pathOnTrace, rowOfSpan, sectionAt, shownRows, traceTree } from "../model/waterfall";
import { setQuery, useAddress } from "../state/address";
import type { Asked } from "../state/asked";
import { useAsked } from "../state/asked";
import { useKeys } from "../state/keys";
import { useNarrow } from "../state/narrow";
import { useRange, wholeRange } from "../state/range";
import { useTitle } from "./Frame";
import { CopyButton, Failed, Icon, Loading, Panel, Pill, Said } from "./parts";
import { SpanDetail } from "./SpanDetail";
import { Waterfall } from "./Waterfall";

const TICKS = 5;
const TICKS_NARROW = 2;
const WARNINGS_IN_EYEBROW = 2;

export function Trace({ id }: { id: string }) {
  const asked = useAsked<TraceRecord>(api.trace(id));
  const path = useAsked<BlockingPath>(asked.value === undefined ? undefined : api.path(id));
  useTitle(`Trace ${shortId(id)}`);
  if (asked.value === undefined) {
    return (
      <section className="panel" aria-label="Trace">
        {asked.refusal === undefined ? <Loading lines={8} /> : <Failed refusal={asked.refusal} again={asked.again} />}
      </section>
    );
  }
  return <Shown trace={asked.value} path={path} />;
}

function Shown({ trace, path }: { trace: TraceRecord; path: Asked<BlockingPath> }) {
  const tree = useMemo(() => traceTree(trace), [trace]);
  const lit = useMemo(() => pathOnTrace(trace, path.value), [trace, path.value]);
  return (
    <>
      <Header trace={trace} path={path} />
      {trace.truncated && (
        <div className="banner" role="status">
          <Icon name="incidents" />
          <span>
            <b>Partial.</b> The first {counted(trace.spans.length, "span")} of this trace are shown; the rest is left out by the server's limit.
          </span>
        </div>
      )}
      <Body trace={trace} path={path.value} tree={tree} lit={lit} />
    </>
  );
}

function Header({ trace, path }: { trace: TraceRecord; path: Asked<BlockingPath> }) {
  const answer = traceAnswer(trace, path.value);
  const failed = trace.spans.some((span) => span.status_code === "Error");
  const warnings = path.value?.warnings ?? [];
  const unsure = path.value?.confidence !== undefined && path.value.confidence.level !== "high";
  return (
    <section className="head" aria-label="Answer">
      <div className="eyebrow">
        {failed ? <Pill tone="critical">Error</Pill> : <Pill>Trace</Pill>}
        {unsure && <Pill tone="warn">Path uncertain</Pill>}
        <span className="mono" title={trace.trace_id}>
          {shortId(trace.trace_id)}
        </span>
        <span>
          {fineClock(trace.start_unix_ns)} UTC, {day(trace.start_unix_ns)}
        </span>
        {trace.data_set !== "" && (
          <span>
            data set <Said text={trace.data_set} limit={100} />
          </span>
        )}
        <span>
          {counted(trace.spans.length, "span")}
          {path.value !== undefined && warnings.length === 0 && !trace.truncated ? ", complete" : ""}
        </span>
        {warnings.slice(0, WARNINGS_IN_EYEBROW).map((warning, index) => (
          <span key={index} className="t-warn">
            <Said text={warningText(warning)} limit={160} />
          </span>
        ))}
        {warnings.length > WARNINGS_IN_EYEBROW && <span className="t-warn">{count(warnings.length - WARNINGS_IN_EYEBROW)} more notes beside</span>}
        {path.refusal !== undefined && (
          <span className="t-warn">
            no blocking path: <Said text={path.refusal.message} limit={200} />
          </span>
        )}
      </div>
      <div className="acts only-w">
        <CopyButton text={trace.trace_id} label="Copy trace id" />
      </div>
      <h1 className="answer">
        <Said text={answer.known} limit={300} /> {answer.likely !== "" && <span className="likely">{answer.likely}</span>}
      </h1>
    </section>
  );
}

interface BodyProps {
  trace: TraceRecord;
  path: BlockingPath | undefined;
  tree: TraceTree;
  lit: PathOnTrace;
}

function Body({ trace, path, tree, lit }: BodyProps) {
  const { query } = useAddress();
  const pathOnly = query.get("path") === "1" && lit.sections.length > 0;
  const errorsOnly = query.get("errors") === "1";
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const rows = useMemo(() => shownRows(tree, lit, { pathOnly, errorsOnly, folded }), [tree, lit, pathOnly, errorsOnly, folded]);
  const rowOf = useMemo(() => rowOfSpan(rows, tree.spans.length), [rows, tree]);
  const selected = useMemo(() => placeOf(trace, query.get("sel")), [trace, query]);
  const section = sectionOf(lit, query.get("section"));
  const whole = useMemo(() => wholeRange(trace, lit), [trace, lit]);
  const [range, zoom, setRange] = useRange(whole);
  const wanted = useNarrow() ? TICKS_NARROW : TICKS;
  const ticks = useMemo(() => axisTicks(range.from, range.to, wanted), [range, wanted]);
  const palette = usePalette();
  const errors = useMemo(() => trace.spans.filter((span) => span.status_code === "Error").length, [trace]);

  const unfoldTo = (place: number): void => {
    const above = foldsAbove(tree, place, folded);
    if (above.length > 0) setFolded(new Set([...folded].filter((one) => !above.includes(one))));
  };
  const select = (place: number, at: Ns | undefined): void => {
    const own = at === undefined ? undefined : lit.bySpan.get(place)?.find((one) => at >= one.startNs && at < one.startNs + one.durationNs);
    setQuery({ sel: tree.spans[place]?.span_id, section: own === undefined ? undefined : String(own.index + 1) });
  };
  const walkTo = (index: number): void => {
    const next = lit.sections[index];
    if (next === undefined) return;
    if (next.span >= 0) unfoldTo(next.span);
    setQuery({ sel: next.span < 0 ? undefined : tree.spans[next.span]!.span_id, section: String(index + 1), errors: undefined });
    if (next.startNs < range.from || next.startNs + next.durationNs > range.to) setRange(whole);
  };
  const step = (by: 1 | -1): void => {
    if (section !== undefined) return walkTo(section + by);
    const from = selected < 0 ? undefined : lit.bySpan.get(selected)?.[0]?.index;
    walkTo(from ?? nearestSection(lit, trace, selected));
  };
  const fold = (place: number): void => {
    const next = new Set(folded);
    if (!next.delete(place)) next.add(place);
    setFolded(next);
  };
  const moveRow = (by: 1 | -1): void => {
    const row = selected < 0 ? (by > 0 ? -1 : rows.length) : rowOf[selected]!;
    const next = rows[row + by];
    if (next !== undefined) select(next, undefined);
  };
  const foldSelected = (shut: boolean): void => {
    if (selected < 0) return;
    if (tree.descendants[selected]! > 0 && folded.has(selected) !== shut) fold(selected);
    else if (shut && tree.parent[selected]! >= 0) select(tree.parent[selected]!, undefined);
    else if (!shut) moveRow(1);
  };
  const togglePath = (): void => setQuery({ path: pathOnly ? undefined : "1", errors: undefined });
  const close = (): void => setQuery({ sel: undefined, section: undefined });
  useKeys({
    n: () => step(1),
    p: () => step(-1),
    b: togglePath,
    j: () => moveRow(1),
    k: () => moveRow(-1),
    ArrowDown: () => moveRow(1),
    ArrowUp: () => moveRow(-1),
    ArrowLeft: () => foldSelected(true),
    ArrowRight: () => foldSelected(false),
    Escape: close,
    ...zoom,
  });
  const span = selected < 0 ? undefined : tree.spans[selected];
  const sections = selected < 0 ? [] : (lit.bySpan.get(selected) ?? []);
  return (
    <div className="cols">
      <section className="panel" aria-label="Waterfall">
        <div className="wf-head">
          <Tools
            sections={lit.sections.length}
            section={section}
            errors={errors}
            pathOnly={pathOnly}
            errorsOnly={errorsOnly}
            onAll={() => setQuery({ path: undefined, errors: undefined })}
            onPath={togglePath}
            onErrors={() => setQuery({ errors: errorsOnly ? undefined : "1", path: undefined })}
            onStep={step}
            isZoomed={range !== whole}
            onWhole={() => setRange(whole)}
          />
          <PathStrip
            sections={lit.sections}
            whole={whole}
            range={range}
            selected={section}
            palette={palette}
            label={path === undefined ? "No blocking path" : stripLabel(path)}
            onSelect={walkTo}
            onZoom={setRange}
          />
          <Axis range={range} ticks={ticks} />
        </div>
        <Waterfall
          tree={tree}
          path={lit}
          rows={rows}
          rowOf={rowOf}
          range={range}
          ticks={ticks}
          folded={folded}
          selected={selected}
          section={section}
          palette={palette}
          onSelect={select}
          onFold={fold}
        />
      </section>
      <div className="stack follow">
        {span !== undefined && (
          <SpanDetail
            span={span}
            traceStart={trace.start_unix_ns}
            category={span.category ?? sections[0]?.category}
            sections={sections}
            section={section}
            onSection={walkTo}
            onClose={close}
          />
        )}
        {path !== undefined && <PathPanel path={path} />}
      </div>
    </div>
  );
}

interface ToolsProps {
  sections: number;
  section: number | undefined;
  errors: number;
  pathOnly: boolean;
  errorsOnly: boolean;
  isZoomed: boolean;
  onAll: () => void;
  onPath: () => void;
  onErrors: () => void;
  onStep: (by: 1 | -1) => void;
  onWhole: () => void;
}

function Tools(props: ToolsProps) {
  const none = props.sections === 0;
  return (
    <div className="bar-tools">
      <span className="seg" role="group" aria-label="Show">
        <button type="button" aria-pressed={!props.pathOnly && !props.errorsOnly} onClick={props.onAll}>
          All
        </button>
        <button type="button" aria-pressed={props.pathOnly} disabled={none} onClick={props.onPath}>
          <Icon name="path" />
          Blocking path <kbd className="only-w">B</kbd>
        </button>
        <button type="button" aria-pressed={props.errorsOnly} disabled={props.errors === 0} onClick={props.onErrors}>
          Errors {count(props.errors)}
        </button>
      </span>
      <button className="btn icon" type="button" aria-label="Previous section" disabled={none} onClick={() => props.onStep(-1)}>
        <Icon name="left" />
      </button>
      <button className="btn icon" type="button" aria-label="Next section" disabled={none} onClick={() => props.onStep(1)}>
        <Icon name="right" />
      </button>
      <span className="fine mute only-w" role="status">
        {props.section === undefined ? counted(props.sections, "section") : `section ${count(props.section + 1)} of ${count(props.sections)}`} <kbd>P</kbd>{" "}
        <kbd>N</kbd>
      </span>
      <span className="r only-w">
        {props.isZoomed ? (
          <button className="btn" type="button" onClick={props.onWhole}>
            Whole trace <kbd>0</kbd>
          </button>
        ) : (
          <>
            zoom <kbd>+</kbd> <kbd>−</kbd>
          </>
        )}
      </span>
    </div>
  );
}

function Axis({ range, ticks }: { range: Range; ticks: readonly { at: Ns; label: string }[] }) {
  const whole = Math.max(1, range.to - range.from);
  return (
    <div className="axisrow">
      <span className="nm">Span</span>
      <svg className="ticks" aria-hidden="true">
        {ticks.map(({ at, label }) => {
          const share = (at - range.from) / whole;
          return (
            <text key={at} x={`${share * 100}%`} y="18" className={share < 0.03 ? "start" : share > 0.9 ? "end" : ""}>
              {label}
            </text>
          );
        })}
      </svg>
      <span className="num">Time</span>
    </div>
  );
}

/** The path by category, and how far to believe it. */
function PathPanel({ path }: { path: BlockingPath }) {
  const remarks = pathRemarks(path);
  return (
    <Panel id="bp" title="Blocking path" right={`adds up to ${duration(path.duration_ns)}`}>
      <dl className="by-category">
        {categoriesBySize(path).map(({ category, ns }, index) => {
          const look = categoryLook(category);
          return (
            <div key={category}>
              <dt>
                <span className={`sw c-${look.token}`} />
                <Said text={look.name} limit={60} />
              </dt>
              <dd className={index === 0 ? "strong" : ""}>{duration(ns)}</dd>
            </div>
          );
        })}
      </dl>
      {((path.confidence?.text ?? "") !== "" || path.warnings.length > 0 || remarks.length > 0) && (
        <>
          <div className="rule" />
          <ul className="notes mute">
            {remarks.map((remark) => (
              <li key={remark}>
                <Said text={remark} limit={600} />
              </li>
            ))}
            {path.confidence !== undefined && path.confidence.text !== "" && (
              <li>
                <Said text={path.confidence.text} limit={600} />
              </li>
            )}
            {path.warnings.map((warning, index) => (
              <li key={index}>
                <Said text={warningText(warning)} limit={600} />
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function stripLabel(path: BlockingPath): string {
  const parts = categoriesBySize(path).map(({ category, ns }) => `${categoryLook(category).name} ${duration(ns)}`);
  return `Blocking path by category: ${parts.join(", ")}`;
}

function placeOf(trace: TraceRecord, spanId: string | null): number {
  return spanId === null ? -1 : trace.spans.findIndex((span) => span.span_id === spanId);
}

function sectionOf(lit: PathOnTrace, text: string | null): number | undefined {
  const index = text === null || !/^[1-9]\d{0,8}$/.test(text) ? -1 : Number(text) - 1;
  return lit.sections[index] === undefined ? undefined : index;
}

/** Where to begin to walk: at the section during which the selected span starts, else at the first. */
function nearestSection(lit: PathOnTrace, trace: TraceRecord, selected: number): number {
  const span = trace.spans[selected];
  return span === undefined ? 0 : Math.max(0, sectionAt(lit.sections, span.start_offset_ns));
}
