"""
Customers of the shop, in a process of their own, and a record of what they met.

Standard library only: this file is started by its path. The record is for the demo's checker; the
product never sees it.
"""

import argparse
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

CATEGORIES = ("books", "garden", "kitchen", "lamps", "music", "toys")
PRODUCTS = 180
THINK_S = 1.9
STAY_S = (25.0, 90.0)
WRONG_PASSWORD_RATIO = 0.03
MISSING_PRODUCT_RATIO = 0.01
ASK_FOR_ORDER_RATIO = 0.5
TRY_AGAIN_RATIO = 0.25
COME_BACK_RATIO = 0.35
AWAY_S = (5.0, 25.0)
TIMEOUT_S = 10.0
CLOSING = 1
"""Stands for a status when nothing is sent any more."""
KEPT_SECONDS = 3600
KEPT_FAILURES = 50_000


class Truth:
    """What the customers met, second by second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._started_unix_ns = time.time_ns()
        self._seconds: dict[int, Counter[str]] = {}
        self._statuses: dict[str, Counter[str]] = {}
        self._totals: Counter[str] = Counter()
        self._failed_unix_ns: list[int] = []

    def note(self, route: str, status: int, began_unix_ns: int, length_ns: int) -> None:
        """Count one answer; status 0 is no answer at all."""
        ended_unix_ns = began_unix_ns + length_ns
        with self._lock:
            second = self._seconds.setdefault(ended_unix_ns // 10**9, Counter())
            counts = {"requests": 1, "length_us": length_ns // 1000}
            if status == 0:
                counts["unanswered"] = 1
            elif status >= 500:
                counts["server_errors"] = 1
            if route == "POST /checkout":
                failed = status == 0 or status >= 500
                counts["checkouts_failed" if failed else "checkouts_ok"] = 1
                if failed and len(self._failed_unix_ns) < KEPT_FAILURES:
                    self._failed_unix_ns.append(ended_unix_ns)
            second.update(counts)
            self._totals.update(counts)
            self._statuses.setdefault(route, Counter())[str(status)] += 1

    def write(self) -> None:
        """Replace the record on disk by the present one."""
        with self._lock:
            for second in sorted(self._seconds)[:-KEPT_SECONDS]:
                del self._seconds[second]
            record = {
                "started_unix_ns": self._started_unix_ns,
                "written_unix_ns": time.time_ns(),
                "totals": dict(self._totals),
                "statuses": {
                    route: dict(self._statuses[route]) for route in sorted(self._statuses)
                },
                "failed_checkouts_unix_ns": sorted(self._failed_unix_ns),
                "seconds": [
                    {"unix_s": second, **self._seconds[second]} for second in sorted(self._seconds)
                ],
            }
        half = self._path.with_suffix(".part")
        half.write_text(json.dumps(record))
        half.replace(self._path)


class Customer(threading.Thread):
    """Somebody who logs in, looks around, buys things, logs out, and comes back."""

    def __init__(
        self, number: int, gateway: str, truth: Truth, stop: threading.Event, seed: int
    ) -> None:
        super().__init__(daemon=True)
        self._number = number
        self._address = urlsplit(gateway).netloc
        self._truth = truth
        self._stop_event = stop
        self._chance = random.Random(f"{seed}/{number}")
        self._session: str | None = None
        self._leaves_at = 0.0
        self._knows_what = False

    def resume(self, session: str, leaves_at: float) -> None:
        """Begin in the middle of a stay: logged in already, until this Unix time in seconds."""
        self._session, self._leaves_at = session, leaves_at
        self._knows_what = self._chance.random() < 0.6

    def run(self) -> None:
        """Come and go until told to stop."""
        self._think()
        while not self._stop_event.is_set():
            if self._session is None:
                self._log_in()
            else:
                self._go_shopping()
            if self._session is not None and time.time() > self._leaves_at:
                self._send("POST", "/logout")
                self._session = None
                self._think()

    def _log_in(self) -> None:
        wrong = self._chance.random() < WRONG_PASSWORD_RATIO
        password = "forgotten" if wrong else f"pass-{self._number:03}"
        body = {"user": f"customer-{self._number:03}", "password": password}
        status, answer = self._send("POST", "/login", body)
        if status == 201:
            self._session = str(answer["session"])
            self._leaves_at = time.time() + self._chance.uniform(*STAY_S)
        self._think()

    def _go_shopping(self) -> None:
        place = self._chance.randrange(len(CATEGORIES))
        if not self._knows_what:
            self._send("GET", f"/products?category={CATEGORIES[place]}", route="GET /products")
            self._think()
        self._knows_what = False
        for _ in range(self._chance.choice((1, 1, 2))):
            product = self._look_at_one(place)
            quantity = self._chance.choices((1, 2, 3, 4, 5), (60, 20, 10, 6, 4))[0]
            self._send("POST", "/cart/items", {"product": product, "quantity": quantity})
            self._think()
        if not self._check_out():
            self._after_failure()
        self._think()

    def _check_out(self) -> bool:
        status, answer = self._send("POST", "/checkout")
        if status == 201 and self._chance.random() < ASK_FOR_ORDER_RATIO:
            self._think()
            self._send("GET", f"/orders/{answer['order']}", route="GET /orders/{id}")
        return 0 < status < 500

    def _after_failure(self) -> None:
        """The page says "please try again": some do, some come back later, most log in anew."""
        mood = self._chance.random()
        if mood < TRY_AGAIN_RATIO:
            self._think()
            if self._check_out():
                return
        elif mood < TRY_AGAIN_RATIO + COME_BACK_RATIO:
            self._stop_event.wait(self._chance.uniform(*AWAY_S))
        self._session = None

    def _look_at_one(self, place: int) -> int:
        product = place * (PRODUCTS // len(CATEGORIES)) + self._chance.randint(1, 24)
        missing = self._chance.random() < MISSING_PRODUCT_RATIO
        shown = PRODUCTS + product if missing else product
        self._send("GET", f"/products/{shown}", route="GET /products/{id}")
        self._think()
        return product

    def _think(self) -> None:
        self._stop_event.wait(THINK_S * self._chance.uniform(0.5, 1.5))

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        route: str | None = None,
    ) -> tuple[int, dict[str, object]]:
        if self._stop_event.is_set():
            return CLOSING, {}
        headers = {"Content-Type": "application/json", "Connection": "close"}
        if self._session is not None:
            headers["X-Session"] = self._session
        began_unix_ns, began_ns = time.time_ns(), time.monotonic_ns()
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        status, payload = 0, b""
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            status, payload = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as problem:
            print(f"{method} {path}: {problem!r}", file=sys.stderr, flush=True)
        finally:
            connection.close()
        length_ns = time.monotonic_ns() - began_ns
        self._truth.note(route or f"{method} {path}", status, began_unix_ns, length_ns)
        return status, json.loads(payload) if payload else {}


def main() -> None:
    """Send customers until told to stop, or until whoever started this process is gone."""
    words = argparse.ArgumentParser(description="Customers for the demo shop.")
    words.add_argument("--gateway", required=True, help="address of the gateway")
    words.add_argument("--truth", required=True, type=Path, help="file to keep the record in")
    words.add_argument("--customers", type=int, default=40)
    words.add_argument("--first", type=int, default=1, help="number of the first customer")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--resume", type=Path, help="JSON: customers who are logged in already")
    options = words.parse_args()
    stop = threading.Event()
    # A queue, not the event: a signal handler may interrupt the very wait it wants to end.
    told: SimpleQueue[None] = SimpleQueue()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: told.put(None))
    threading.Thread(target=_watch_parent, args=(told,), daemon=True).start()
    truth = Truth(options.truth)
    stays = json.loads(options.resume.read_text()) if options.resume else {}
    customers = []
    for number in range(options.first, options.first + options.customers):
        customer = Customer(number, options.gateway, truth, stop, options.seed)
        if str(number) in stays:
            customer.resume(**stays[str(number)])
        customers.append(customer)
        customer.start()
    while not _came(told, within_s=0.5):
        truth.write()
    stop.set()
    deadline = time.monotonic() + 2.0
    for customer in customers:
        customer.join(max(0.0, deadline - time.monotonic()))
    truth.write()


def _came(told: SimpleQueue[None], within_s: float) -> bool:
    try:
        told.get(timeout=within_s)
    except Empty:
        return False
    return True


def _watch_parent(told: SimpleQueue[None]) -> None:
    # os.read, not sys.stdin: a daemon thread inside a buffered read blocks the interpreter's end.
    while os.read(0, 1024):
        pass
    told.put(None)


if __name__ == "__main__":
    main()
