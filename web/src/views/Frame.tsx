/** What stands around every view: navigation, where am I, jump to an id, live, copy link. */

import type { ReactNode } from "react";
import { useEffect, useRef, useState } from "react";
import type { Overview } from "../api/types";
import { count } from "../model/units";
import type { View } from "../state/address";
import { open, pathOfId, pathTo } from "../state/address";
import { useCopy } from "../state/copy";
import { useKeys } from "../state/keys";
import { useNarrow } from "../state/narrow";
import { Icon, Link } from "./parts";

interface FrameProps {
  at: View;
  /** Where in the product: "Traces", and the id of what is shown. */
  crumb: { view: string; path: string; id?: string };
  overview: Overview | undefined;
  /** When the server last answered, while it does not; undefined while it does. */
  goneSince: string | undefined;
  children: ReactNode;
}

const ENTRIES = [
  { name: "Now", icon: "now", path: pathTo.now(), views: ["now"], key: "N" },
  { name: "Incidents", icon: "incidents", path: pathTo.incidents(), views: ["incidents", "incident"], key: "I" },
  { name: "Traces", icon: "traces", path: pathTo.traces(), views: ["traces", "trace"], key: "T" },
] as const;

export function Frame({ at, crumb, overview, goneSince, children }: FrameProps) {
  const openIncidents = overview?.incidents.open ?? 0;
  useKeys({
    "g n": () => open(pathTo.now()),
    "g i": () => open(pathTo.incidents()),
    "g t": () => open(pathTo.traces()),
  }, true);
  const entries = ENTRIES.map((entry) => {
    const hot = entry.name === "Incidents" && openIncidents > 0;
    return { ...entry, current: (entry.views as readonly string[]).includes(at.view), hot };
  });
  return (
    <>
      <a className="skip btn" href="#main">
        Skip to content
      </a>
      <div className="app">
        <aside className="side">
          <Link className="brand" to={pathTo.now()}>
            <Mark />
            TracePulse
          </Link>
          <nav className="nav" aria-label="Views">
            {entries.map((entry) => (
              <Link key={entry.name} to={entry.path} current={entry.current}>
                <Icon name={entry.icon} />
                {entry.name}
                {entry.hot ? (
                  <span className="count hot" aria-label={`${openIncidents} open`}>
                    {count(openIncidents)}
                  </span>
                ) : (
                  <span className="count keys" aria-hidden="true">
                    G {entry.key}
                  </span>
                )}
              </Link>
            ))}
          </nav>
          <SourceHealth overview={overview} />
        </aside>
        <header className="top">
          <div className="crumb">
            {crumb.id === undefined ? (
              <b>{crumb.view}</b>
            ) : (
              <>
                <Link to={crumb.path} className="soft">
                  {crumb.view}
                </Link>
                <span className="mute">/</span>
                <b className="mono trunc">{crumb.id}</b>
              </>
            )}
          </div>
          <span className="sp" />
          <Jump />
          <CopyLink />
        </header>
        <main className="page" id="main" tabIndex={-1}>
          {goneSince !== undefined && (
            <div className="banner" role="status">
              <Icon name="incidents" />
              <span>
                <b>The server does not answer.</b> What is shown was there at {goneSince}; it is asked again every few seconds.
              </span>
            </div>
          )}
          {children}
        </main>
        <nav className="tabbar" aria-label="Views, narrow">
          {entries.map((entry) => (
            <Link key={entry.name} to={entry.path} current={entry.current}>
              <Icon name={entry.icon} />
              {entry.name}
              {entry.hot && <i className="dot critical" />}
            </Link>
          ))}
        </nav>
      </div>
    </>
  );
}

function SourceHealth({ overview }: { overview: Overview | undefined }) {
  if (overview === undefined) return null;
  const services = overview.services.length;
  const waiting = overview.journal.waiting_records;
  return (
    <div className="side-foot">
      <span className="nowrap">
        <i className={`dot ${services > 0 ? "ok" : ""}`} />
        {services === 0 ? "nothing sending" : `${count(services)} ${services === 1 ? "service" : "services"} sending`}
      </span>
      <span>{waiting === 0 ? "all of it stored" : `${count(waiting)} records waiting`}</span>
    </div>
  );
}

/** Paste an id of any kind, press Enter. */
function Jump() {
  const narrow = useNarrow();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [unknown, setUnknown] = useState(false);
  useKeys({ "/": () => field.current?.focus() });
  const go = (): void => {
    const path = pathOfId(text);
    setUnknown(path === undefined && text.trim() !== "");
    if (path === undefined) return;
    setText("");
    field.current?.blur();
    open(path);
  };
  return (
    <form
      className="find"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <Icon name="search" />
      <input
        ref={field}
        value={text}
        placeholder={narrow ? "Open an id" : "Open a trace or incident id"}
        aria-label="Open a trace or incident by id"
        aria-invalid={unknown}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => {
          setText(event.target.value);
          setUnknown(false);
        }}
        onKeyDown={(event) => event.key === "Escape" && field.current?.blur()}
      />
      {unknown ? <span className="t-critical nowrap" role="status">not an id</span> : <kbd>/</kbd>}
    </form>
  );
}

function CopyLink() {
  const [state, copy] = useCopy();
  const copyHere = (): void => copy(location.href);
  useKeys({ y: copyHere });
  const words = state === "copied" ? "Link copied" : state === "failed" ? "Could not copy the link" : "Copy link to this view (Y)";
  return (
    <button className="btn icon" type="button" aria-label={words} title={words} onClick={copyHere}>
      <Icon name={state === "copied" ? "check" : "link"} />
    </button>
  );
}

function Mark() {
  return (
    <svg className="mark" width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      <circle cx="9" cy="9" r="7.2" />
      <path className="thick" d="M14.3 14.3 18 18" />
      <path d="M4.4 9.2h2.1l1.4-3.4 2.2 6 1.3-2.6h2.2" />
    </svg>
  );
}

/** Say in the window's title what the page says in its own. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · TracePulse`;
  }, [title]);
}
