"""Take orders from the queue and pack them, one after the other."""

import threading
import time
from typing import Any

from ..runtime.database import Database
from ..runtime.logs import log
from ..runtime.queue import Message, Queue
from ..runtime.upstream import Upstream

PACKING_S = 0.02

SCHEMA = """
CREATE TABLE IF NOT EXISTS shipments (
    order_id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    packed_at REAL NOT NULL
);
"""


class Packer:
    """Packs what was ordered."""

    def __init__(self) -> None:
        self._database = Database("fulfilment", SCHEMA)
        self._orders = Queue("orders")
        self._catalogue = Upstream("catalogue")

    def work(self) -> None:
        """Pack orders until the service ends."""
        never = threading.Event()
        while (message := self._orders.take(never)) is not None:
            with self._orders.processing(message):
                self._pack(message.body, message)

    def packed_at(self, order_id: str) -> float | None:
        """Return when an order was packed, as a Unix time, or None."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT packed_at FROM shipments WHERE order_id = ?", (order_id,))
            row = cursor.fetchone()
        return None if row is None else float(row[0])

    def _pack(self, order: dict[str, Any], message: Message) -> None:
        waited_ms = message.waited_ms
        self._catalogue.call("POST", "/shipments", {"items": order["items"]}).raise_for_status()
        time.sleep(PACKING_S)
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO shipments (order_id, user, packed_at) VALUES (?, ?, ?)",
                (order["order"], order["user"], time.time()),
            )
        log.info("order %s packed, waited %d ms in the queue", order["order"], waited_ms)
