import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { DebugQueue, type Details } from "../../src/node/index.js";
import { boom, HOSTILE, randomValues } from "./hostileValues.js";
import { TestServer } from "./server.js";

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

const methods = [DebugQueue.log, DebugQueue.debug, DebugQueue.info, DebugQueue.warning, DebugQueue.error, DebugQueue.fatal] as ((...args: unknown[]) => void)[];

for (const [name, make] of Object.entries(HOSTILE)) {
  test(`${name} as tag, details, value, error or level neither raises nor stops the events around it`, async () => {
    const value = make();
    DebugQueue.log("BEFORE");
    for (const method of methods) method(value, value, value);
    DebugQueue.log("VALUE", { value, nested: { value, list: [value] } });
    DebugQueue.exception(value, value as Details, value as string);
    DebugQueue.bind(value as Details, () => DebugQueue.log("BOUND"));
    DebugQueue.log("AFTER");
    assert.equal(await DebugQueue.flush(5000), true);
    const tags = server.events.map((event) => event.tag);
    assert.deepEqual([tags[0], tags.at(-1), tags.length, DebugQueue.counts().faults], ["BEFORE", "AFTER", 11, 0]);
  });
}

test("an event is bounded whatever it is given", async () => {
  const wide = Object.fromEntries(Array.from({ length: 500 }, (_each, at) => [`k${at}`, "v".repeat(9000)]));
  DebugQueue.log("WIDE", wide);
  DebugQueue.log("MANY", Object.fromEntries(Array.from({ length: 500 }, (_each, at) => [`k${at}`, at])));
  await DebugQueue.flush();
  const [texts, many] = server.events;
  const own = Object.entries(texts?.attributes ?? {}).filter(([key]) => key.startsWith("k"));
  assert.ok(own.every(([, value]) => String(value).length <= 8192));
  assert.ok(own.reduce((sum, [key, value]) => sum + key.length + String(value).length, 0) <= 32 * 1024 + 300);
  assert.equal(Object.keys(many?.attributes ?? {}).filter((key) => key.startsWith("k")).length, 64);
});

test("values without a place in JSON keep their meaning", async () => {
  DebugQueue.log("A", { nan: NaN, far: -Infinity, zero: -0, big: 2n ** 60n, bigger: 2n ** 80n, none: undefined, half: "a\ud800b" });
  await DebugQueue.flush();
  const { nan, far, zero, big, bigger, half, ...others } = server.events[0]?.attributes ?? {};
  assert.deepEqual([nan, far, zero, half], ["NaN", "-Infinity", 0, "a\ufffdb"]);
  assert.deepEqual([big, bigger], [Number(2n ** 60n), String(2n ** 80n)]);
  assert.equal("none" in others, false);
});

test("a host that puts toJSON on every object still gets its events out", async () => {
  const all = Object.prototype as { toJSON?: unknown };
  try {
    all.toJSON = () => "taken";
    DebugQueue.log("A", { a: 1 });
    await DebugQueue.flush();
  } finally {
    delete all.toJSON;
  }
  assert.deepEqual([server.events[0]?.tag, server.events[0]?.attributes["details"]], ["A", "taken"]);
});

test("a host whose stacks raise, or may not be limited, still gets its events out", async () => {
  const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit") ?? {};
  try {
    Error.prepareStackTrace = boom;
    DebugQueue.log("RAISES", { a: 1 });
    DebugQueue.exception(new Error("x"));
    assert.equal(await DebugQueue.flush(5000), true);
    Reflect.deleteProperty(Error, "prepareStackTrace");
    Object.defineProperty(Error, "stackTraceLimit", { get: boom, set: boom, configurable: true });
    DebugQueue.log("UNLIMITED");
  } finally {
    Reflect.deleteProperty(Error, "prepareStackTrace");
    Object.defineProperty(Error, "stackTraceLimit", limit);
  }
  await DebugQueue.flush(5000);
  assert.deepEqual(server.events.map((event) => event.tag), ["RAISES", "Error", "UNLIMITED"]);
  assert.equal(DebugQueue.counts().faults, 0);
});

test("random values of random depth neither raise nor get lost", async () => {
  const value = randomValues(1);
  const before = DebugQueue.counts();
  for (let round = 0; round < 3000; round++) {
    DebugQueue.log("RANDOM", value() as Details);
    if (round % 500 === 499) await DebugQueue.flush(10_000);
  }
  await DebugQueue.flush(10_000);
  const after = DebugQueue.counts();
  assert.deepEqual([after.created - before.created, after.sent - before.sent, after.dropped, after.faults], [3000, 3000, 0, 0]);
});
