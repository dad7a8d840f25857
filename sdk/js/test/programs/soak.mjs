/** Logs events in bursts, and prints what the process held after half of them and at the end. */
import { DebugQueue } from "debugqueue";

const events = Number(process.argv[2]);
const held = () => {
  for (let at = 0; at < 3; at++) globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  return { resident: rss, heap: heapUsed };
};
DebugQueue.configure({ endpoint: process.env.DEBUGQUEUE_ENDPOINT, flushIntervalMs: 1, exitFlushMs: 0 });
let early;
for (let at = 1; at <= events; at++) {
  // A third of them are pieces of longer texts, and some are errors.
  if (at % 100 === 0) DebugQueue.exception(new Error(`fault ${at}`), { at });
  else DebugQueue.log("SOAK", { at, text: at % 3 === 0 ? `${at} ${"x".repeat(2000)}`.slice(0, 500) : "short" });
  if (at % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  if (at === Math.ceil(events / 2)) early = held();
}
const late = held();
console.log(JSON.stringify({ early, late, counts: DebugQueue.counts() }));
process.exit(0);
