/** All that is known of the selected span. */

import type { Attributes, AttributeValue, Span, UnixNs } from "../api/types";
import { categoryLook } from "../model/categories";
import { phaseName } from "../model/phases";
import { instantAfter } from "../model/instants";
import { visibleLines, shortened } from "../model/text";
import { count, counted, duration, fineClock, shortId } from "../model/units";
import type { LitSection } from "../model/waterfall";
import { pathTo } from "../state/address";
import { Icon, Link, Said } from "./parts";

/** Attributes that hold a statement: shown as a block, with its line ends. */
const STATEMENTS = ["db.query.text", "db.statement"];
const SHOWN_SECTIONS = 6;
const SHOWN_EVENTS = 20;

interface SpanDetailProps {
  span: Span;
  traceStart: UnixNs;
  category: string | undefined;
  sections: readonly LitSection[];
  /** The section walked to. */
  section: number | undefined;
  onSection: (index: number) => void;
  onClose: () => void;
}

export function SpanDetail(props: SpanDetailProps) {
  const { span, sections } = props;
  const look = categoryLook(props.category);
  const statement = STATEMENTS.map((key) => span.attributes[key]).find((value) => typeof value === "string");
  return (
    <section className="panel detail" aria-labelledby="span">
      <div className="ph">
        <h2 id="span" className="trunc">
          <span className={`sw c-${look.token}`} />
          <Said text={span.operation || "(no name)"} limit={200} />
        </h2>
        <span className="r">
          <button className="btn icon ghost" type="button" aria-label="Close" onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </span>
      </div>
      <div className="detail-body">
        <dl className="kv">
          <dt>Service</dt>
          <dd>
            <Said text={span.service} />
          </dd>
          <dt>Took</dt>
          <dd>
            <b>{duration(span.duration_ns)}</b>, starting {duration(span.start_offset_ns)} in
          </dd>
          <dt>Started</dt>
          <dd>{fineClock(instantAfter(props.traceStart, span.start_offset_ns))} UTC</dd>
          <dt>Kind</dt>
          <dd>
            {span.kind.toLowerCase()}
            {look.name !== "" && `, ${look.name}`}
          </dd>
          <dt>Status</dt>
          <dd className={span.status_code === "Error" ? "t-critical" : ""}>
            {span.status_code === "Error" ? "error" : span.status_code.toLowerCase()}
            {span.status_message !== "" && (
              <>
                {": "}
                <Said text={span.status_message} limit={600} />
              </>
            )}
          </dd>
          <dt>Span id</dt>
          <dd className="mono">
            <Said text={span.span_id} limit={64} />
          </dd>
          <dt>Blocking</dt>
          <dd>
            {sections.length === 0 ? "not on the path: nobody waited for it" : <SectionList {...props} />}
          </dd>
          {span.trust === "browser_unauthenticated" && (
            <>
              <dt>Origin</dt>
              <dd>a browser, not authenticated</dd>
            </>
          )}
        </dl>
        {typeof statement === "string" && (
          <pre className="sql" tabIndex={0} aria-label="Statement">
            {visibleLines(shortened(statement).shown)}
          </pre>
        )}
        <AttributeList title="Attributes" attributes={span.attributes} isOpen />
        <Events span={span} />
        <Links span={span} />
        <AttributeList title="Resource" attributes={span.resource} />
      </div>
    </section>
  );
}

function SectionList({ sections, section, onSection }: SpanDetailProps) {
  return (
    <>
      {sections.slice(0, SHOWN_SECTIONS).map((one) => (
        <button key={one.index} type="button" className="ev" aria-pressed={one.index === section} onClick={() => onSection(one.index)}>
          {duration(one.durationNs)} at {duration(one.startNs)}
          {one.phase !== "" && `, ${phaseName(one.phase)}`}
        </button>
      ))}
      {sections.length > SHOWN_SECTIONS && <span className="mute"> and {count(sections.length - SHOWN_SECTIONS)} more</span>}
    </>
  );
}

function AttributeList({ title, attributes, isOpen = false }: { title: string; attributes: Attributes; isOpen?: boolean }) {
  const keys = Object.keys(attributes).sort();
  if (keys.length === 0) return null;
  return (
    <details className="attrs" open={isOpen}>
      <summary>
        {title} <span className="mute">{count(keys.length)}</span>
      </summary>
      <dl>
        {keys.map((key) => (
          <div key={key}>
            <dt>
              <Said text={key} className="mono" limit={256} />
            </dt>
            <dd>
              <Said text={valueText(attributes[key] ?? null)} className="mono" />
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function valueText(value: AttributeValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function Events({ span }: { span: Span }) {
  if (span.events.length === 0) return null;
  return (
    <details className="attrs" open>
      <summary>
        Events <span className="mute">{count(span.events.length)}</span>
      </summary>
      {span.events.slice(0, SHOWN_EVENTS).map((event, index) => (
        <dl key={index}>
          <div>
            <dt>
              <Said text={event.name} className="mono" limit={256} /> <span className="mute">at {duration(event.offset_ns)}</span>
            </dt>
          </div>
          {Object.keys(event.attributes)
            .sort()
            .map((key) => (
              <div key={key}>
                <dt>
                  <Said text={key} className="mono" limit={256} />
                </dt>
                <dd>
                  <Said text={valueText(event.attributes[key] ?? null)} className="mono" limit={1500} />
                </dd>
              </div>
            ))}
        </dl>
      ))}
    </details>
  );
}

function Links({ span }: { span: Span }) {
  if (span.links.length === 0) return null;
  return (
    <details className="attrs" open>
      <summary>
        Links <span className="mute">{counted(span.links.length, "trace")}</span>
      </summary>
      <ul>
        {span.links.slice(0, SHOWN_EVENTS).map((link, index) => (
          <li key={index}>
            <Link to={`${pathTo.trace(link.trace_id)}?sel=${encodeURIComponent(link.span_id)}`} className="mono">
              {shortId(link.trace_id)}
            </Link>
          </li>
        ))}
      </ul>
    </details>
  );
}
