import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { DebugQueue, type Details } from "../../src/node/index.js";
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

const boom = (): never => {
  throw new Error("hostile");
};

function hostileProxy(): object {
  return new Proxy({}, Object.fromEntries(TRAPS.map((trap) => [trap, boom])));
}

const TRAPS = ["get", "has", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor", "isExtensible", "set", "deleteProperty"];

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function cycle(): object {
  const self: Record<string, unknown> = { name: "self", list: [] };
  self["self"] = self;
  (self["list"] as unknown[]).push(self, self["list"]);
  return self;
}

function deep(levels: number): object {
  let inner: object = { end: true };
  for (let level = 0; level < levels; level++) inner = { inner };
  return inner;
}

function endless(): object {
  return new Proxy({}, { ownKeys: () => ["a", "b"], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }), get: () => endless() });
}

const selfReturning: object = { toJSON: () => selfReturning };

/** Values that break what takes them for granted. */
const HOSTILE: Record<string, () => unknown> = {
  "a toJSON that raises": () => ({ toJSON: boom }),
  "a toJSON that returns itself": () => selfReturning,
  "a toJSON getter that raises": () => Object.defineProperty({}, "toJSON", { get: boom, enumerable: true }),
  "a getter that raises": () => Object.defineProperty({ fine: 1 }, "bad", { get: boom, enumerable: true }),
  "a proxy whose every trap raises": hostileProxy,
  "a revoked proxy": revoked,
  "a cycle": cycle,
  "a thousand levels": () => deep(1000),
  "a proxy without an end": endless,
  "a hundred thousand keys": () => Object.fromEntries(Array.from({ length: 100_000 }, (_each, at) => [`key${at}`, at])),
  "a million elements": () => new Array(1_000_000).fill("x"),
  "an array that says it is endless": () => new Proxy([], { get: (_target, key) => (key === "length" ? Number.MAX_SAFE_INTEGER : "x") }),
  "a text of ten million": () => "x".repeat(10_000_000),
  "a name of a million": () => ({ ["k".repeat(1_000_000)]: 1 }),
  "not a number": () => NaN,
  "minus infinity": () => -Infinity,
  "minus zero": () => -0,
  "a large BigInt": () => 2n ** 100_000n,
  "a BigInt past 64 bits": () => 2n ** 80n,
  "a lone surrogate": () => "\ud800",
  "a lone surrogate for a name": () => ({ "\udfff": "\udc00 and \ud83d\ude00" }),
  "a symbol": () => Symbol("s"),
  "a symbol without a name": () => Symbol(),
  "a function": () => boom,
  "a date that is none": () => new Date(NaN),
  "a map of everything": () => new Map<unknown, unknown>([[{}, 1], [Symbol("x"), 2], [NaN, new Map()], ["k", new Set([1, boom])]]),
  "a weak map": () => new WeakMap(),
  "a promise that rejects": () => {
    const promise = Promise.reject(new Error("later"));
    promise.catch(() => {});
    return promise;
  },
  "an error whose message raises": () => Object.defineProperty(new Error("x"), "message", { get: boom }),
  "an error whose stack is no text": () => Object.assign(new Error("x"), { stack: { toString: boom } }),
  "an error that is its own cause": () => {
    const error = new Error("x");
    error.cause = error;
    return error;
  },
  "an object without a prototype": () => Object.assign(Object.create(null) as object, { a: 1 }),
  "an object whose class raises": () => Object.create({ get constructor() { return boom(); } }) as object,
  "a class with a tag that raises": () => Object.defineProperty({}, Symbol.toStringTag, { get: boom }),
  "a set whose iterator raises": () => Object.assign(new Set([1]), { values: boom }),
  "a buffer": () => Buffer.alloc(1_000_000),
  "a view of shared memory": () => new Int32Array(new SharedArrayBuffer(8)),
  "undefined": () => undefined,
  "null": () => null,
};

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

test("random values of random depth neither raise nor get lost", async () => {
  let seed = 1;
  const draw = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  const makers = Object.values(HOSTILE).filter((_make, at) => ![7, 9, 10, 12, 13, 17].includes(at));
  const value = (depth: number): unknown => {
    if (depth === 0 || draw(3) === 0) return (makers[draw(makers.length)] as () => unknown)();
    if (draw(2) === 0) return Array.from({ length: draw(4) }, () => value(depth - 1));
    return Object.fromEntries(Array.from({ length: draw(4) }, (_each, at) => [`k${at}`, value(depth - 1)]));
  };
  const before = DebugQueue.counts();
  for (let round = 0; round < 3000; round++) {
    DebugQueue.log("RANDOM", value(5) as Details);
    if (round % 500 === 499) await DebugQueue.flush(10_000);
  }
  await DebugQueue.flush(10_000);
  const after = DebugQueue.counts();
  assert.deepEqual([after.created - before.created, after.sent - before.sent, after.dropped, after.faults], [3000, 3000, 0, 0]);
});
