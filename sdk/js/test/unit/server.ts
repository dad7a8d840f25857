/** A server for tests: takes OTLP requests, answers as it is told, and keeps what came. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

/** OTLP's JSON, as far as it is looked at. */
type AnyValue = Record<string, unknown>;
interface KeyValue {
  key: string;
  value: AnyValue;
}
interface LogRecord {
  eventName: string;
  body: AnyValue;
  severityNumber: number;
  attributes: KeyValue[];
  traceId?: string;
  spanId?: string;
}

/** One record as a reader wants it. */
export interface Received {
  readonly tag: string;
  readonly body: unknown;
  readonly severity: number;
  readonly attributes: Record<string, unknown>;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly resource: Record<string, unknown>;
}

/** Answers a request itself; the default is 200 and an empty object. */
export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export class TestServer {
  /** Records of requests that were answered with 2xx, in order. */
  readonly records: Received[] = [];
  /** Bodies of those requests. */
  readonly texts: string[] = [];
  readonly paths: string[] = [];
  readonly headers: IncomingMessage["headers"][] = [];
  /** Lengths of the bodies, before they were unpacked. */
  readonly sizes: number[] = [];
  requests = 0;
  private readonly server: Server;

  private constructor(answer: Answer) {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("error", () => {});
      request.on("end", () => {
        this.requests++;
        this.paths.push(request.url ?? "");
        this.headers.push(request.headers);
        response.on("finish", () => {
          if (response.statusCode < 300) this.keep(request, Buffer.concat(parts));
        });
        answer(request, response, this.requests);
      });
    });
  }

  static async start(answer: Answer = (_request, response) => void response.end("{}")): Promise<TestServer> {
    const made = new TestServer(answer);
    await new Promise<void>((resolve) => made.server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Events of the program, without the SDK's own reports. */
  get events(): Received[] {
    return this.records.filter((record) => !record.tag.startsWith("debugqueue."));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private keep(request: IncomingMessage, sent: Buffer): void {
    this.sizes.push(sent.length);
    const bytes = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
    const text = bytes.toString("utf8");
    this.texts.push(text);
    const { resourceLogs = [] } = JSON.parse(text) as { resourceLogs?: ResourceLogs[] };
    for (const { resource, scopeLogs } of resourceLogs) {
      for (const record of scopeLogs.flatMap((scope) => scope.logRecords)) this.records.push(readable(record, object(resource.attributes)));
    }
  }
}

interface ResourceLogs {
  resource: { attributes: KeyValue[] };
  scopeLogs: { logRecords: LogRecord[] }[];
}

function readable(record: LogRecord, resource: Record<string, unknown>): Received {
  const { eventName, body, severityNumber, attributes, traceId, spanId } = record;
  return { tag: eventName, body: plain(body), severity: severityNumber, attributes: object(attributes), traceId, spanId, resource };
}

function object(list: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));
}

/** Return OTLP's value as JavaScript's. */
export function plain(value: AnyValue): unknown {
  const [kind, held] = Object.entries(value)[0] ?? [];
  if (kind === "intValue") return Number(held);
  if (kind === "arrayValue") return (held as { values: AnyValue[] }).values.map(plain);
  if (kind === "kvlistValue") return object((held as { values: KeyValue[] }).values);
  return kind === undefined ? null : held;
}
