/** Queues events and ends in the way that it is told. */
import { DebugQueue, start } from "debugqueue";
import { Worker } from "node:worker_threads";

const [, , way, count = "3"] = process.argv;
if (way === "uncaught" || way === "rejection") start({ inventory: false, instrument: false });
const log = () => {
  for (let at = 0; at < Number(count); at++) DebugQueue.log("LAST", { at });
};
switch (way) {
  case "naturally":
    log();
    break;
  case "nothing":
    DebugQueue.configure({});
    break;
  case "exit":
    log();
    process.exit(3);
  case "exit-code":
    log();
    process.exitCode = 4;
    break;
  case "uncaught":
    log();
    throw new RangeError("nobody caught this");
  case "rejection":
    log();
    void Promise.reject(new RangeError("nobody caught this"));
    break;
  case "wait":
    log();
    setInterval(() => {}, 1000);
    console.log("ready");
    break;
  case "own-handler":
    log();
    process.on("SIGTERM", () => setTimeout(() => process.exit(5), 100));
    setInterval(() => {}, 1000);
    console.log("ready");
    break;
  case "exit-handler":
    process.on("exit", () => log());
    DebugQueue.log("FIRST");
    break;
  case "flushed":
    log();
    await DebugQueue.flush();
    process.exit(0);
  case "worker":
    await new Promise((resolve) => new Worker(new URL("thread.mjs", import.meta.url), { workerData: count }).on("exit", resolve));
    log();
    break;
  default:
    throw new Error(`there is no way ${way}`);
}
