import { Worker } from "node:worker_threads";
import { bodyOfSync } from "./batch.js";

/** Run by a thread of its own, which can use the network while the thread that ends waits for it. */
const POST = `
const { workerData: { url, headers, bytes, flag } } = require("node:worker_threads");
const done = () => { Atomics.store(flag, 0, 1); Atomics.notify(flag, 0); };
const { request } = require(url.startsWith("https:") ? "node:https" : "node:http");
const sent = request(url, { method: "POST", headers }, (answer) => answer.resume().on("close", done));
sent.on("error", done);
sent.end(Buffer.from(bytes));
`;

/**
 * Send a request while the process ends, when no callback runs any more.
 *
 * @param timeoutMs how long the end may be held up.
 */
export function postAtExit(url: URL, headers: Readonly<Record<string, string>>, text: string, timeoutMs: number): void {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const body = bodyOfSync(text);
  const all = { "content-type": "application/json", ...headers, ...(body.gzipped ? { "content-encoding": "gzip" } : {}) };
  const workerData = { url: url.href, headers: { ...all, "content-length": body.bytes.byteLength }, bytes: body.bytes, flag };
  // No variables and no flags of the host's: --require of an instrumentation would start it all again.
  const worker = new Worker(POST, { eval: true, workerData, env: {}, execArgv: [], stdin: false, stdout: true, stderr: true });
  worker.unref();
  worker.on("error", () => {});
  Atomics.wait(flag, 0, 0, timeoutMs);
}
