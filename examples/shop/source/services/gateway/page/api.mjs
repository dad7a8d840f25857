// What the page asks the gateway for.

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

let session = sessionStorage.getItem("session") ?? crypto.randomUUID().replaceAll("-", "").slice(0, 16);
sessionStorage.setItem("session", session);

async function ask(method, path, body) {
  const headers = { "X-Session": session };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  const said = text ? JSON.parse(text) : {};
  if (!answer.ok) throw new Refused(answer.status, said.error ?? `the shop answered ${answer.status}`);
  return said;
}

export const products = (category) => ask("GET", `/products?category=${encodeURIComponent(category)}`);
export const product = (id) => ask("GET", `/products/${id}`);
export const addToCart = (id, quantity) => ask("POST", "/cart/items", { product: id, quantity });
export const checkOut = () => ask("POST", "/checkout");
export const orderState = (id) => ask("GET", `/orders/${encodeURIComponent(id)}`);

export async function logIn(user, password) {
  session = (await ask("POST", "/login", { user, password })).session;
  sessionStorage.setItem("session", session);
  sessionStorage.setItem("customer", user);
}

export async function logOut() {
  await ask("POST", "/logout");
  sessionStorage.clear();
}

export const customer = () => sessionStorage.getItem("customer");
