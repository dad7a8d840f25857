/** Looks at what an import loads; the inventory itself is no public part of the package. */
import { createRequire } from "node:module";

const { internals } = createRequire(import.meta.url)("../../dist/cjs/node/all.js");
const loaded = [];
const inventory = new internals.Inventory([{ arm: (_report, packages) => loaded.push(...packages) }], () => {});
inventory.hookModules();
await import("fastify");
// Node 20 tells of a module from a thread of its own.
await new Promise((resolve) => setTimeout(resolve, 200));
await inventory.look();
console.log(loaded.some(({ name }) => name === "fastify"));
