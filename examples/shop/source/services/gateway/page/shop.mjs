// The shop's page: which view an address means, and what its buttons do.

import * as api from "./api.mjs";
import * as cart from "./cart.mjs";
import { DebugQueue } from "./telemetry.mjs";
import * as views from "./views.mjs";

const PACKED_WITHIN_TRIES = 20;
const ASK_AGAIN_MS = 500;
const CATEGORIES = ["books", "garden", "kitchen", "lamps", "music", "toys"];
const place = (id) => document.getElementById(id);

function show(...nodes) {
  place("view").replaceChildren(...nodes);
}

function say(text) {
  place("message").textContent = text;
}

function drawFrame() {
  place("pieces").textContent = String(cart.pieces());
  const customer = api.customer();
  place("customer").replaceChildren(
    ...(customer ? [customer, " ", views.element("button", { id: "logout", onclick: logOut }, "Log out")] : []));
}

// Run what a person asked for, and tell them if the shop would not.
function attempt(name, action) {
  say("");
  return action().catch((problem) => {
    if (!(problem instanceof api.Refused)) throw problem;
    DebugQueue.warning("REFUSED", { details: problem.message, action: name, status: problem.status });
    say(problem.message);
  });
}

async function draw() {
  const address = new URL(location.href);
  drawFrame();
  switch (address.searchParams.get("view")) {
    case "product":
      return show(...views.productPage(await api.product(address.searchParams.get("id")), putInCart));
    case "cart":
      return show(...views.cartPage(api.customer(), logIn, checkOut));
    default: {
      const category = address.searchParams.get("category") ?? CATEGORIES[0];
      return show(...views.productList(category, (await api.products(category)).products));
    }
  }
}

function go(address) {
  history.pushState(null, "", address);
  DebugQueue.info("VIEW", Object.fromEntries(new URL(location.href).searchParams));
  return draw();
}

function putInCart(product, quantity) {
  return attempt("put in the cart", async () => {
    await api.addToCart(product.id, quantity);
    cart.remember(product, quantity);
    drawFrame();
    say(`${product.name} is in the cart.`);
  });
}

function logIn(user, password) {
  return attempt("log in", async () => {
    const held = cart.contents().slice();
    await api.logIn(user, password);
    // The cart belonged to the session before; the shop keeps carts by session.
    for (const item of held) await api.addToCart(item.product.id, item.quantity);
    await draw();
  });
}

function logOut() {
  return attempt("log out", async () => {
    await api.logOut();
    cart.forget();
    await go("/");
  });
}

function checkOut() {
  return attempt("order", async () => {
    const order = await api.checkOut();
    cart.forget();
    drawFrame();
    show(...views.orderPage(order));
    await tellWhenPacked(order.order);
  });
}

async function tellWhenPacked(id) {
  for (let tries = 0; tries < PACKED_WITHIN_TRIES && place("state"); tries++) {
    if ((await api.orderState(id)).state === "packed") {
      place("state").textContent = "It is packed.";
      return;
    }
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || link.origin !== location.origin || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  attempt(`open ${link.textContent.trim().slice(0, 40)}`, () => go(link.href));
});
addEventListener("popstate", () => attempt("go back", draw));
place("categories").append(
  ...CATEGORIES.map((each) => views.element("a", { href: `/?category=${each}` }, each)));
attempt("open the page", draw);
