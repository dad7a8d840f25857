/** Asks for the package as an ES module and as CommonJS. */
import { createRequire } from "node:module";
import imported, { DebugQueue } from "debugqueue";

const required = createRequire(import.meta.url)("debugqueue");
DebugQueue.log("IMPORTED");
required.DebugQueue.log("REQUIRED");
console.log(JSON.stringify({ same: DebugQueue === required.DebugQueue && imported === DebugQueue, created: DebugQueue.counts().created }));
