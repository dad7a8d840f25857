// What is in the cart, as the page remembers it; the shop keeps the one that counts.

const items = JSON.parse(sessionStorage.getItem("cart") ?? "[]");

export function remember(product, quantity) {
  items.push({ product, quantity });
  sessionStorage.setItem("cart", JSON.stringify(items));
}

export function forget() {
  items.length = 0;
  sessionStorage.removeItem("cart");
}

export const contents = () => items;
export const pieces = () => items.reduce((sum, item) => sum + item.quantity, 0);
export const cents = () => items.reduce((sum, item) => sum + item.quantity * item.product.price_cents, 0);
