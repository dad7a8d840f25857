/** When it began: triggers in lanes on one time axis, a dashed line at the onset through all of them. */

import type { CSSProperties } from "react";
import type { Incident, Trigger } from "../api/types";
import { shareBetween } from "../model/instants";
import { triggerKind, triggerSubject } from "../model/sentences";
import type { Axis, Mark } from "../model/timeline";
import { incidentAxis, marks } from "../model/timeline";
import { clock, count, shortClock } from "../model/units";
import { Panel, Said } from "./parts";

/** Marks closer than this share of the axis (about 12 px at 1280) are joined. */
const CLOSEST = 0.02;
/** Room a label needs: with what the trigger is about, and without. */
const ROOM_RIGHT = 0.28;
const ROOM_LEFT = 0.16;

const LANES = [
  { name: "Errors", kinds: ["error_burst"] },
  { name: "Logs", kinds: ["new_log", "log_burst"] },
  { name: "Alerts", kinds: ["external_alert"] },
] as const;

export function Timeline({ incident }: { incident: Incident }) {
  const axis = incidentAxis(incident.onset_unix_ns, incident.last_seen_unix_ns);
  const onset = shareBetween(incident.onset_unix_ns, axis.from, axis.to);
  const known: readonly string[] = LANES.flatMap((lane) => [...lane.kinds]);
  const lanes = LANES.map((lane) => ({
    name: lane.name as string,
    triggers: incident.triggers.filter((trigger) => (lane.kinds as readonly string[]).includes(trigger.kind)),
  }));
  lanes.push({ name: "Other", triggers: incident.triggers.filter((trigger) => !known.includes(trigger.kind)) });
  return (
    <Panel id="tl" title="Timeline" sub="triggers" right={<span className="only-w">{`${shortClock(axis.from)} – ${shortClock(axis.to)} UTC`}</span>}>
      <div className="tl">
        <span className="vline" style={at(`calc(84px + (100% - 100px) * ${onset})`)} />
        {lanes
          .filter((lane) => lane.triggers.length > 0)
          .map((lane) => (
            <Lane key={lane.name} name={lane.name} triggers={lane.triggers} axis={axis} />
          ))}
        <div className="axis">
          <span style={at("0%")}>{clock(axis.from)}</span>
          <span className="t-critical" style={at(`${onset * 100}%`)}>
            {clock(incident.onset_unix_ns)}
          </span>
          <span style={at("100%")}>{clock(axis.to)}</span>
        </div>
      </div>
    </Panel>
  );
}

function Lane({ name, triggers, axis }: { name: string; triggers: readonly Trigger[]; axis: Axis }) {
  const placed = marks(triggers, axis, CLOSEST);
  return (
    <div className="lane pts">
      <span className="lab">{name}</span>
      {placed.map((mark, index) => {
        const right = (placed[index + 1]?.at ?? 1) - mark.at;
        const left = mark.at - (placed[index - 1]?.at ?? 0);
        return <Disc key={mark.at} mark={mark} side={right > ROOM_RIGHT ? "right" : left > ROOM_LEFT ? "left" : undefined} />;
      })}
    </div>
  );
}

/** The label stands on the free side of its mark; without one the table below still tells. */
function Disc({ mark, side }: { mark: Mark; side: "left" | "right" | undefined }) {
  const first = mark.triggers[0]!;
  const joined = mark.triggers.length;
  const title = mark.triggers.map((trigger) => `${clock(trigger.onset_unix_ns)} ${triggerKind(trigger)}, ${trigger.service}`).join("\n");
  return (
    <span className={`mk hot ${side === "left" ? "l" : ""}`} style={at(`${mark.at * 100}%`)} title={title}>
      <i />
      {side !== undefined && (
        <span>
          {joined > 1 ? `${count(joined)}, first: ` : ""}
          <Said text={first.service} limit={40} />{" "}
          {side === "right" && (
            <span className="mute only-w">
              <Said text={triggerSubject(first)} limit={48} />
            </span>
          )}
        </span>
      )}
    </span>
  );
}

function at(x: string): CSSProperties {
  return { "--x": x } as CSSProperties;
}
