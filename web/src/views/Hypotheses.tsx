/** Likely causes, ranked by the server, each with its probability and the ids of its evidence. */

import type { CSSProperties } from "react";
import type { Hypothesis, Incident } from "../api/types";
import { counted, likelihood, share } from "../model/units";
import { Panel, Said } from "./parts";

interface HypothesesProps {
  incident: Incident;
  /** The evidence marked in the bundle. */
  cited: string | undefined;
  isInBundle: (evidence: string) => boolean;
  onCite: (evidence: string) => void;
}

export function Hypotheses(props: HypothesesProps) {
  const { hypotheses, unknown_probability: unknown } = props.incident;
  return (
    <Panel
      id="hyp"
      title="Hypotheses"
      sub={hypotheses.length === 0 ? "none yet" : `${counted(hypotheses.length, "cause")} considered`}
      right={<span className="only-w">with what is not known, they add up to 100%</span>}
    >
      <div className="rule" />
      {hypotheses.map((hypothesis, index) => (
        <Card key={`${hypothesis.rank} ${hypothesis.statement}`} {...props} hypothesis={hypothesis} isFirst={index === 0} />
      ))}
      <article className="hyp min" aria-label={`Not known, ${share(unknown)}`}>
        <div className="prob">
          <b>{share(unknown)}</b>
        </div>
        <div>
          <h3>Something not considered, or that left no sign</h3>
        </div>
      </article>
    </Panel>
  );
}

function Card(props: HypothesesProps & { hypothesis: Hypothesis; isFirst: boolean }) {
  const { hypothesis, isFirst } = props;
  const { probability } = hypothesis;
  return (
    <article className={`hyp ${isFirst ? "" : "min"}`} aria-label={`Hypothesis ${hypothesis.rank}, ${share(probability)}`}>
      <div className="prob" style={{ "--p": `${probability * 100}%` } as CSSProperties}>
        <b>{share(probability)}</b>
        {isFirst && <span className="m" />}
        {isFirst && <span>{likelihood(probability)}</span>}
      </div>
      <div>
        <h3>
          <Said text={hypothesis.statement} limit={600} />
        </h3>
        <div className="mute">
          <Said text={hypothesis.service} limit={120} />
          {hypothesis.revision !== "" && (
            <>
              {" · commit "}
              <code>{hypothesis.revision.slice(0, 12)}</code>
            </>
          )}
          {hypothesis.evidence.length > 0 && " · evidence "}
          {hypothesis.evidence.map((evidence) => (
            <Chip key={evidence} evidence={evidence} {...props} />
          ))}
        </div>
      </div>
    </article>
  );
}

/** A chip leads to the place in the bundle that it names; when the budget left it out, it says so. */
function Chip(props: HypothesesProps & { evidence: string }) {
  const { evidence } = props;
  if (!props.isInBundle(evidence)) {
    return (
      <span className="ev out" title="Not in the bundle at this budget">
        <Said text={evidence} limit={40} />
      </span>
    );
  }
  return (
    <button
      type="button"
      className="ev"
      aria-pressed={props.cited === evidence}
      title="Show where the bundle cites it"
      onClick={() => props.onCite(evidence)}
    >
      <Said text={evidence} limit={40} />
    </button>
  );
}
