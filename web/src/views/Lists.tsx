/** All incidents; and traces by service, status and window. */

import type { IncidentRow, Overview, TraceList } from "../api/types";
import { api } from "../api/addresses";
import { counted } from "../model/units";
import { setQuery, useAddress } from "../state/address";
import { useAsked } from "../state/asked";
import { useTitle } from "./Frame";
import { IncidentRows } from "./IncidentList";
import { Failed, Loading, Panel, Pill } from "./parts";
import { TraceTable } from "./TraceTable";

const POLL_MS = 5000;
const TRACE_LIMIT = 100;
const WINDOWS = [
  { key: "-15m", name: "15 min" },
  { key: "-4h", name: "4 h" },
  { key: "-24h", name: "24 h" },
] as const;

export function Incidents({ overview }: { overview: Overview | undefined }) {
  const asked = useAsked<{ incidents: IncidentRow[] }>(api.incidents(), POLL_MS);
  useTitle("Incidents");
  const incidents = asked.value?.incidents;
  const open = incidents?.filter((incident) => incident.state !== "resolved").length ?? 0;
  return (
    <>
      <section className="head" aria-label="Answer">
        <div className="eyebrow">{open > 0 ? <Pill tone="critical">{open} open</Pill> : <Pill>None open</Pill>}</div>
        <h1 className="answer">
          {incidents === undefined ? "Incidents" : open === 0 ? "No incident is open." : `${counted(open, "incident")} open.`}{" "}
          {incidents !== undefined && incidents.length > open && (
            <span className="likely">{counted(incidents.length - open, "earlier one")} kept.</span>
          )}
        </h1>
      </section>
      <Panel id="all" title="Incidents" sub="newest first">
        <div className="rule" />
        {incidents === undefined ? (
          asked.refusal === undefined ? <Loading lines={4} /> : <Failed refusal={asked.refusal} again={asked.again} />
        ) : incidents.length === 0 ? (
          <p className="note-line mute">None recorded.</p>
        ) : (
          <IncidentRows incidents={incidents} now={overview?.now_unix_ns} />
        )}
      </Panel>
    </>
  );
}

export function Traces({ overview }: { overview: Overview | undefined }) {
  const { query } = useAddress();
  const since = query.get("since") ?? "-15m";
  const service = query.get("service") ?? "";
  const status = query.get("status") === "error" ? "error" : undefined;
  const asked = useAsked<TraceList>(api.traces({ since, service, status, limit: TRACE_LIMIT }));
  useTitle("Traces");
  const list = asked.value;
  return (
    <>
      <section className="head" aria-label="Answer">
        <div className="eyebrow">
          <Pill>Traces</Pill>
          <span>newest first, {TRACE_LIMIT} at most</span>
        </div>
        <h1 className="answer">
          {list === undefined ? "Traces" : list.traces.length === 0 ? "No trace found." : `${counted(list.traces.length, "trace")} found.`}{" "}
          {list !== undefined && !list.complete && <span className="likely">There are more than are shown.</span>}
        </h1>
      </section>
      <section className="panel" aria-label="Traces">
        <div className="bar-tools">
          <div className="seg" role="group" aria-label="Window">
            {WINDOWS.map(({ key, name }) => (
              <button key={key} type="button" aria-pressed={since === key} onClick={() => setQuery({ since: key })}>
                {name}
              </button>
            ))}
          </div>
          <div className="seg" role="group" aria-label="Status">
            <button type="button" aria-pressed={status === undefined} onClick={() => setQuery({ status: undefined })}>
              All
            </button>
            <button type="button" aria-pressed={status === "error"} onClick={() => setQuery({ status: "error" })}>
              Errors
            </button>
          </div>
          <label className="pick">
            <span className="mute">Service</span>
            <select value={service} onChange={(event) => setQuery({ service: event.target.value })}>
              <option value="">all</option>
              {serviceNames(overview, service).map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <span className="r">
            <button className="btn" type="button" onClick={asked.again}>
              Search again
            </button>
          </span>
        </div>
        {list === undefined ? (
          asked.refusal === undefined ? <Loading lines={6} /> : <Failed refusal={asked.refusal} again={asked.again} />
        ) : list.traces.length === 0 ? (
          <p className="note-line mute">Nothing matches in this window. A longer one may hold it.</p>
        ) : (
          <TraceTable traces={list.traces} now={overview?.now_unix_ns} />
        )}
      </section>
    </>
  );
}

/** Names to choose from: those that send now, and the one in the address. */
function serviceNames(overview: Overview | undefined, chosen: string): string[] {
  const names = overview?.services.map((row) => row.service).slice(0, 500) ?? [];
  return chosen === "" || names.includes(chosen) ? names : [chosen, ...names];
}
