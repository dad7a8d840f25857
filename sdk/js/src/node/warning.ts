import { Console } from "node:console";
import { monotonicMs } from "./clock.js";
import { WARNING_INTERVAL_MS } from "./limits.js";

let last = -Infinity;

/** Write one line to stderr, at most once a minute whatever there is to say. */
export function warn(message: string): void {
  const now = monotonicMs();
  if (now - last < WARNING_INTERVAL_MS) return;
  last = now;
  // A stderr that was closed raises later, where nothing catches it; Node's console knows to ignore that.
  new Console({ stdout: process.stderr, stderr: process.stderr, ignoreErrors: true }).error(`debugqueue: ${message}`);
}
