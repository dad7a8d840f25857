"""Products, their ratings and what is reserved of them."""

import random
import sqlite3
import time
from dataclasses import dataclass

from ..runtime.database import Database

CATEGORIES = ("books", "garden", "kitchen", "lamps", "music", "toys")
PRODUCTS_PER_CATEGORY = 30
REVIEWS_PER_PRODUCT = 60
PAGE_LENGTH = 24

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (
    id INTEGER PRIMARY KEY,
    category TEXT NOT NULL,
    name TEXT NOT NULL,
    price_cents INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS products_category ON products (category);
CREATE TABLE IF NOT EXISTS reviews (
    product INTEGER NOT NULL REFERENCES products (id),
    stars INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS reviews_product ON reviews (product);
CREATE TABLE IF NOT EXISTS reservations (
    product INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    reserved_at REAL NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy, with the mean of its reviews."""

    id: int
    category: str
    name: str
    price_cents: int
    stars: float


class ProductStore:
    """Finds products and reserves them."""

    def __init__(self) -> None:
        self._database = Database("catalogue", SCHEMA)
        with self._database.transaction() as cursor:
            _stock_shelves(cursor)

    def in_category(self, category: str) -> list[Product]:
        """Return a page of a category, by id."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT p.id, p.category, p.name, p.price_cents, avg(r.stars)"
                " FROM products AS p JOIN reviews AS r ON r.product = p.id"
                " WHERE p.category = ? GROUP BY p.id ORDER BY p.id LIMIT ?",
                (category, PAGE_LENGTH),
            )
            return [Product(*row) for row in cursor.fetchall()]

    def by_id(self, product_id: int) -> Product | None:
        """Return one product, or None."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT p.id, p.category, p.name, p.price_cents, avg(r.stars)"
                " FROM products AS p JOIN reviews AS r ON r.product = p.id"
                " WHERE p.id = ? GROUP BY p.id",
                (product_id,),
            )
            row = cursor.fetchone()
        return None if row is None else Product(*row)

    def reserve(self, wanted: list[tuple[int, int]]) -> None:
        """Set pieces aside: pairs of product and quantity."""
        now = time.time()
        with self._database.transaction() as cursor:
            cursor.executemany(
                "INSERT INTO reservations (product, quantity, reserved_at) VALUES (?, ?, ?)",
                [(product, quantity, now) for product, quantity in wanted],
            )

    def ship(self, wanted: list[tuple[int, int]]) -> None:
        """Forget one reservation for each pair of product and quantity."""
        with self._database.transaction() as cursor:
            cursor.executemany(
                "DELETE FROM reservations WHERE rowid = (SELECT rowid FROM reservations"
                " WHERE product = ? AND quantity = ? LIMIT 1)",
                wanted,
            )


def _stock_shelves(cursor: sqlite3.Cursor) -> None:
    cursor.execute("SELECT count(*) FROM products")
    if cursor.fetchone()[0]:
        return
    chance = random.Random(7)
    products = [
        (place * PRODUCTS_PER_CATEGORY + number, category, _name(category, number))
        for place, category in enumerate(CATEGORIES)
        for number in range(1, PRODUCTS_PER_CATEGORY + 1)
    ]
    cursor.executemany(
        "INSERT INTO products (id, category, name, price_cents) VALUES (?, ?, ?, ?)",
        [(*product, chance.randrange(300, 12_000, 5)) for product in products],
    )
    cursor.executemany(
        "INSERT INTO reviews (product, stars) VALUES (?, ?)",
        [
            (product, chance.randint(2, 5))
            for product, _, _ in products
            for _ in range(REVIEWS_PER_PRODUCT)
        ],
    )


def _name(category: str, number: int) -> str:
    return f"{category.removesuffix('s').title()} no. {number}"
