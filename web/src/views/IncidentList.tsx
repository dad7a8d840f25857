/** Incidents as rows: the ones open stand out by word and icon, the rest is grey. */

import type { IncidentRow, UnixNs } from "../api/types";
import { lengthBetween } from "../model/instants";
import { counted, duration, moment } from "../model/units";
import { pathTo } from "../state/address";
import { Icon, Link, Said } from "./parts";

const STATE_WORDS = { open: "Open", acknowledged: "Acknowledged", resolved: "Resolved" } as const;

/** A row that needs a person: what, where, since when. */
export function AttentionRow({ incident }: { incident: IncidentRow }) {
  return (
    <Link className="att" to={pathTo.incident(incident.incident_id)}>
      <span className="t-critical">
        <Icon name="incidents" />
      </span>
      <div>
        <div className="what">
          <Said text={incident.title} limit={300} />
        </div>
        <div className="meta">
          <IncidentMeta incident={incident} />
        </div>
      </div>
      <Icon name="right" />
    </Link>
  );
}

function IncidentMeta({ incident }: { incident: IncidentRow }) {
  const lasted = duration(lengthBetween(incident.onset_unix_ns, incident.last_seen_unix_ns));
  return (
    <>
      {incident.state === "acknowledged" ? "Acknowledged" : "Open"}, seen for {lasted} · {counted(incident.triggers, "trigger")}
      {incident.entry_operation !== "" && (
        <>
          {" · "}
          <Said text={incident.entry_operation} className="mono" limit={120} />
        </>
      )}
      {incident.faulty_service !== "" && (
        <>
          {" · failures begin in "}
          <Said text={incident.faulty_service} limit={120} />
        </>
      )}
    </>
  );
}

/** Short rows for the aside and the list of all incidents. */
export function IncidentRows({ incidents, now }: { incidents: readonly IncidentRow[]; now: UnixNs | undefined }) {
  return (
    <ol>
      {incidents.map((incident) => (
        <li key={incident.incident_id} className={`chg ${incident.state === "resolved" ? "" : "lit"}`}>
          <time dateTime={incident.onset_at}>{now === undefined ? "" : moment(incident.onset_unix_ns, now)}</time>
          <div>
            <Link className="n" to={pathTo.incident(incident.incident_id)}>
              <Said text={incident.title} limit={200} />
            </Link>
            <div className="mute">
              {STATE_WORDS[incident.state] ?? incident.state} · lasted{" "}
              {duration(lengthBetween(incident.onset_unix_ns, incident.last_seen_unix_ns))}
            </div>
          </div>
        </li>
      ))}
    </ol>
  );
}
