import { workerData } from "node:worker_threads";
import { DebugQueue } from "debugqueue";

for (let at = 0; at < Number(workerData); at++) DebugQueue.log("THREAD", { at });
