/**
 * What DebugQueue.log costs the caller's thread, beside OpenTelemetry's SDK doing the same.
 *
 *     node bench/node.mjs [--json] [--quick]
 *
 * Each side runs in a process of its own, in turn, several times; a server on this machine takes what is sent.
 * Calls are timed in groups of 16, because reading the clock costs as much as a call; between bursts of 512 calls
 * there is time to send, so that no call meets a full queue. The median is over the groups of all rounds.
 */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const json = process.argv.includes("--json");
const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 3;

function takeEverything() {
  return new Promise((resolve) => {
    const server = createServer((request, answer) => {
      request.resume().on("end", () => answer.setHeader("content-type", "application/json").end("{}"));
    });
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function run(side, port) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(folder, "node", `${side}.mjs`), ...(quick ? ["--quick"] : [])], {
      env: { PATH: process.env.PATH, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_SERVICE_NAME: "bench" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (part) => (out += part));
    child.on("exit", (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`${side} ended with ${code}`))));
  });
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const server = await takeEverything();
const found = {};
for (let round = 0; round < rounds; round++) {
  for (const side of ["debugqueue", "openTelemetry"]) {
    for (const [name, value] of Object.entries(await run(side, server.address().port))) (found[name] ??= []).push(value);
  }
}
server.close();
const result = Object.fromEntries(Object.entries(found).map(([name, values]) => [name, Number(median(values).toFixed(3))]));
if (json) console.log(JSON.stringify(result));
else console.table(Object.entries(result).map(([what, value]) => ({ what, value })));
