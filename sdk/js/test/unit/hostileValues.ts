/** Values that break what takes them for granted. */
/** Raises, whatever it is asked. */
export const boom = (): never => {
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
export const HOSTILE: Record<string, () => unknown> = {
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

/** Those that take milliseconds each to make or to look at. */
const SLOW = [7, 9, 10, 12, 13, 17];

/** Return what gives, at each call, another random value of random depth; the same ones for the same seed. */
export function randomValues(seed: number): () => unknown {
  const draw = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  const makers = Object.values(HOSTILE).filter((_make, at) => !SLOW.includes(at));
  const value = (depth: number): unknown => {
    if (depth === 0 || draw(3) === 0) return (makers[draw(makers.length)] as () => unknown)();
    if (draw(2) === 0) return Array.from({ length: draw(4) }, () => value(depth - 1));
    return Object.fromEntries(Array.from({ length: draw(4) }, (_each, at) => [`k${at}`, value(depth - 1)]));
  };
  return () => value(5);
}
