/** One incident: what is known, the likely causes, when it began, and the bundle for an agent. */

import { useState } from "react";
import type { Incident as IncidentRecord, Overview, Trigger } from "../api/types";
import type { BundleFormat } from "../api/addresses";
import { api } from "../api/addresses";
import { lengthBetween } from "../model/instants";
import { likelyCause, sentence, triggerKind, triggerSubject } from "../model/sentences";
import { count, counted, day, duration, clock, tableShare } from "../model/units";
import { setQuery, useAddress } from "../state/address";
import { useAsked, useAskedText } from "../state/asked";
import { useKeys } from "../state/keys";
import { Bundle, BUDGETS } from "./Bundle";
import { useTitle } from "./Frame";
import { Hypotheses } from "./Hypotheses";
import { CopyButton, Failed, Loading, Panel, Pill, Said } from "./parts";
import { Timeline } from "./Timeline";

const POLL_MS = 5000;

export function Incident({ id }: { id: string; overview: Overview | undefined }) {
  const { query } = useAddress();
  const asked = useAsked<IncidentRecord>(api.incident(id), POLL_MS);
  const format: BundleFormat = query.get("format") === "json" ? "json" : "markdown";
  const budget = BUDGETS.find((size) => String(size) === query.get("tokens")) ?? BUDGETS[1];
  const bundle = useAskedText(api.bundle(id, format, budget));
  const [cited, setCited] = useState<string | undefined>();
  const incident = asked.value;
  useTitle(incident?.title ?? "Incident");
  useKeys({
    c: () => document.querySelector<HTMLButtonElement>("#copy-for-agent button")?.click(),
    Escape: () => setCited(undefined),
  });
  if (incident === undefined) {
    return (
      <section className="panel" aria-label="Incident">
        {asked.refusal === undefined ? <Loading lines={6} /> : <Failed refusal={asked.refusal} again={asked.again} />}
      </section>
    );
  }
  return (
    <>
      <Header incident={incident} bundle={bundle.value} />
      <div className="cols">
        <div className="stack">
          <Hypotheses
            incident={incident}
            cited={cited}
            isInBundle={(evidence) => bundle.value !== undefined && bundle.value.includes(evidence)}
            onCite={(evidence) => setCited(evidence === cited ? undefined : evidence)}
          />
          <Timeline incident={incident} />
          <TriggerTable triggers={incident.triggers} />
        </div>
        <Bundle
          asked={bundle}
          format={format}
          budget={budget}
          cited={cited}
          onFormat={(next) => setQuery({ format: next === "markdown" ? undefined : next })}
          onBudget={(next) => setQuery({ tokens: next === BUDGETS[1] ? undefined : String(next) })}
        />
      </div>
    </>
  );
}

const STATES = {
  open: { word: "Open", tone: "critical" },
  acknowledged: { word: "Acknowledged", tone: "critical" },
  resolved: { word: "Resolved", tone: undefined },
} as const;

function Header({ incident, bundle }: { incident: IncidentRecord; bundle: string | undefined }) {
  const state = STATES[incident.state] ?? { word: incident.state, tone: undefined };
  const lasted = duration(lengthBetween(incident.onset_unix_ns, incident.last_seen_unix_ns));
  return (
    <section className="head" aria-label="Answer">
      <div className="eyebrow">
        <Pill {...(state.tone === undefined ? {} : { tone: state.tone })}>{state.word}</Pill>
        <span className="mono">{incident.incident_id}</span>
        <span>
          since {clock(incident.onset_unix_ns)} UTC, {day(incident.onset_unix_ns)}
        </span>
        <span>
          last seen {clock(incident.last_seen_unix_ns)}, {lasted} after onset
        </span>
      </div>
      <div className="acts" id="copy-for-agent">
        <CopyButton text={bundle} label="Copy for agent" primary hint="C" />
      </div>
      <h1 className="answer">
        <Said text={sentence(incident.title)} limit={400} /> <Said text={likelyCause(incident)} className="likely" limit={400} />
      </h1>
      <div className="facts">
        <EntryFact incident={incident} />
        {incident.faulty_service !== "" && (
          <span>
            failures begin in{" "}
            <b>
              <Said text={incident.faulty_service} limit={200} />
            </b>{" "}
            {incident.faulty_operation !== "" && <Said text={incident.faulty_operation} className="mono" limit={200} />}
          </span>
        )}
        <span>
          <b>{count(incident.services.length)}</b> {incident.services.length === 1 ? "service" : "services"} named
        </span>
      </div>
    </section>
  );
}

/** What fails for users, in numbers: the trigger at the entry, when there is one. */
function EntryFact({ incident }: { incident: IncidentRecord }) {
  const entry = incident.triggers.find(
    (trigger) => trigger.service === incident.entry_service && trigger.operation === incident.entry_operation && trigger.calls_after > 0,
  );
  if (incident.entry_operation === "" && incident.entry_service === "") return <span>entry not known</span>;
  return (
    <span>
      {entry !== undefined && (
        <>
          <b>{count(entry.events_after)}</b> of {counted(entry.calls_after, "call")} failed at{" "}
        </>
      )}
      <b>
        <Said text={incident.entry_operation || incident.entry_service} className="mono" limit={200} />
      </b>{" "}
      {incident.entry_operation !== "" && incident.entry_service !== "" && (
        <>
          in <Said text={incident.entry_service} limit={200} />
        </>
      )}
    </span>
  );
}

function TriggerTable({ triggers }: { triggers: readonly Trigger[] }) {
  return (
    <Panel id="trg" title="Triggers" sub="by onset; before is the baseline observed until then">
      <table className="tbl triggers">
        <thead>
          <tr>
            <th scope="col" className="t-when">
              Onset, UTC
            </th>
            <th scope="col">What</th>
            <th scope="col" className="num t-num only-w">
              Before
            </th>
            <th scope="col" className="num t-num">
              Since
            </th>
          </tr>
        </thead>
        <tbody>
          {triggers.map((trigger, index) => (
            <tr key={`${trigger.onset_unix_ns} ${index}`}>
              <td className="mute">
                <time dateTime={trigger.onset_at}>{clock(trigger.onset_unix_ns)}</time>
              </td>
              <td>
                {triggerKind(trigger)} · <Said text={trigger.service} className="strong" limit={120} />{" "}
                <Said text={triggerSubject(trigger)} className="mono" limit={300} />
              </td>
              <td className="num only-w mute">{amount(trigger.events_before, trigger.calls_before)}</td>
              <td className="num">{amount(trigger.events_after, trigger.calls_after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

/** `1,204 of 3,871, 31.1%` for calls; `1,251` for lines; nothing for alerts. */
function amount(events: number, calls: number): string {
  if (calls > 0) return `${count(events)} of ${count(calls)}, ${tableShare(events / calls)}`;
  return events > 0 ? count(events) : "none";
}
