/** Sends one of everything to the server that the environment names. */
const { DebugQueue } = require("debugqueue");
const { traced } = require("debugqueue/http");
const { createServer, get } = require("node:http");

DebugQueue.log("SESSION_DROP", { details: "timeout", attempt: 3, user: { plan: "free" }, list: [1, "two"], password: "hunter2", half: "\ud800" });
DebugQueue.exception(new TypeError("no cart: naïve ✓"), { order: 4711 });
const server = createServer(
  traced((_request, answer) => {
    DebugQueue.warning("IN_REQUEST");
    answer.end();
  }),
).listen(0, "127.0.0.1", () => {
  get(`http://127.0.0.1:${server.address().port}`, (answer) => {
    console.log(answer.headers["server-timing"]);
    answer.resume();
    server.close();
    // A server that has just started may need longer for its first answer than the end of a process waits.
    void DebugQueue.flush(30_000);
  });
});
