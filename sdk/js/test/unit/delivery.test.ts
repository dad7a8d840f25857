import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { MAX_QUEUE_BYTES, MAX_QUEUE_EVENTS } from "../../src/node/limits.js";
import { DebugQueue } from "../../src/node/index.js";
import { TestServer, type Answer } from "./server.js";

const servers: { stop(): Promise<void> }[] = [];

beforeEach(() => {
  process.env["DEBUGQUEUE_DEBUG"] = "1";
});

afterEach(async () => {
  await DebugQueue.shutdown(1);
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(answer?: Answer): Promise<TestServer> {
  const server = await TestServer.start(answer);
  servers.push(server);
  DebugQueue.configure({ endpoint: server.url });
  return server;
}

/** A server that speaks no HTTP. */
async function serveSocket(taken: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    taken(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push({
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const status = (code: number, headers: Record<string, string> = {}): Answer => (_request, response) => void response.writeHead(code, headers).end();

function account(): { lost: number } {
  const { created, sent, dropped, waiting } = DebugQueue.counts();
  return { lost: created - sent - dropped - waiting };
}

test("events of one moment go in one request, in order", async () => {
  const server = await serve();
  for (let at = 0; at < 100; at++) DebugQueue.log(`E${at}`);
  await DebugQueue.flush();
  assert.equal(server.requests, 1);
  assert.deepEqual(server.events.map((event) => event.tag), Array.from({ length: 100 }, (_each, at) => `E${at}`));
});

test("events are sent without being asked to, within the interval", async () => {
  const server = await serve();
  DebugQueue.configure({ endpoint: server.url, flushIntervalMs: 10 });
  DebugQueue.log("A");
  while (server.events.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(server.events[0]?.tag, "A");
});

test("a full queue drops the newest, counts them, and the next batch tells", async () => {
  const server = await serve();
  for (let at = 0; at < MAX_QUEUE_EVENTS + 100; at++) DebugQueue.log(`E${at}`);
  assert.deepEqual([DebugQueue.counts().waiting, DebugQueue.counts().dropped], [MAX_QUEUE_EVENTS, 100]);
  await DebugQueue.flush();
  assert.equal(server.events.at(-1)?.tag, `E${MAX_QUEUE_EVENTS - 1}`);
  const report = server.records.find((record) => record.tag === "debugqueue.dropped");
  assert.deepEqual([report?.attributes["debugqueue.dropped.count"], report?.attributes["debugqueue.dropped.reason"]], [100, "queue_full"]);
  assert.equal(account().lost, 0);
});

test("large events fill the queue by bytes before they fill it by number", async () => {
  await serve(() => {});
  for (let at = 0; at < 1000; at++) DebugQueue.log("BIG", { text: "x".repeat(8000), more: "y".repeat(8000) });
  const { waiting, waitingBytes, dropped } = DebugQueue.counts();
  assert.ok(waitingBytes <= MAX_QUEUE_BYTES && waiting < 200 && dropped === 1000 - waiting);
});

test("a batch stays within the limits of one request", async () => {
  const server = await serve();
  for (let at = 0; at < 1500; at++) DebugQueue.log("A");
  await DebugQueue.flush();
  assert.equal(server.requests, 3);
  assert.equal(server.events.length, 1500);
});

for (const code of [429, 502, 503, 504]) {
  test(`after ${code} the same events come again and arrive once`, async () => {
    const server = await serve((_request, response, count) => void response.writeHead(count === 1 ? code : 200).end("{}"));
    DebugQueue.log("A");
    assert.equal(await DebugQueue.flush(), false);
    assert.equal(await DebugQueue.flush(), true);
    assert.deepEqual([server.requests, server.events.length, account().lost], [2, 1, 0]);
  });
}

for (const code of [301, 400, 401, 403, 404, 500, 501]) {
  test(`after ${code} the events are dropped, counted and reported`, async () => {
    const server = await serve((_request, response, count) => void response.writeHead(count === 1 ? code : 200).end("{}"));
    DebugQueue.log("A");
    await DebugQueue.flush();
    DebugQueue.log("B");
    await DebugQueue.flush();
    const report = server.records.find((record) => record.tag === "debugqueue.dropped");
    assert.deepEqual([report?.attributes["debugqueue.dropped.count"], report?.attributes["debugqueue.dropped.reason"]], [1, "refused"]);
    assert.deepEqual([server.events.map((event) => event.tag), DebugQueue.counts().dropped, account().lost], [["B"], 1, 0]);
  });
}

test("Retry-After is waited for even when the host asks to flush", async () => {
  const server = await serve(status(503, { "retry-after": "30" }));
  DebugQueue.log("A");
  await DebugQueue.flush();
  await DebugQueue.flush();
  await DebugQueue.flush();
  assert.equal(server.requests, 1);
});

test("after five failures the server is left alone", async () => {
  const server = await serve((request) => void request.socket.destroy());
  DebugQueue.log("A");
  for (let at = 0; at < 8; at++) await DebugQueue.flush();
  assert.equal(server.requests, 5);
  assert.equal(DebugQueue.counts().waiting, 1);
});

test("what is too large is halved until it fits, and a single event that does not is dropped", async () => {
  const server = await serve((request, response) => {
    const isLarge = Number(request.headers["content-length"]) > 1500;
    response.writeHead(isLarge ? 413 : 200).end("{}");
  });
  // Random texts, because others would be compressed to nothing.
  const noise = (length: number): string => Array.from({ length }, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join("");
  for (let at = 0; at < 8; at++) DebugQueue.log(`E${at}`, noise(200));
  DebugQueue.log("HUGE", noise(6000));
  await DebugQueue.flush();
  const report = server.records.find((record) => record.tag === "debugqueue.dropped");
  assert.deepEqual(server.events.map((event) => event.tag), ["E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7"]);
  assert.deepEqual([report?.attributes["debugqueue.dropped.count"], report?.attributes["debugqueue.dropped.reason"]], [1, "too_large"]);
  assert.equal(account().lost, 0);
});

test("what the server says it rejected of a batch counts as dropped and is not sent again", async () => {
  const server = await serve((_request, response) => void response.end('{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}'));
  for (let at = 0; at < 5; at++) DebugQueue.log("A");
  await DebugQueue.flush();
  const { sent, dropped, waiting } = DebugQueue.counts();
  assert.deepEqual([sent, dropped, waiting], [3, 2, 0]);
  assert.ok(server.requests <= 3);
});

for (const code of [200, 400, 503]) {
  test(`a server may switch the SDK off with a header of its ${code}: nothing more is sent, and nothing piles up`, async () => {
    const server = await serve(status(code, { "DebugQueue-Disable": "true", "retry-after": "0" }));
    for (let at = 0; at < 600; at++) DebugQueue.log("A");
    assert.equal(await DebugQueue.flush(), true);
    for (let at = 0; at < 100; at++) DebugQueue.log("B");
    assert.equal(await DebugQueue.flush(), true);
    const { sent, dropped, waiting, waitingBytes } = DebugQueue.counts();
    assert.deepEqual([server.requests, sent, dropped, waiting, waitingBytes], [1, code === 200 ? 512 : 0, code === 200 ? 188 : 700, 0, 0]);
  });
}

/** Servers that are broken in ways that hold a client up. */
const BROKEN: Record<string, (socket: Socket) => void> = {
  "takes connections and says nothing": () => {},
  "closes every connection": (socket) => void socket.destroy(),
  "closes its half at once": (socket) => void socket.end(),
  "answers what is no HTTP": (socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n"),
  "answers a byte a second": (socket) => {
    const timer = setInterval(() => socket.write("H"), 1000).unref();
    socket.on("close", () => clearInterval(timer));
  },
  "announces an endless answer": (socket) => {
    socket.write("HTTP/1.1 503 X\r\ncontent-length: 99999999\r\n\r\n");
    const timer = setInterval(() => socket.write("x".repeat(10_000)), 1).unref();
    socket.on("close", () => clearInterval(timer));
  },
};

for (const [name, behave] of Object.entries(BROKEN)) {
  test(`with a server that ${name}, calls return, memory stays bounded and nothing is unaccounted for`, async () => {
    DebugQueue.configure({ endpoint: await serveSocket(behave), flushIntervalMs: 1 });
    for (let burst = 0; burst < 20; burst++) {
      for (let at = 0; at < 500; at++) DebugQueue.log("A", { text: "x".repeat(1000) });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { created, waiting, waitingBytes } = DebugQueue.counts();
    assert.equal(created, 10_000);
    assert.ok(waiting <= MAX_QUEUE_EVENTS && waitingBytes <= MAX_QUEUE_BYTES);
    assert.equal(await DebugQueue.flush(50), false);
    assert.equal(account().lost, 0);
  });
}

test("without a server flush says so and never rejects", async () => {
  DebugQueue.configure({ endpoint: "http://127.0.0.1:1" });
  DebugQueue.log("A");
  assert.equal(await DebugQueue.flush(), false);
});

test("an address that is none is nothing to send to, and no error", () => {
  for (const endpoint of ["", "nonsense", "ftp://example.com", "http://", "http://[::1"]) {
    DebugQueue.configure({ endpoint });
    DebugQueue.log("A");
  }
  assert.equal(DebugQueue.counts().faults, 0);
});

test("after shutdown nothing is taken, and configure begins anew", async () => {
  const server = await serve();
  DebugQueue.log("A");
  assert.equal(await DebugQueue.shutdown(), true);
  DebugQueue.log("B");
  DebugQueue.configure({ endpoint: server.url });
  DebugQueue.log("C");
  await DebugQueue.flush();
  assert.deepEqual(server.events.map((event) => event.tag), ["A", "C"]);
});

test("connections are kept from one request to the next", async () => {
  const ports = new Set<number | undefined>();
  await serve((request, response) => {
    ports.add(request.socket.remotePort);
    response.end("{}");
  });
  for (let at = 0; at < 5; at++) {
    DebugQueue.log("A");
    await DebugQueue.flush();
  }
  assert.equal(ports.size, 1);
});
