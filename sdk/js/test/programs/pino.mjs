/** Logs through pino's worker thread, and ends. */
import pino from "pino";

const logger = pino({ transport: { target: "debugqueue/pino" } });
logger.warn({ order: 7, trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" }, "from a thread");
