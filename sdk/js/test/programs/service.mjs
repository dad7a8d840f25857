/** A service that is an ES module: started by debugqueue/register, it is traced without a change. */
import { createServer, get } from "node:http";
import express from "express";
import { DebugQueue } from "debugqueue";

const app = express();
app.get("/carts/:id", (_request, answer) => {
  DebugQueue.log("IN_REQUEST");
  answer.send("cart");
});
const server = createServer(app).listen(0, () => {
  get(`http://127.0.0.1:${server.address().port}/carts/7`, (answer) => answer.resume().on("end", () => server.close()));
});
