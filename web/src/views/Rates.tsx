/** Live rates: three charts of the whole, one row per service. */

import { useState } from "react";
import type { IncidentRow, Ns, Overview } from "../api/types";
import { RateChart } from "../charts/RateChart";
import { instantAfter, shareBetween } from "../model/instants";
import { completeSteps } from "../model/rates";
import { clock, count, plainNumber, rate, shortClock, tableShare } from "../model/units";
import { Panel, Said } from "./parts";

/** Rows drawn; the rest is counted under the table. */
const SHOWN_SERVICES = 40;

const CHARTS = [
  { key: "calls_per_s", name: "Calls" },
  { key: "errors_per_s", name: "Errors" },
  { key: "log_lines_per_s", name: "Log lines" },
] as const;

export function Rates({ overview, open }: { overview: Overview; open: readonly IncidentRow[] }) {
  const [cross, setCross] = useState<number | undefined>();
  const series = completeSteps(overview);
  const steps = series.calls_per_s.length;
  const end = instantAfter(series.start_unix_ns, (steps * series.step_s * 1e9) as Ns);
  const minutes = Math.round((steps * series.step_s) / 60);
  const at = cross === undefined ? undefined : instantAfter(series.start_unix_ns, (cross * series.step_s * 1e9) as Ns);
  const onset = open[0] === undefined ? undefined : shareBetween(open[0].onset_unix_ns, series.start_unix_ns, end);
  return (
    <Panel
      id="rates"
      title="Rates"
      sub={`all services, last ${minutes} min, ${series.step_s} s steps`}
      right={<span className="only-w">{at === undefined ? `${shortClock(series.start_unix_ns)} – ${shortClock(end)} UTC` : `at ${clock(at)} UTC`}</span>}
    >
      <div className="rates">
        {CHARTS.map(({ key, name }) => {
          const values = series[key];
          const shown = cross === undefined ? values.at(-1) : values[cross];
          const figure = shown === undefined ? "none yet" : rate(shown);
          const highest = values.reduce((most, value) => Math.max(most, value), 0);
          return (
            <RateChart
              key={key}
              name={name}
              figure={figure}
              values={values}
              topLabel={(top) => rate(top)}
              cross={cross}
              onCross={setCross}
              onset={onset !== undefined && onset > 0 && onset < 1 ? onset : undefined}
              hot={key === "errors_per_s" && open.length > 0}
              summary={`${name} per second, last ${minutes} min: now ${figure}, highest ${rate(highest)}`}
            />
          );
        })}
      </div>
      <ServiceTable overview={overview} open={open} />
    </Panel>
  );
}

function ServiceTable({ overview, open }: { overview: Overview; open: readonly IncidentRow[] }) {
  const hot = new Set(open.flatMap((incident) => incident.services));
  const shown = overview.services.slice(0, SHOWN_SERVICES);
  const more = overview.services.length - shown.length;
  if (shown.length === 0) {
    return <p className="pb mute">No calls and no log lines in this window.</p>;
  }
  return (
    <>
      <table className="tbl services">
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col" className="num">Calls/s</th>
            <th scope="col" className="num">Errors/s</th>
            <th scope="col" className="num">Failing</th>
            <th scope="col" className="num only-w">Log lines/s</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => {
            const failing = row.calls_per_s > 0 && row.error_ratio !== null ? tableShare(row.error_ratio) : "no calls";
            const lit = hot.has(row.service) && row.errors_per_s > 0;
            return (
              <tr key={row.service}>
                <th scope="row">
                  <Said text={row.service} limit={200} />
                </th>
                <td className="num">{plainNumber(row.calls_per_s)}</td>
                <td className="num">{plainNumber(row.errors_per_s)}</td>
                <td className={`num ${lit ? "t-critical strong" : ""} ${failing === "no calls" ? "mute" : ""}`}>{failing}</td>
                <td className="num only-w">{plainNumber(row.log_lines_per_s)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {more > 0 && <p className="more mute">{count(more)} more services not shown</p>}
    </>
  );
}
