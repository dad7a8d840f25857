import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { run, start } from "./program.js";
import { TestServer } from "./server.js";

let server: TestServer;

before(async () => void (server = await TestServer.start()));
after(() => server.stop());
beforeEach(() => void server.records.splice(0));

const toServer = () => ({ DEBUGQUEUE_ENDPOINT: server.url });
const tags = () => server.records.map((record) => record.tag);

/** The ways a program may end, and what the system is told of it. */
const WAYS: Record<string, { code: number; events: string[] }> = {
  naturally: { code: 0, events: ["LAST", "LAST", "LAST"] },
  exit: { code: 3, events: ["LAST", "LAST", "LAST"] },
  "exit-code": { code: 4, events: ["LAST", "LAST", "LAST"] },
  uncaught: { code: 1, events: ["LAST", "LAST", "LAST", "UNHANDLED_EXCEPTION"] },
  rejection: { code: 1, events: ["LAST", "LAST", "LAST", "UNHANDLED_EXCEPTION"] },
  "exit-handler": { code: 0, events: ["FIRST", "LAST", "LAST", "LAST"] },
  flushed: { code: 0, events: ["LAST", "LAST", "LAST"] },
  worker: { code: 0, events: ["THREAD", "THREAD", "THREAD", "LAST", "LAST", "LAST"] },
};

for (const [way, { code, events }] of Object.entries(WAYS)) {
  test(`a program that ends by ${way} sends each event once and keeps its exit code`, async () => {
    const ended = await run(["ends.mjs", way], toServer());
    assert.deepEqual([ended.code, ended.signal, tags()], [code, null, events]);
  });
}

test("what ended the program is told with its stack, and printed as without us", async () => {
  const ended = await run(["ends.mjs", "uncaught"], toServer());
  const unhandled = server.records.at(-1);
  assert.deepEqual([unhandled?.severity, unhandled?.attributes["exception.type"]], [21, "RangeError"]);
  assert.match(String(unhandled?.attributes["exception.stacktrace"]), /ends\.mjs/);
  assert.match(ended.stderr, /RangeError: nobody caught this/);
});

test("SIGTERM ends a program by SIGTERM, after its events were sent", async () => {
  const program = start(["ends.mjs", "wait"], toServer());
  await program.printed("ready");
  program.kill("SIGTERM");
  const ended = await program.ended;
  assert.deepEqual([ended.signal, tags()], ["SIGTERM", ["LAST", "LAST", "LAST"]]);
});

test("a program with a handler of its own decides itself how SIGTERM ends it", async () => {
  const program = start(["ends.mjs", "own-handler"], toServer());
  await program.printed("ready");
  program.kill("SIGTERM");
  const ended = await program.ended;
  assert.deepEqual([ended.code, ended.signal, tags()], [5, null, ["LAST", "LAST", "LAST"]]);
});

test("SIGINT ends a program at once", async () => {
  const program = start(["ends.mjs", "wait"], toServer());
  await program.printed("ready");
  program.kill("SIGINT");
  assert.equal((await program.ended).signal, "SIGINT");
});

test("a full queue at process.exit arrives whole", async () => {
  await run(["ends.mjs", "exit", "2048"], toServer());
  assert.equal(tags().length, 2048);
});

for (const way of ["naturally", "exit", "uncaught"]) {
  test(`a server that says nothing keeps a program that ends by ${way} no longer than it may`, async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const quick = await run(["ends.mjs", "nothing"]);
    const ended = await run(["ends.mjs", way], { DEBUGQUEUE_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` });
    silent.close();
    // It would wait for ever without a bound; what is checked is that there is one, not how quick the machine is.
    assert.ok(ended.tookMs - quick.tookMs < 6000, `${ended.tookMs} ms`);
  });
}

test("without anything to send, and with no server, a program ends as it is", async () => {
  const ended = await run(["ends.mjs", "naturally"], { DEBUGQUEUE_ENDPOINT: "http://127.0.0.1:1" });
  assert.deepEqual([ended.code, ended.stderr], [0, ""]);
});

test("the ES module and the CommonJS one share one queue", async () => {
  const ended = await run(["both.mjs"], toServer());
  assert.deepEqual(JSON.parse(ended.stdout), { same: true, created: 2 });
  assert.deepEqual(tags(), ["IMPORTED", "REQUIRED"]);
});

test("DEBUGQUEUE_STDERR=1 writes each event as a line of JSON, without any server", async () => {
  const ended = await run(["ends.mjs", "naturally"], { DEBUGQUEUE_STDERR: "1", OTEL_SERVICE_NAME: "shop" });
  const lines = ended.stderr.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(lines.map(({ tag, level, service, at }) => [tag, level, service, at]), [0, 1, 2].map((at) => ["LAST", "INFO", "shop", at]));
});

test("a stderr that nobody reads or that is closed neither stops nor ends the program", async () => {
  const ended = await run(["-e", 'process.stderr.destroy(); require("fs").closeSync(2); const { DebugQueue } = require("debugqueue"); DebugQueue.log("A"); setTimeout(() => console.log("still here"), 50)'], { DEBUGQUEUE_STDERR: "1" });
  assert.deepEqual([ended.code, ended.stdout], [0, "still here\n"]);
});

test("DEBUGQUEUE_DISABLED=1 and OTEL_SDK_DISABLED=true do nothing at all", async () => {
  for (const variable of [{ DEBUGQUEUE_DISABLED: "1" }, { OTEL_SDK_DISABLED: "true" }]) {
    const ended = await run(["ends.mjs", "exit"], { ...toServer(), ...variable });
    assert.deepEqual([ended.code, tags()], [3, []]);
  }
});

test("nothing but Node's own modules is loaded", async () => {
  const code = 'require("debugqueue"); console.log(JSON.stringify(Object.keys(require.cache).filter((file) => file.includes("node_modules"))))';
  assert.deepEqual(JSON.parse((await run(["-e", code])).stdout), []);
});
