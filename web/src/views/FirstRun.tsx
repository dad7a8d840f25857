/** Before the first message: the exact lines to send telemetry here, each signal turning green on its own. */

import type { Overview } from "../api/types";
import { counted } from "../model/units";
import { CopyButton, Panel } from "./parts";

/** Where OTLP goes when the server does not say: the usual ports, on the host this page came from. */
const USUAL_PORTS = { http: 4318, grpc: 4317 } as const;

export interface SetUp {
  key: string;
  name: string;
  what: string;
  lines: string;
}

/** The lines to paste, with the server's own address filled in. */
export function setUps(host: string, endpoints: Overview["endpoints"]): SetUp[] {
  const http = endpoints?.otlp_http ?? `http://${host}:${USUAL_PORTS.http}`;
  const grpc = endpoints?.otlp_grpc ?? `http://${host}:${USUAL_PORTS.grpc}`;
  return [
    {
      key: "http",
      name: "OTLP over HTTP",
      what: "Set these for any program with an OpenTelemetry SDK or agent, then start it.",
      lines: `export OTEL_EXPORTER_OTLP_ENDPOINT=${http}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_SERVICE_NAME=my-service`,
    },
    {
      key: "grpc",
      name: "OTLP over gRPC",
      what: "Set these for any program with an OpenTelemetry SDK or agent, then start it.",
      lines: `export OTEL_EXPORTER_OTLP_ENDPOINT=${grpc}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=grpc\nexport OTEL_SERVICE_NAME=my-service`,
    },
    {
      key: "python",
      name: "Python",
      what: "Instruments a Python program without a change to its code.",
      lines: `pip install opentelemetry-distro opentelemetry-exporter-otlp\nopentelemetry-bootstrap -a install\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${http}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_SERVICE_NAME=my-service\nexport OTEL_LOGS_EXPORTER=otlp\nopentelemetry-instrument python app.py`,
    },
    {
      key: "collector",
      name: "Collector",
      what: "Add the exporter to an OpenTelemetry Collector and name it in its pipelines.",
      lines: `exporters:\n  otlphttp/tracepulse:\n    endpoint: ${http}\nservice:\n  pipelines:\n    traces: { exporters: [otlphttp/tracepulse] }\n    logs: { exporters: [otlphttp/tracepulse] }\n    metrics: { exporters: [otlphttp/tracepulse] }`,
    },
  ];
}

const SIGNALS = [
  { key: "traces", name: "Traces", one: "span" },
  { key: "logs", name: "Logs", one: "log line" },
  { key: "metrics", name: "Metrics", one: "point" },
] as const;

export function FirstRun(props: { overview: Overview; chosen: string | undefined; onChoose: (key: string) => void }) {
  const ways = setUps(location.hostname, props.overview.endpoints);
  const way = ways.find((one) => one.key === props.chosen) ?? ways[0]!;
  return (
    <Panel
      id="first"
      title="First run"
      sub={<span className="only-w">replaces Now until data arrives</span>}
      right={
        <>
          <i className="dot warn" />
          waiting for the first message
        </>
      }
    >
      <div className="rule" />
      <div className="state first">
        <h3>Send telemetry to this server</h3>
        <p>Pick what you already run. Each line below turns green when its first message is stored.</p>
        <div className="seg" role="group" aria-label="Set up">
          {ways.map((one) => (
            <button key={one.key} type="button" aria-pressed={one.key === way.key} onClick={() => props.onChoose(one.key)}>
              {one.name}
            </button>
          ))}
        </div>
        <p className="mute">{way.what}</p>
        <div className="cmd">
          <pre tabIndex={0} aria-label="Commands">{way.lines}</pre>
          <CopyButton text={way.lines} label="Copy the commands" icon />
        </div>
        <ul className="signals">
          {SIGNALS.map((signal) => {
            const received = props.overview.received[signal.key] ?? 0;
            return (
              <li key={signal.key}>
                <i className={`dot ${received > 0 ? "ok" : ""}`} />
                <span>{signal.name}</span>
                <span className="mute">{received > 0 ? counted(received, signal.one) : "nothing yet"}</span>
              </li>
            );
          })}
        </ul>
      </div>
    </Panel>
  );
}
