import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { clearTimer, setTimer } from "./clock.js";
import { outsideRequests } from "./context.js";
import { CONNECT_TIMEOUT_MS, MAX_ANSWER_BYTES, MAX_RETRY_AFTER_MS, REQUEST_TIMEOUT_MS } from "./limits.js";
import { untraced } from "./openTelemetry.js";

/** What became of a request; `silence` is whether the server asked for no more of them. */
export type Outcome = { readonly silence?: boolean } & (
  /** The server has it, but for `rejected` records. */
  | { readonly kind: "accepted"; readonly rejected: number; readonly reason: string }
  /** Try again, not before `afterMs` where the server said so. */
  | { readonly kind: "retry"; readonly afterMs: number | undefined; readonly reason: string }
  /** Too large: try it in parts. */
  | { readonly kind: "split"; readonly reason: string }
  /** The server does not want it. */
  | { readonly kind: "refused"; readonly reason: string }
);

/** One request, ready to go. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly gzipped: boolean;
}

type Send = (options: RequestOptions, answered: (answer: IncomingMessage) => void) => ClientRequest;

const RETRIED = [429, 502, 503, 504];

/** Sends requests to one address over connections that are kept, and never keeps the process alive for it. */
export class Requests {
  private readonly options: RequestOptions;
  private readonly send: Send;

  constructor(
    private readonly url: URL,
    headers: Readonly<Record<string, string>>,
  ) {
    // Loaded here, so that a program that sends nothing does not pay for it.
    const library = (url.protocol === "https:" ? require("node:https") : require("node:http")) as typeof import("node:http");
    this.send = library.request;
    const agent = new library.Agent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1, scheduling: "lifo" });
    this.options = { agent, method: "POST", headers: { "content-type": "application/json", ...headers } };
  }

  /** Send a body; resolves within REQUEST_TIMEOUT_MS and never rejects. */
  post(body: Body): Promise<Outcome> {
    return new Promise((resolve) => {
      outsideRequests(() =>
        untraced(() => {
          try {
            this.start(body, resolve);
          } catch (error) {
            resolve({ kind: "refused", reason: String(error) });
          }
        }),
      );
    });
  }

  /** Whether all of the request under way was handed to the operating system, which delivers it even if we end. */
  handedOver = false;

  private start(body: Body, resolve: (outcome: Outcome) => void): void {
    const headers = { ...this.options.headers, "content-length": body.bytes.byteLength } as Record<string, string | number>;
    if (body.gzipped) headers["content-encoding"] = "gzip";
    let answer: Answer | undefined;
    let settled = false;
    let connecting: NodeJS.Timeout | undefined;
    const settle = (reason: string): void => {
      if (settled) return;
      settled = true;
      clearTimer(deadline);
      clearTimer(connecting);
      // Only an answer that came whole leaves the connection fit for the next request.
      if (!answer?.whole) request.destroy();
      resolve(answer ? { ...outcomeOf(answer), silence: answer.silence } : { kind: "retry", afterMs: undefined, reason });
    };
    const request = this.send({ ...this.options, ...addressOf(this.url), headers }, (message) => {
      answer = read(message, () => settle("answered"));
    });
    const deadline = setTimer(() => settle("no answer in time"), REQUEST_TIMEOUT_MS).unref();
    request.on("socket", (socket) => {
      socket.unref();
      if (!socket.connecting) return;
      connecting = setTimer(() => settle("no connection in time"), CONNECT_TIMEOUT_MS).unref();
      socket.once("connect", () => clearTimer(connecting));
    });
    request.on("finish", () => (this.handedOver = true));
    request.on("error", (error) => settle(error.message));
    request.on("close", () => answer ?? settle("connection closed"));
    this.handedOver = false;
    request.end(body.bytes);
  }
}

/** An answer as far as it came. */
interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly silence: boolean;
  text: string;
  whole: boolean;
}

function read(message: IncomingMessage, done: () => void): Answer {
  const { statusCode: status = 0, headers } = message;
  const silence = /^(1|true)$/i.test(String(headers["debugqueue-disable"]));
  const answer: Answer = { status, retryAfter: headers["retry-after"], silence, text: "", whole: false };
  message.setEncoding("utf8");
  message.on("data", (part: string) => {
    answer.text += part;
    if (answer.text.length > MAX_ANSWER_BYTES) message.destroy();
  });
  message.on("end", () => (answer.whole = true));
  message.on("error", done);
  message.on("close", done);
  return answer;
}

function addressOf(url: URL): RequestOptions {
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port,
    path: `${url.pathname}${url.search}`,
    ...(url.username ? { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` } : {}),
  };
}

/** Return what an answer means, as OTLP says. */
export function outcomeOf(answer: Pick<Answer, "status" | "retryAfter" | "text">): Outcome {
  const { status, retryAfter, text } = answer;
  const reason = `the server answered ${status}`;
  if (status >= 200 && status < 300) return accepted(text);
  if (RETRIED.includes(status)) return { kind: "retry", afterMs: waitOf(retryAfter), reason };
  if (status === 413) return { kind: "split", reason };
  return { kind: "refused", reason };
}

function accepted(text: string): Outcome {
  try {
    const { partialSuccess } = JSON.parse(text) as { partialSuccess?: { rejectedLogRecords?: unknown; errorMessage?: unknown } };
    const rejected = Number(partialSuccess?.rejectedLogRecords ?? 0);
    return { kind: "accepted", rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0, reason: String(partialSuccess?.errorMessage ?? "").slice(0, 200) };
  } catch {
    return { kind: "accepted", rejected: 0, reason: "" };
  }
}

/** Return a Retry-After of seconds or of an HTTP date in milliseconds. */
function waitOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const wait = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), MAX_RETRY_AFTER_MS);
}
