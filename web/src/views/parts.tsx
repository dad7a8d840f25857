/** Small pieces every view is made of. */

import type { MouseEvent, ReactNode } from "react";
import { useEffect, useState } from "react";
import type { Refusal } from "../api/client";
import { shortened, visible } from "../model/text";
import { count } from "../model/units";
import { open } from "../state/address";
import { useCopy } from "../state/copy";

/** Telemetry text: a text node, isolated from the direction of its surroundings, unseen marks written out. */
export function Said({ text, className, limit }: { text: string; className?: string; limit?: number }) {
  const { shown, leftOut } = shortened(text, limit);
  return (
    <bdi className={className}>
      {visible(shown)}
      {leftOut > 0 && <span className="mute"> … {count(leftOut)} characters more</span>}
    </bdi>
  );
}

/** A link inside the page: opens without a reload, and like any link with a modifier or the middle button. */
export function Link(props: { to: string; className?: string; current?: boolean; label?: string; children: ReactNode }) {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(props.to);
  };
  return (
    <a
      href={props.to}
      className={props.className}
      aria-current={props.current === true ? "page" : undefined}
      aria-label={props.label}
      onClick={follow}
    >
      {props.children}
    </a>
  );
}

export function Pill({ tone, children }: { tone?: "critical" | "warn" | "ok" | "info"; children: ReactNode }) {
  return (
    <span className={`pill ${tone ?? ""}`}>
      <i className={`dot ${tone === "info" ? "" : (tone ?? "")}`} />
      {children}
    </span>
  );
}

export function Panel(props: { title: string; sub?: ReactNode; right?: ReactNode; children: ReactNode; id: string; className?: string }) {
  return (
    <section className={`panel ${props.className ?? ""}`} aria-labelledby={props.id}>
      <div className="ph">
        <h2 id={props.id}>{props.title}</h2>
        {props.sub !== undefined && <span className="sub">{props.sub}</span>}
        {props.right !== undefined && <span className="r">{props.right}</span>}
      </div>
      {props.children}
    </section>
  );
}

/** Nothing for 200 ms, then still grey blocks. */
export function Loading({ lines }: { lines: number }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 200);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="state" aria-busy="true">
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className={late ? `sk sk-${index % 4}` : "sk-none"} />
      ))}
      <span className="vh" role="status">
        {late ? "Loading" : ""}
      </span>
    </div>
  );
}

/** One panel failed: what, and the way to try again. */
export function Failed({ refusal, again }: { refusal: Refusal; again: () => void }) {
  return (
    <div className="state" role="alert">
      <h3>{refusal.status === 404 ? "Not found" : "This panel could not be read"}</h3>
      <p>
        <Said text={refusal.message} />
      </p>
      <div>
        <button className="btn" type="button" onClick={again}>
          Try again
        </button>
      </div>
    </div>
  );
}

export function CopyButton(props: { text: string | undefined; label: string; primary?: boolean; icon?: boolean; hint?: string }) {
  const [state, copy] = useCopy();
  const words = state === "copied" ? "Copied" : state === "failed" ? "Could not copy" : props.label;
  return (
    <button
      className={`btn ${props.primary === true ? "primary" : ""} ${props.icon === true ? "icon ghost" : ""}`}
      type="button"
      disabled={props.text === undefined}
      aria-label={words}
      onClick={() => props.text !== undefined && copy(props.text)}
    >
      <Icon name={state === "copied" ? "check" : "copy"} />
      {props.icon !== true && <span aria-live="polite">{words}</span>}
      {props.hint !== undefined && <kbd>{props.hint}</kbd>}
    </button>
  );
}

const ICONS = {
  now: "M1.5 8h3l2-5 3 10 2-5h3",
  incidents: "M8 2.2 14.4 13.4H1.6ZM8 6.6v3.1M8 11.6v.1",
  traces: "M2 3.5h7M4.5 7.8h6.5M8 12.2h6",
  search: "M11.4 7a4.4 4.4 0 1 1-8.8 0 4.4 4.4 0 0 1 8.8 0M10.4 10.4 14 14",
  link: "M6.5 9.5l3-3M7 4.5l1.2-1.2a2.9 2.9 0 0 1 4.1 4.1L11 8.6M9 11.5l-1.2 1.2a2.9 2.9 0 0 1-4.1-4.1L5 7.4",
  copy: "M7 5.5h5A1.5 1.5 0 0 1 13.5 7v5A1.5 1.5 0 0 1 12 13.5H7A1.5 1.5 0 0 1 5.5 12V7A1.5 1.5 0 0 1 7 5.5M10.5 5.5v-1A1.5 1.5 0 0 0 9 3H4a1.5 1.5 0 0 0-1.5 1.5V9A1.5 1.5 0 0 0 4 10.5h1.5",
  check: "M3 8.5l3.2 3.2L13 5",
  path: "M2 4h4v4h4v4h4",
  left: "M9.5 4.5 6 8l3.5 3.5",
  right: "M6.5 4.5 10 8l-3.5 3.5",
  down: "M4.5 6.5 8 10l3.5-3.5",
  close: "M4 4l8 8M12 4l-8 8",
} as const;

export function Icon({ name, small }: { name: keyof typeof ICONS; small?: boolean }) {
  return (
    <svg className={small === true ? "i i-12" : "i"} viewBox="0 0 16 16" aria-hidden="true">
      <path d={ICONS[name]} />
    </svg>
  );
}
