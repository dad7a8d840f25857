import assert from "node:assert/strict";
import { test } from "node:test";
import { DebugQueue, type Details } from "../../src/node/index.js";
import { randomValues } from "../unit/hostileValues.js";
import { TestServer } from "../unit/server.js";

test("a hundred thousand hostile events neither raise nor get lost, whatever they hold", async () => {
  process.env["DEBUGQUEUE_DEBUG"] = "1";
  const server = await TestServer.start();
  DebugQueue.configure({ endpoint: server.url });
  const value = randomValues(20_261_122);
  for (let round = 1; round <= 100_000; round++) {
    const details = value() as Details;
    if (round % 3 === 0) DebugQueue.exception(details, value() as Details);
    else DebugQueue.log("RANDOM", details);
    if (round % 500 === 0) {
      await DebugQueue.flush(30_000);
      server.records.length = server.texts.length = 0;
    }
  }
  await DebugQueue.flush(30_000);
  const { created, sent, dropped, faults } = DebugQueue.counts();
  await DebugQueue.shutdown();
  await server.stop();
  assert.deepEqual([created, sent, dropped, faults], [100_000, 100_000, 0, 0]);
});
