/** Traces as rows; used by Now and by Traces. */

import type { TraceRow, UnixNs } from "../api/types";
import { clock, count, day, duration, fineClock, moment } from "../model/units";
import { pathTo } from "../state/address";
import { Link, Said } from "./parts";

export function TraceTable({ traces, now }: { traces: readonly TraceRow[]; now: UnixNs | undefined }) {
  return (
    <table className="tbl traces">
      <thead>
        <tr>
          <th scope="col" className="when only-w">
            Start, UTC
          </th>
          <th scope="col">Request</th>
          <th scope="col" className="num n-spans only-w">
            Spans
          </th>
          <th scope="col" className="num n-errors">
            Errors
          </th>
          <th scope="col" className="num n-took">
            Took
          </th>
        </tr>
      </thead>
      <tbody>
        {traces.map((trace) => (
          <tr key={trace.trace_id}>
            <td className="only-w mute">
              <time dateTime={trace.start_at} title={`${day(trace.start_unix_ns)} ${fineClock(trace.start_unix_ns)} UTC`}>
                {now === undefined ? clock(trace.start_unix_ns) : moment(trace.start_unix_ns, now)}
              </time>
            </td>
            <td>
              <Link to={pathTo.trace(trace.trace_id)} className="name">
                <Said text={trace.root_operation || "(no root yet)"} className="mono" limit={200} />
              </Link>{" "}
              <Said text={trace.root_service} className="mute" limit={200} />
            </td>
            <td className="num only-w">{count(trace.spans)}</td>
            <td className={`num ${trace.error_spans > 0 ? "strong" : "mute"}`}>{count(trace.error_spans)}</td>
            <td className="num">{duration(trace.duration_ns)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
