import assert from "node:assert/strict";
import { sep } from "node:path";
import { test } from "node:test";
import { Inventory, type Report } from "../../src/node/inventory.js";
import { packageOf, type Package } from "../../src/node/packages.js";
import { run } from "./program.js";

test("the package of a file is the innermost one, with its scope", () => {
  const of = (path: string): string | undefined => packageOf(path.replaceAll("/", sep))?.replaceAll(sep, "/");
  assert.equal(of("/srv/node_modules/a/lib/x.js"), "/srv/node_modules/a");
  assert.equal(of("/srv/node_modules/a/node_modules/@b/c/x.js"), "/srv/node_modules/a/node_modules/@b/c");
  assert.equal(of("/srv/lib/x.js"), undefined);
  assert.equal(packageOf("file:///srv/node_modules/a/x.mjs"), "/srv/node_modules/a");
  assert.equal(packageOf("node:fs"), undefined);
});

test("what is installed and loaded is reported once, later ones when they come, and tripwires are armed", async () => {
  const told: Record<string, unknown>[] = [];
  const report: Report = (_tag, details) => void told.push(details);
  const armed: string[] = [];
  const later: string[] = [];
  const names = (packages: readonly Package[]): string[] => packages.map(({ name }) => name);
  const inventory = new Inventory([{ arm: (_report, loaded) => void armed.push(...names(loaded)), loaded: (added) => void later.push(...names(added)) }], report);
  require("pino");
  await inventory.look();
  require("winston");
  await inventory.look();
  await inventory.look();
  const packages = (kind: string): string[] =>
    told.filter((each) => each["debugqueue.inventory.kind"] === kind).flatMap((each) => each["debugqueue.inventory.packages"] as string[]);
  const loaded = packages("loaded").filter((each) => /^(pino|winston)@\d/.test(each));
  assert.equal(loaded.length, 2);
  assert.ok(packages("installed").some((each) => each.startsWith("typescript@")));
  assert.ok(!packages("loaded").some((each) => each.startsWith("typescript@")));
  assert.ok(armed.includes("pino") && !armed.includes("winston") && later.includes("winston"));
  assert.ok(told.every((each) => (each["debugqueue.inventory.packages"] as string[]).length <= 64 && each["package.ecosystem"] === "npm"));
});

test("ES modules that are loaded after the hook was set are seen too", async () => {
  const ended = await run(["inventory.mjs"]);
  assert.deepEqual([ended.stdout, ended.stderr], ["true\n", ""]);
});
