"""Carts and orders."""

import secrets
import time
from dataclasses import dataclass

from ..runtime.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS cart_items (
    session TEXT NOT NULL,
    product INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    price_cents INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS cart_items_session ON cart_items (session);
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    total_cents INTEGER NOT NULL,
    created_at REAL NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class CartItem:
    """Some pieces of one product."""

    product: int
    quantity: int
    price_cents: int


class CartStore:
    """Fills and empties carts, and keeps the orders made of them."""

    def __init__(self) -> None:
        self._database = Database("checkout", SCHEMA)

    def add(self, session_id: str, item: CartItem) -> None:
        """Put an item in a cart."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO cart_items (session, product, quantity, price_cents)"
                " VALUES (?, ?, ?, ?)",
                (session_id, item.product, item.quantity, item.price_cents),
            )

    def items(self, session_id: str) -> list[CartItem]:
        """Return what is in a cart, in the order it was put there."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT product, quantity, price_cents FROM cart_items"
                " WHERE session = ? ORDER BY rowid",
                (session_id,),
            )
            return [CartItem(*row) for row in cursor.fetchall()]

    def place_order(self, session_id: str, user: str, total_cents: int) -> str:
        """Keep an order, empty the cart, and return the order's id."""
        order_id = f"o-{secrets.token_hex(6)}"
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO orders (id, user, total_cents, created_at) VALUES (?, ?, ?, ?)",
                (order_id, user, total_cents, time.time()),
            )
            cursor.execute("DELETE FROM cart_items WHERE session = ?", (session_id,))
        return order_id
