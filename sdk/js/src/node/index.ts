/** The Node.js side of debugqueue: `import { DebugQueue } from "debugqueue"`. */
import { DebugQueue } from "./debugQueue.js";

export { DebugQueue, type Counts } from "./debugQueue.js";
export { start, type Started, type StartOptions } from "./start.js";
export type { Report, Tripwire } from "./inventory.js";
export type { Package } from "./packages.js";
export type { Options } from "./settings.js";
export type { Details, Level } from "../core/types.js";
export default DebugQueue;
