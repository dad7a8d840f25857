/** The same as CommonJS. */
const { createServer, get } = require("node:http");
const express = require("express");
const { DebugQueue } = require("debugqueue");

const app = express();
app.get("/carts/:id", (_request, answer) => {
  DebugQueue.log("IN_REQUEST");
  answer.send("cart");
});
const server = createServer(app).listen(0, () => {
  get(`http://127.0.0.1:${server.address().port}/carts/7`, (answer) => answer.resume().on("end", () => server.close()));
});
