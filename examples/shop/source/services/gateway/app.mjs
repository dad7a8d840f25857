// The public entry: the page, and everything that it asks for.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { debugQueueExpress } from "debugqueue/express";
import express from "express";
import { log, logged } from "./log.mjs";
import { Upstream } from "./upstream.mjs";

const PAGE = fileURLToPath(new URL("page", import.meta.url));
const TELEMETRY_URL = process.env.BROWSER_TELEMETRY_URL ?? "";
const POLICY = `default-src 'self'; connect-src 'self' ${TELEMETRY_URL}`.trim();
const SDK_OF_PAGES = fileURLToPath(import.meta.resolve("debugqueue/browser"));

const session = new Upstream("session");
const checkout = new Upstream("checkout");
const catalogue = new Upstream("catalogue");
const fulfilment = new Upstream("fulfilment");

export const app = express();
app.disable("x-powered-by");
app.use(debugQueueExpress(), logged, express.json());

app.get("/page/debugqueue.mjs", (_request, response) => response.sendFile(SDK_OF_PAGES));

// The page; it is told where its telemetry goes, and its version.
app.get("/", (_request, response) => {
  const page = readFileSync(`${PAGE}/index.html`, "utf8")
    .replace("{telemetry-url}", TELEMETRY_URL)
    .replace("{version}", process.env.SERVICE_VERSION ?? "")
    .replace("{revision}", process.env.SERVICE_REVISION ?? "");
  response.set("Content-Security-Policy", POLICY).type("html").send(page);
});
app.use("/page", express.static(PAGE, { index: false }));

// Open a session for a customer.
app.post("/login", async (request, response) => {
  const answer = await session.call("POST", "/sessions", request.body);
  if (answer.status === 401) log.info("login refused");
  passOn(request, response, answer, session);
});

// Close the customer's session.
app.post("/logout", async (request, response) => {
  passOn(request, response, await session.call("DELETE", `/sessions/${sessionId(request)}`), session);
});

// List the products of a category.
app.get("/products", async (request, response) => {
  const category = encodeURIComponent(request.query.category ?? "books");
  const answer = await catalogue.call("GET", `/products?category=${category}`);
  passOn(request, response, answer, catalogue);
});

// Show one product.
app.get("/products/:id", async (request, response) => {
  const answer = await catalogue.call("GET", `/products/${encodeURIComponent(request.params.id)}`);
  passOn(request, response, answer, catalogue);
});

// Put a product in the cart; carts need no login, only a session id.
app.post("/cart/items", async (request, response) => {
  const answer = await checkout.call("POST", `/carts/${sessionId(request)}/items`, request.body);
  passOn(request, response, answer, checkout);
});

// Order what is in the cart.
app.post("/checkout", async (request, response) => {
  const id = sessionId(request);
  log.info(`checkout begins for session ${id}`);
  passOn(request, response, await checkout.call("POST", `/carts/${id}/checkout`), checkout);
});

// Say how far an order is.
app.get("/orders/:id", async (request, response) => {
  const answer = await fulfilment.call("GET", `/shipments/${encodeURIComponent(request.params.id)}`);
  passOn(request, response, answer, fulfilment);
});

app.use((error, request, response, next) => {
  if (response.headersSent) return next(error);
  log.error(`${request.method} ${request.path} failed: ${error.stack}`);
  response.status(error.status ?? 500).json({ error: "please try again" });
});

function sessionId(request) {
  return request.get("X-Session") ?? "none";
}

function passOn(request, response, answer, upstream) {
  if (answer.status >= 500) {
    log.error(`${request.method} ${request.path} failed: ${upstream.name} answered ${answer.status}`);
    response.status(502).json({ error: "please try again" });
    return;
  }
  response.status(answer.status).type("json").send(answer.text);
}
