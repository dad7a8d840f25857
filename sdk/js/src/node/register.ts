/** `node --import debugqueue/register app.mjs` or `node --require debugqueue/register app.js`: `start()` by the environment. */
export {};
