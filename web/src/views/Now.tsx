/** Is anything wrong, since when, what is the likely cause; rates, incidents and traces below. */

import type { DataSets, Incident, Overview, TraceList } from "../api/types";
import { api } from "../api/addresses";
import { nowAnswer, openIncidents } from "../model/sentences";
import { bytes, clock, count, counted, day } from "../model/units";
import type { Asked } from "../state/asked";
import { useAsked } from "../state/asked";
import { pathTo, setQuery, useAddress } from "../state/address";
import { useHeld } from "../state/held";
import { FirstRun } from "./FirstRun";
import { AttentionRow, IncidentRows } from "./IncidentList";
import { Failed, Link, Loading, Panel, Pill, Said } from "./parts";
import { Rates } from "./Rates";
import { TraceTable } from "./TraceTable";
import { useTitle } from "./Frame";

/** How often the likely cause and the newest traces are asked for; the rates come with the overview. */
const SLOW_POLL_MS = 5000;
const RECENT_TRACES = 12;

export function Now({ asked }: { asked: Asked<Overview> }) {
  const overview = asked.value;
  const open = openIncidents(overview?.incidents.recent ?? []);
  const newest = open[0];
  const first = useAsked<Incident>(newest === undefined ? undefined : api.incident(newest.incident_id), SLOW_POLL_MS);
  const mayBeFirst = overview !== undefined && isQuiet(overview);
  const stored = useAsked<DataSets>(mayBeFirst ? api.dataSets() : undefined, SLOW_POLL_MS);
  useTitle(newest === undefined ? "Now" : "Incident open");
  if (overview === undefined || (mayBeFirst && stored.value === undefined && stored.refusal === undefined)) {
    return (
      <section className="panel" aria-label="Now">
        {asked.refusal === undefined ? <Loading lines={6} /> : <Failed refusal={asked.refusal} again={asked.again} />}
      </section>
    );
  }
  if (mayBeFirst && stored.value?.data_sets.length === 0) return <NoTelemetry overview={overview} />;
  const answer = nowAnswer(overview, first.value);
  return (
    <>
      <section className="head" aria-label="Answer">
        <div className="eyebrow">
          {overview.incidents.open > 0 ? (
            <Pill tone="critical">{counted(overview.incidents.open, "incident")} open</Pill>
          ) : (
            <Pill>No incident</Pill>
          )}
          <span>
            Updated {clock(overview.now_unix_ns)} UTC, {day(overview.now_unix_ns)}
          </span>
        </div>
        <h1 className="answer">
          <Said text={answer.known} limit={300} />{" "}
          {answer.likely !== "" && <Said text={answer.likely} className="likely" limit={300} />}
        </h1>
      </section>
      <div className="cols">
        <div className="stack">
          {open.length > 0 && (
            <section className="panel" aria-label="Needs attention">
              {open.slice(0, 3).map((incident) => (
                <AttentionRow key={incident.incident_id} incident={incident} />
              ))}
            </section>
          )}
          <Rates overview={overview} open={open} />
          <RecentTraces overview={overview} />
        </div>
        <div className="stack">
          <Panel id="inc" title="Incidents" sub="newest first" right={<Link to={pathTo.incidents()}>All</Link>}>
            <div className="rule" />
            {overview.incidents.recent.length === 0 ? (
              <p className="note-line mute">None recorded.</p>
            ) : (
              <IncidentRows incidents={overview.incidents.recent} now={overview.now_unix_ns} />
            )}
          </Panel>
          <Checked overview={overview} />
        </div>
      </div>
    </>
  );
}

/** Nothing since the server started. If nothing is stored either, it is the first run. */
function isQuiet(overview: Overview): boolean {
  const { traces = 0, logs = 0, metrics = 0 } = overview.received;
  return traces + logs + metrics === 0 && overview.services.length === 0 && overview.incidents.recent.length === 0;
}

function NoTelemetry({ overview }: { overview: Overview }) {
  const { query } = useAddress();
  return (
    <>
      <section className="head" aria-label="Answer">
        <div className="eyebrow">
          <Pill>Listening</Pill>
          <span>
            Updated {clock(overview.now_unix_ns)} UTC, {day(overview.now_unix_ns)}
          </span>
        </div>
        <h1 className="answer">No telemetry has arrived yet, so nothing can be said about your services.</h1>
      </section>
      <FirstRun overview={overview} chosen={query.get("with") ?? undefined} onChoose={(key) => setQuery({ with: key })} />
    </>
  );
}

function RecentTraces({ overview }: { overview: Overview }) {
  const asked = useAsked<TraceList>(api.traces({ since: "-15m", limit: RECENT_TRACES }), SLOW_POLL_MS);
  const list = useHeld(asked.value);
  return (
    <Panel
      id="recent"
      title="Recent traces"
      sub={<span className="only-w">last 15 min, newest first</span>}
      right={
        <>
          {list.waiting && <span>newer ones wait while you point</span>}
          <Link to={pathTo.traces()}>Search</Link>
        </>
      }
    >
      {list.shown === undefined ? (
        asked.refusal === undefined ? <Loading lines={4} /> : <Failed refusal={asked.refusal} again={asked.again} />
      ) : list.shown.traces.length === 0 ? (
        <p className="pb mute">No trace in the last 15 min.</p>
      ) : (
        <div onPointerEnter={list.onPointerEnter} onPointerLeave={list.onPointerLeave} onFocus={list.onFocus} onBlur={list.onBlur}>
          <TraceTable traces={list.shown.traces} now={overview.now_unix_ns} />
        </div>
      )}
    </Panel>
  );
}

/** What the answer rests on, and what it does not cover. */
function Checked({ overview }: { overview: Overview }) {
  const { traces = 0, logs = 0, metrics = 0 } = overview.received;
  const missing = [traces === 0 && "traces", logs === 0 && "logs"].filter((name) => name !== false);
  return (
    <Panel id="checked" title="Checked" sub="received since the server started">
      <dl className="kv">
        <dt>Spans</dt>
        <dd>{count(traces)}</dd>
        <dt>Log lines</dt>
        <dd>{count(logs)}</dd>
        <dt>Metric points</dt>
        <dd>{count(metrics)}</dd>
        <dt>Waiting</dt>
        <dd>
          {overview.journal.waiting_records === 0
            ? "nothing: all of it is stored"
            : `${counted(overview.journal.waiting_records, "record")}, ${bytes(overview.journal.waiting_bytes)}`}
        </dd>
        {missing.length > 0 && (
          <>
            <dt>Not covered</dt>
            <dd>no {missing.join(" and no ")}</dd>
          </>
        )}
      </dl>
    </Panel>
  );
}
