// Run the gateway: take over a listening socket, say when it is ready, drain before it ends.

import { closeSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { log } from "./log.mjs";

const DRAIN_LIMIT_MS = 5_000;

export function run(app) {
  const server = createServer({ keepAliveTimeout: 3_000 }, app);
  let stopping = false;
  const stop = (why) => {
    if (stopping) return;
    stopping = true;
    log.info(`gateway stopping: ${why}`);
    setTimeout(() => process.exit(1), DRAIN_LIMIT_MS).unref();
    process.stdin.destroy();
    server.close();
    server.closeIdleConnections();
  };
  for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => stop("told to"));
  const listening = process.env.LISTEN_FD ? { fd: Number(process.env.LISTEN_FD) } : { port: process.env.PORT };
  server.listen({ host: "127.0.0.1", ...listening }, () => {
    log.info(`gateway ready, pid ${process.pid}`);
    tellReady();
  });
  if (process.env.LISTEN_FD) process.stdin.resume().on("close", () => stop("parent gone"));
  else process.stdin.unref?.();
}

function tellReady() {
  if (!process.env.READY_FD) return;
  const ready = Number(process.env.READY_FD);
  try {
    writeSync(ready, "ready\n");
  } catch {
    // Nobody listens any more; then the closed standard input says so too.
  }
  closeSync(ready);
}
