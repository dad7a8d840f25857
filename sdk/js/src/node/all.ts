/** All that Node's entries offer, by entry; the build makes one file of it. */
export * as console from "./console.js";
export * as express from "./express.js";
export * as fastify from "./fastify.js";
export * as http from "./http.js";
export * as index from "./index.js";
export * as pino from "./pino.js";
export * as winston from "./winston.js";
/** For tests of what needs the built file. */
export * as internals from "./inventory.js";
