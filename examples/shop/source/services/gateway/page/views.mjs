// Draws one view into the page; texts are set as text, never as markup.

import * as cart from "./cart.mjs";

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export const money = (cents) => `€ ${(cents / 100).toFixed(2)}`;

const picture = (category, size) =>
  element("img", { src: `/page/pictures/${category}.svg`, alt: "", width: size, height: size });

export function productList(category, products) {
  const cards = products.map((each) =>
    element("li", {},
      element("a", { href: `/?view=product&id=${each.id}` },
        picture(each.category, 72),
        element("strong", {}, each.name), element("br"),
        `${money(each.price_cents)} · ${each.stars.toFixed(1)} stars`)));
  return [element("h1", {}, category), element("ul", { class: "products" }, ...cards)];
}

export function productPage(product, onAdd) {
  const quantity = element("input", { name: "quantity", type: "number", min: 1, max: 9, value: 1 });
  const add = (event) => {
    event.preventDefault();
    onAdd(product, Number(quantity.value));
  };
  return [
    element("h1", {}, product.name),
    picture(product.category, 160),
    element("p", {}, `${money(product.price_cents)}, ${product.stars.toFixed(1)} stars`),
    element("form", { onsubmit: add },
      element("label", {}, "Pieces", quantity), element("button", { id: "add" }, "Put in the cart")),
  ];
}

export function cartPage(customer, onLogIn, onCheckOut) {
  const lines = cart.contents().map((item) =>
    element("li", {}, `${item.quantity} × ${item.product.name}, ${money(item.quantity * item.product.price_cents)}`));
  const total = element("p", { id: "total" }, `In all ${money(cart.cents())}`);
  const action = customer ? element("button", { id: "checkout", onclick: onCheckOut }, "Order") : logInForm(onLogIn);
  return [element("h1", {}, "Cart"), element("ul", {}, ...lines), total, action];
}

function logInForm(onLogIn) {
  const user = element("input", { name: "user", autocomplete: "username", required: "" });
  const password = element("input", { name: "password", type: "password", autocomplete: "current-password" });
  const submit = (event) => {
    event.preventDefault();
    onLogIn(user.value, password.value);
  };
  return element("form", { onsubmit: submit },
    element("label", {}, "Customer", user), element("label", {}, "Password", password),
    element("button", { id: "login" }, "Log in"));
}

export function orderPage(order) {
  return [
    element("h1", {}, "Thank you"),
    element("p", { id: "order" }, `Your order ${order.order} over ${money(order.total_cents)} is placed.`),
    element("p", { id: "state" }, "It will be packed in a moment."),
  ];
}
