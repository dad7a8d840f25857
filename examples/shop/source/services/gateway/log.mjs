// The same log layout as the other services, with the id of the request in every line.

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { debugQueueWinston } from "debugqueue/winston";
import winston from "winston";

export const REQUEST_ID_HEADER = "X-Request-ID";

const LEVELS = { error: "ERROR", warn: "WARNING", info: "INFO" };
const requests = new AsyncLocalStorage();

export function requestId() {
  return requests.getStore() ?? "-";
}

const layout = winston.format.printf(({ level, message, timestamp }) => {
  const at = timestamp.replace("T", " ").replace("Z", "").replace(".", ",");
  return `${at} ${LEVELS[level]} gateway [${requestId()}] ${message}`;
});

export const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), layout),
  transports: [new winston.transports.Console({ stderrLevels: ["error", "warn", "info"] }), debugQueueWinston()],
});

// Middleware: give each request an id, and write a line when it is answered.
export function logged(request, response, next) {
  const id = request.get(REQUEST_ID_HEADER) ?? `req-${randomBytes(6).toString("hex")}`;
  const began = performance.now();
  response.set(REQUEST_ID_HEADER, id);
  requests.run(id, () => {
    const path = request.path;
    response.on("finish", () => {
      const length = Math.floor(performance.now() - began);
      requests.run(id, () => log.info(`${request.method} ${path} ${response.statusCode} in ${length} ms`));
    });
    next();
  });
}
