/** From the address to a view. The overview is asked for once, here, and shared by all of them. */

import { Component } from "react";
import type { ReactNode } from "react";
import type { Overview } from "../api/types";
import { api } from "../api/addresses";
import { shortId } from "../model/units";
import type { View } from "../state/address";
import { pathTo, useAddress } from "../state/address";
import { useAsked } from "../state/asked";
import { Frame } from "./Frame";
import { Incident } from "./Incident";
import { Incidents, Traces } from "./Lists";
import { Now } from "./Now";
import { Link } from "./parts";
import { Trace } from "./Trace";

const OVERVIEW_POLL_MS = 2000;

export function App() {
  const { at } = useAddress();
  const asked = useAsked<Overview>(api.overview(), OVERVIEW_POLL_MS);
  const gone = asked.refusal !== undefined && asked.value !== undefined && asked.answeredMs !== undefined;
  const goneSince = gone ? `${new Date(asked.answeredMs!).toISOString().slice(11, 19)} UTC` : undefined;
  return (
    <Frame at={at} crumb={crumbOf(at)} overview={asked.value} goneSince={goneSince}>
      <Guard key={"id" in at ? at.id : at.view}>{viewOf(at)}</Guard>
    </Frame>
  );

  function viewOf(view: View): ReactNode {
    switch (view.view) {
      case "now":
        return <Now asked={asked} />;
      case "incidents":
        return <Incidents overview={asked.value} />;
      case "incident":
        return <Incident id={view.id} overview={asked.value} />;
      case "traces":
        return <Traces overview={asked.value} />;
      case "trace":
        return <Trace id={view.id} />;
      case "unknown":
        return <Unknown />;
    }
  }
}

function crumbOf(view: View): { view: string; path: string; id?: string } {
  switch (view.view) {
    case "now":
      return { view: "Now", path: pathTo.now() };
    case "incidents":
      return { view: "Incidents", path: pathTo.incidents() };
    case "incident":
      return { view: "Incidents", path: pathTo.incidents(), id: view.id.slice(0, 40) };
    case "traces":
      return { view: "Traces", path: pathTo.traces() };
    case "trace":
      return { view: "Traces", path: pathTo.traces(), id: shortId(view.id) };
    case "unknown":
      return { view: "Not a page", path: pathTo.now() };
  }
}

function Unknown() {
  return (
    <section className="head" aria-label="Answer">
      <h1 className="answer">
        There is no page at this address. <Link to={pathTo.now()}>Open Now</Link>
      </h1>
    </section>
  );
}

/** A view that breaks says so in its own place; the frame stays. */
class Guard extends Component<{ children: ReactNode }, { broken: string | undefined }> {
  override state: { broken: string | undefined } = { broken: undefined };

  static getDerivedStateFromError(error: unknown): { broken: string } {
    return { broken: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.broken === undefined) return this.props.children;
    return (
      <section className="panel" role="alert">
        <div className="state">
          <h3>This view could not be drawn</h3>
          <p>What the server sent is not what the page expects: {this.state.broken}</p>
          <div>
            <button className="btn" type="button" onClick={() => this.setState({ broken: undefined })}>
              Try again
            </button>
          </div>
        </div>
      </section>
    );
  }
}
