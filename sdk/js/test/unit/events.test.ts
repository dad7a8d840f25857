import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { DebugQueue } from "../../src/node/index.js";
import { TestServer } from "./server.js";

let server: TestServer;

beforeEach(async () => {
  process.env["DEBUGQUEUE_DEBUG"] = "1";
  server = await TestServer.start();
  DebugQueue.configure({ endpoint: server.url, service: "shop", version: "1.2", commit: "abc", environment: "test" });
});

afterEach(async () => {
  await DebugQueue.shutdown();
  await server.stop();
});

async function sent() {
  assert.equal(await DebugQueue.flush(), true);
  return server.events;
}

test("a tag and details arrive as an OpenTelemetry log", async () => {
  DebugQueue.log("SESSION_DROP", { details: "timeout", attempt: 3, ratio: 0.5, retried: false, cause: null });
  const [event] = await sent();
  const { "code.line.number": line, "code.file.path": path, ...attributes } = event?.attributes ?? {};
  assert.deepEqual(attributes, { details: "timeout", attempt: 3, ratio: 0.5, retried: false, cause: null });
  assert.deepEqual([event?.tag, event?.body, event?.severity], ["SESSION_DROP", "SESSION_DROP", 9]);
  assert.equal(server.paths[0], "/v1/logs");
  assert.match(String(path), /events\.test/);
  assert.equal(typeof line, "number");
});

test("each level has OpenTelemetry's severity", async () => {
  DebugQueue.debug("A");
  DebugQueue.info("A");
  DebugQueue.warning("A");
  DebugQueue.error("A");
  DebugQueue.fatal("A");
  DebugQueue.log("A", {}, "error");
  assert.deepEqual((await sent()).map((event) => event.severity), [5, 9, 13, 17, 21, 17]);
});

test("events below the level that was asked for are ignored", async () => {
  DebugQueue.configure({ endpoint: server.url, level: "warning" });
  DebugQueue.info("A");
  DebugQueue.warning("B");
  assert.deepEqual((await sent()).map((event) => event.tag), ["B"]);
});

test("what is said of the process is OpenTelemetry's resource", async () => {
  DebugQueue.log("A");
  const { resource } = (await sent())[0] ?? assert.fail();
  assert.equal(resource["service.name"], "shop");
  assert.equal(resource["service.version"], "1.2");
  assert.equal(resource["vcs.ref.head.revision"], "abc");
  assert.equal(resource["deployment.environment.name"], "test");
  assert.equal(resource["telemetry.sdk.name"], "debugqueue");
  assert.equal(resource["process.pid"], process.pid);
});

test("a text is the message; plain objects are flattened one level, deeper ones stay nested", async () => {
  DebugQueue.log("A", "what happened");
  DebugQueue.log("B", { user: { id: 7, plan: { name: "free" } }, tags: ["a", ["b"]] });
  DebugQueue.log("C", { a: 1, message: "in words", b: 2 });
  const [text, nested, named] = await sent();
  assert.equal(text?.body, "what happened");
  assert.deepEqual([named?.body, named?.attributes["a"], named?.attributes["b"], named?.attributes["message"]], ["in words", 1, 2, undefined]);
  assert.equal(nested?.attributes["user.id"], 7);
  assert.deepEqual(nested?.attributes["user.plan"], { name: "free" });
  assert.deepEqual(nested?.attributes["tags"], ["a", ["b"]]);
});

test("an error gives its type, message and stack, and those of what caused it", async () => {
  const error = new TypeError("no cart", { cause: new RangeError("empty") });
  DebugQueue.error("CART", { order: 7, error });
  DebugQueue.exception(error, { order: 8 });
  const [among, alone] = await sent();
  for (const event of [among, alone]) {
    assert.equal(event?.attributes["exception.type"], "TypeError");
    assert.equal(event?.attributes["exception.message"], "no cart");
    assert.match(String(event?.attributes["exception.stacktrace"]), /TypeError: no cart[^]*Caused by: RangeError: empty/);
  }
  assert.deepEqual([among?.tag, alone?.tag, alone?.attributes["order"]], ["CART", "TypeError", 8]);
});

test("what is bound goes along through awaits, and no further", async () => {
  const result = await DebugQueue.bind({ order: 7, user: "a" }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    DebugQueue.log("INNER", { user: "b" });
    return "done";
  });
  DebugQueue.log("OUTER");
  const [inner, outer] = await sent();
  assert.equal(result, "done");
  assert.deepEqual([inner?.attributes["order"], inner?.attributes["user"]], [7, "b"]);
  assert.equal(outer?.attributes["order"], undefined);
});

test("what the bound work raises comes out, and the work is done once", () => {
  let times = 0;
  const work = (): void => {
    times++;
    throw new RangeError("mine");
  };
  assert.throws(() => DebugQueue.bind({}, work), RangeError);
  assert.equal(times, 1);
});

test("an event keeps what the details were when it was queued", async () => {
  const details = { state: "before", list: [1] };
  DebugQueue.log("A", details);
  details.state = "after";
  details.list.push(2);
  const [event] = await sent();
  assert.deepEqual([event?.attributes["state"], event?.attributes["list"]], ["before", [1]]);
});

test("the function that called is named", async () => {
  function placeOrder(): void {
    DebugQueue.log("A");
  }
  placeOrder();
  assert.equal((await sent())[0]?.attributes["code.function.name"], "placeOrder");
});

test("without an address nothing is kept", async () => {
  DebugQueue.configure({});
  DebugQueue.log("A");
  assert.deepEqual([DebugQueue.counts().created, await DebugQueue.flush()], [0, true]);
});

test("a key is sent as a bearer, and what is worth it is compressed", async () => {
  DebugQueue.configure({ endpoint: server.url, key: "k", headers: { "x-team": "shop" }, service: "s" });
  DebugQueue.log("B", "b".repeat(5000));
  await sent();
  const [headers] = server.headers;
  assert.deepEqual([headers?.authorization, headers?.["x-team"], headers?.["content-encoding"]], ["Bearer k", "shop", "gzip"]);
  assert.ok((server.sizes[0] ?? 0) < 2500);
});
