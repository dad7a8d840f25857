import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { run } from "./program.js";
import { TestServer } from "./server.js";

let server: TestServer;

before(async () => void (server = await TestServer.start()));
after(() => server.stop());
beforeEach(() => {
  server.records.splice(0);
  server.paths.splice(0);
  server.texts.splice(0);
});

/** Without the instrumentations that ask the network where the program runs. */
const toServer = () => ({
  DEBUGQUEUE_ENDPOINT: server.url,
  OTEL_SERVICE_NAME: "shop",
  OTEL_NODE_RESOURCE_DETECTORS: "none",
  OTEL_METRICS_EXPORTER: "none",
  OTEL_LOGS_EXPORTER: "none",
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
});

interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
}

function spans(): Span[] {
  return server.texts
    .map((text) => JSON.parse(text) as { resourceSpans?: { scopeSpans: { spans: Span[] }[] }[] })
    .flatMap(({ resourceSpans = [] }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
}

for (const [kind, args] of Object.entries({
  "an ES module": ["--import", "debugqueue/register", "service.mjs"],
  CommonJS: ["--require", "debugqueue/register", "service.cjs"],
})) {
  test(`debugqueue/register traces a service that is ${kind}; events carry the ids of its spans, and our own requests have none`, async () => {
    const ended = await run(args, toServer());
    assert.deepEqual([ended.code, ended.stderr], [0, ""]);
    const [event] = server.events;
    const found = spans().find((span) => span.spanId === event?.spanId);
    assert.equal(found?.traceId, event?.traceId);
    assert.ok(spans().some(({ kind: spanKind, name }) => spanKind === 2 && name === "GET /carts/:id"), JSON.stringify(spans().map(({ name }) => name)));
    assert.equal(spans().filter(({ name, kind: spanKind }) => spanKind === 3 && name.startsWith("POST")).length, 0);
  });
}

test("where OpenTelemetry is not installed, start says so and events are sent", async () => {
  const code = `
    const Module = require("node:module");
    const resolve = Module._resolveFilename;
    Module._resolveFilename = (name, ...rest) => {
      if (name.startsWith("@opentelemetry/")) throw Object.assign(new Error(name), { code: "MODULE_NOT_FOUND" });
      return resolve(name, ...rest);
    };
    const { DebugQueue, start } = require("debugqueue");
    console.log(start().instrumented);
    DebugQueue.log("A");`;
  const ended = await run(["-e", code], toServer());
  assert.deepEqual([ended.stdout, ended.stderr, server.events.map(({ tag }) => tag)], ["not installed\n", "", ["A"]]);
});
