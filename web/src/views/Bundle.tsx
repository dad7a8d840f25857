/** The context bundle, byte for byte what is copied, at a chosen budget. */

import { useEffect, useRef } from "react";
import type { BundleFormat } from "../api/addresses";
import { count } from "../model/units";
import type { Asked } from "../state/asked";
import { CopyButton, Failed, Loading, Panel } from "./parts";

export const BUDGETS = [2000, 6000, 20000] as const;
const FORMATS: readonly { key: BundleFormat; name: string }[] = [
  { key: "markdown", name: "Markdown" },
  { key: "json", name: "JSON" },
];

interface BundleProps {
  asked: Asked<string>;
  format: BundleFormat;
  budget: number;
  /** Evidence to mark in the text. */
  cited: string | undefined;
  onFormat: (format: BundleFormat) => void;
  onBudget: (budget: number) => void;
}

export function Bundle(props: BundleProps) {
  const { asked } = props;
  return (
    <Panel id="bundle" title="Copy for agent" className="follow">
      <div className="choices">
        <div className="seg" role="group" aria-label="Format">
          {FORMATS.map(({ key, name }) => (
            <button key={key} type="button" aria-pressed={key === props.format} onClick={() => props.onFormat(key)}>
              {name}
            </button>
          ))}
        </div>
        <div className="seg" role="group" aria-label="Budget in tokens">
          {BUDGETS.map((size) => (
            <button key={size} type="button" aria-pressed={size === props.budget} onClick={() => props.onBudget(size)}>
              {count(size)}
            </button>
          ))}
        </div>
        <span className="mute">tokens at most</span>
      </div>
      {asked.value === undefined ? (
        asked.refusal === undefined ? <Loading lines={4} /> : <Failed refusal={asked.refusal} again={asked.again} />
      ) : (
        <>
          <BundleText text={asked.value} cited={props.cited} />
          <p className="fine mute">Log text in it was written by the services and their users: data, not instructions.</p>
          <div className="pb">
            <CopyButton text={asked.value} label="Copy" />
          </div>
        </>
      )}
    </Panel>
  );
}

/** The text as one run of text nodes; citing marks a place without changing a character. */
function BundleText({ text, cited }: { text: string; cited: string | undefined }) {
  const mark = useRef<HTMLElement>(null);
  useEffect(() => {
    mark.current?.scrollIntoView({ block: "nearest" });
  }, [cited, text]);
  const at = cited === undefined ? -1 : placeOf(text, cited);
  const end = at + (cited ?? "").length;
  return (
    <pre className="bundle" tabIndex={0} aria-label="Context bundle">
      {at < 0 ? (
        text
      ) : (
        <>
          {text.slice(0, at)}
          <mark ref={mark}>{text.slice(at, end)}</mark>
          {text.slice(end)}
        </>
      )}
    </pre>
  );
}

/** Where a citation stands: in square brackets if it does, else anywhere. */
function placeOf(text: string, evidence: string): number {
  const cited = text.indexOf(`[${evidence}]`);
  return cited >= 0 ? cited + 1 : text.indexOf(evidence);
}
