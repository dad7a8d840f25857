import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import express from "express";
import fastify from "fastify";
import pino from "pino";
import winston from "winston";
import { captureConsole } from "../../src/node/console.js";
import { debugQueueErrors, debugQueueExpress } from "../../src/node/express.js";
import { debugQueueFastify } from "../../src/node/fastify.js";
import { traced, traceparentMeta } from "../../src/node/http.js";
import { DebugQueue } from "../../src/node/index.js";
import { debugQueuePino, traceMixin } from "../../src/node/pino.js";
import { debugQueueWinston } from "../../src/node/winston.js";
import { run } from "./program.js";
import { TestServer } from "./server.js";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
let server: TestServer;

beforeEach(async () => {
  process.env["DEBUGQUEUE_DEBUG"] = "1";
  server = await TestServer.start();
  DebugQueue.configure({ endpoint: server.url });
});

afterEach(async () => {
  await DebugQueue.shutdown();
  await server.stop();
});

/** Ask a server that listens, with a `traceparent`; returns its answer. */
async function ask(listening: Server, path = "/"): Promise<{ timing: string; text: string; status: number }> {
  const { port } = listening.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { traceparent: PARENT } });
  return { timing: answer.headers.get("server-timing") ?? "", text: await answer.text(), status: answer.status };
}

async function listen(listener: Server): Promise<Server> {
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return listener;
}

const TIMING = /^traceparent;desc="00-(0af7651916cd43dd8448eb211c80319c)-([0-9a-f]{16})-01"$/;

async function checkTrace(timing: string): Promise<void> {
  const [, traceId, spanId] = TIMING.exec(timing) ?? assert.fail(timing);
  await DebugQueue.flush();
  const event = server.events.find(({ tag }) => tag === "IN_REQUEST");
  assert.deepEqual([event?.traceId, event?.spanId], [traceId, spanId]);
}

async function handled(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 1));
  DebugQueue.log("IN_REQUEST");
  return traceparentMeta();
}

test("plain http: events carry the caller's trace, the page learns it by header and by meta", async () => {
  const listening = await listen(createServer(traced((_request, answer) => void handled().then((meta) => answer.end(meta)))));
  const { timing, text } = await ask(listening);
  listening.close();
  await checkTrace(timing);
  assert.equal(text, `<meta name="traceparent" content="${/"(.*)"/.exec(timing)?.[1] ?? ""}">`);
  assert.equal(traceparentMeta(), "");
});

test("plain http: what the program says in Server-Timing itself stays", async () => {
  const handler = traced((_request, answer) => {
    const told = answer.getHeader("server-timing");
    answer.setHeader("server-timing", [`db;dur=5`, String(told)]).end();
  });
  const listening = await listen(createServer((request, answer) => handler(request, answer)));
  const { timing } = await ask(listening);
  listening.close();
  assert.match(timing, /^db;dur=5, traceparent;desc="00-/);
});

test("a malformed traceparent begins a new trace", async () => {
  const listening = await listen(createServer(traced((_request, answer) => void answer.end())));
  const { port } = listening.address() as AddressInfo;
  for (const traceparent of ["", "00-0-0-0", `${PARENT}-more`, PARENT.replace(/^00/, "ff"), "x".repeat(10_000)]) {
    const answer = await fetch(`http://127.0.0.1:${port}`, { headers: { traceparent } });
    const timing = answer.headers.get("server-timing") ?? "";
    assert.match(timing, /^traceparent;desc="00-[0-9a-f]{32}-[0-9a-f]{16}-01"$/);
    assert.equal(timing.includes("0af7651916cd43dd8448eb211c80319c"), false);
  }
  listening.close();
});

test("Express: events carry the trace, and what a route raises is queued and handed on", async () => {
  const app = express();
  app.use(debugQueueExpress());
  app.get("/fine", (_request: unknown, answer: { send(text: string): void }) => void handled().then((meta) => answer.send(meta)));
  app.get("/carts/:id", () => {
    throw new TypeError("no cart");
  });
  app.use(debugQueueErrors());
  app.use((error: Error, _request: unknown, answer: { status(code: number): { send(text: string): void } }, _next: unknown) => {
    answer.status(500).send(`own handler: ${error.message}`);
  });
  const listening = await listen(createServer(app));
  const fine = await ask(listening, "/fine");
  const failed = await ask(listening, "/carts/4711");
  listening.close();
  await checkTrace(fine.timing);
  assert.deepEqual([failed.status, failed.text], [500, "own handler: no cart"]);
  const event = server.events.find(({ tag }) => tag === "UNHANDLED_REQUEST_ERROR");
  assert.equal(event?.attributes["exception.type"], "TypeError");
  assert.equal(event?.attributes["http.route"], "/carts/:id");
});

test("Fastify: the same, for every route of the application", async () => {
  const app = fastify();
  await app.register(debugQueueFastify);
  app.get("/fine", handled);
  app.get("/carts/:id", async () => {
    throw new TypeError("no cart");
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const fine = await ask(app.server, "/fine");
  const failed = await ask(app.server, "/carts/4711");
  await app.close();
  await checkTrace(fine.timing);
  assert.equal(failed.status, 500);
  const event = server.events.find(({ tag }) => tag === "UNHANDLED_REQUEST_ERROR");
  assert.deepEqual([event?.attributes["exception.type"], event?.attributes["http.route"]], ["TypeError", "/carts/:id"]);
});

test("console: what is warned of is printed and queued; what is only logged is not", async () => {
  const printed: unknown[][] = [];
  const before = console.warn;
  console.warn = (...args) => void printed.push(args);
  const restore = captureConsole();
  console.warn("cart %d is %s", 7, "stale");
  restore();
  console.warn("after");
  console.warn = before;
  await DebugQueue.flush();
  assert.deepEqual(printed, [["cart %d is %s", 7, "stale"], ["after"]]);
  assert.deepEqual(server.events.map(({ body, severity }) => [body, severity]), [["cart 7 is stale", 13]]);
});

test("console: an object that prints while it is printed does no harm", async () => {
  const before = console.error;
  console.error = () => {};
  const restore = captureConsole();
  const chatty = { [Symbol.for("nodejs.util.inspect.custom")]: () => (console.error("inner"), "chatty") };
  console.error("outer", chatty);
  restore();
  console.error = before;
  await DebugQueue.flush();
  assert.deepEqual(server.events.map(({ body }) => body), ["outer chatty"]);
});

test("pino: lines arrive with level, fields and error, in the trace they were written in", async () => {
  const logger = pino({ name: "cart", mixin: traceMixin }, debugQueuePino());
  const listening = await listen(
    createServer(traced((_request, answer) => {
      logger.error({ order: 7, err: new TypeError("no cart") }, "failed");
      answer.end();
    })),
  );
  const { timing } = await ask(listening);
  listening.close();
  logger.info("later");
  await DebugQueue.flush();
  const [failed, later] = server.events;
  assert.deepEqual([failed?.body, failed?.severity, failed?.attributes["order"]], ["failed", 17, 7]);
  assert.deepEqual([failed?.attributes["logger.name"], failed?.attributes["exception.type"]], ["cart", "TypeError"]);
  assert.equal(failed?.traceId, TIMING.exec(timing)?.[1]);
  assert.deepEqual([later?.body, later?.traceId], ["later", undefined]);
});

test("pino: in its worker thread, lines arrive before the program ends, in the trace that they name", async () => {
  const ended = await run(["pino.mjs"], { DEBUGQUEUE_ENDPOINT: server.url });
  assert.deepEqual([ended.code, ended.stderr], [0, ""]);
  const [event] = server.events;
  assert.deepEqual([event?.body, event?.attributes["order"]], ["from a thread", 7]);
  assert.deepEqual([event?.traceId, event?.spanId], ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]);
});

test("winston: messages arrive with level and fields", async () => {
  const logger = winston.createLogger({
    level: "debug",
    format: winston.format.combine(winston.format.errors({ stack: true }), winston.format.json()),
    transports: [debugQueueWinston({ level: "info" })],
  });
  logger.warn("stale", { order: 7, password: "hunter2" });
  logger.debug("not wanted");
  logger.error(new TypeError("no cart"));
  await new Promise((resolve) => setTimeout(resolve, 10));
  await DebugQueue.flush();
  const [stale, failed] = server.events;
  assert.deepEqual([server.events.length, stale?.body, stale?.severity, stale?.attributes["order"]], [2, "stale", 13, 7]);
  assert.equal(stale?.attributes["password"], "[redacted:secret]");
  assert.match(String(failed?.attributes["exception.stacktrace"]), /TypeError: no cart/);
});
