import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import rules from "../../src/core/rules.json";
import { createScrub } from "../../src/core/scrub.js";
import { scrubbedValue } from "../../src/core/scrubbed.js";
import { snapshot } from "../../src/core/snapshot.js";
import type { SafeValue } from "../../src/core/types.js";
import { CHECKS } from "../../src/node/scrubChecks.js";
import { DebugQueue } from "../../src/node/index.js";
import { TestServer } from "./server.js";

const repository = join(process.cwd(), "..", "..");

interface TextVector {
  readonly name: string;
  readonly in: string | string[];
  readonly out: string | string[];
}

interface Vectors {
  readonly text: readonly TextVector[];
  readonly asked: Readonly<Record<string, readonly TextVector[]>>;
  readonly fields: readonly { readonly name: string; readonly in: unknown; readonly out: unknown }[];
}

const vectors = JSON.parse(readFileSync(join(repository, "tests", "redaction", "vectors.json"), "utf8")) as Vectors;
const joined = (text: string | string[]): string => (Array.isArray(text) ? text.join("") : text);

test("the package's rules are the server's, byte for byte", () => {
  const servers = join(repository, "src", "tracepulse", "redaction", "rules.json");
  assert.ok(existsSync(servers));
  assert.deepEqual(readFileSync(join("src", "core", "rules.json")), readFileSync(servers));
});

test("texts are scrubbed as the shared vectors say", () => {
  const scrub = createScrub(rules, CHECKS);
  for (const vector of vectors.text) assert.equal(scrub("", joined(vector.in)), joined(vector.out), vector.name);
});

test("personal data is scrubbed where it is asked for", () => {
  for (const [kind, all] of Object.entries(vectors.asked)) {
    const scrub = createScrub(rules, CHECKS, [kind]);
    for (const vector of all) assert.equal(scrub("", joined(vector.in)), joined(vector.out), vector.name);
  }
});

test("values are scrubbed by their names as the shared vectors say", () => {
  const scrub = createScrub(rules, CHECKS);
  const plain = (value: SafeValue): unknown =>
    value instanceof Map ? Object.fromEntries([...value].map(([key, each]) => [key, plain(each)])) : Array.isArray(value) ? value.map(plain) : value;
  for (const { name, in: given, out } of vectors.fields) {
    const safe = snapshot(new Map([[name, given]])).attributes[1] as Map<string, SafeValue>;
    assert.deepEqual(plain(scrubbedValue(name, safe.get(name) ?? null, scrub)), out, `${name}: ${JSON.stringify(given)}`);
  }
});

test("scrubbing takes time linear in the text, whatever the text", () => {
  const scrub = createScrub(rules, CHECKS, ["email", "ip"]);
  for (const part of ["eyJ", "a@", "://u:", "4111 ", "-----BEGIN ", "token=", "bearer ", ":", "::1", 'secret":"', "\\"]) {
    // Were it quadratic, this would take minutes; the test's own limit of time would end it.
    scrub("", part.repeat(8192 / part.length));
  }
});

test("no secret leaves the process by any way that an event has", async () => {
  const server = await TestServer.start();
  DebugQueue.configure({ endpoint: server.url, scrub: ["email"] });
  const canary = "hunter2canary";
  DebugQueue.log("A", { password: canary, user: { api_key: canary, inner: { list: [{ token: canary }], secret: [canary, 7] } } });
  DebugQueue.log("B", `password=${canary}`);
  DebugQueue.error("C", { error: new Error(`could not open postgres://app:${canary}@db/shop for ${canary}@example.com`) });
  DebugQueue.bind({ authorization: `Bearer ${canary}` }, () => DebugQueue.log("D"));
  await DebugQueue.flush();
  await DebugQueue.shutdown();
  await server.stop();
  assert.equal(server.events.length, 4);
  assert.equal(JSON.stringify(server.events).includes(canary), false);
});
