"""Each change of the shop does what its written truth says, without OpenTelemetry or a browser."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from examples.shop.faults import CHANGES, FAULTS, FIRST_VERSIONS, NOT_FAULTS
from examples.shop.history import build_history, commit_patch, read_head
from examples.shop.shop import Shop
from tests.running_server import wait_until

KINDS = {
    "code",
    "latency",
    "resources",
    "dependencies",
    "configuration",
    "front end",
    "security",
}
SIGNALS = {"logs", "spans", "access log", "browser", "changes"}
SLOW_S = 0.25
PATIENCE_S = 40.0


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody at the shop's gateway, one request at a time."""

    shop: Shop
    client: httpx.Client
    healthy_list_s: float = 0
    """How long a list takes at best while the shop is healthy."""

    def ask(
        self, method: str, path: str, body: object = None, session: str = "none"
    ) -> httpx.Response:
        """Return the answer to one request."""
        headers = {"X-Session": session}
        return self.client.request(method, self.shop.gateway_url + path, json=body, headers=headers)

    def log_in(self) -> httpx.Response:
        """Log in with the right password."""
        return self.ask("POST", "/login", {"user": "customer-007", "password": "pass-007"})

    def order(self, product: int = 1, quantity: int = 1) -> int:
        """Log in, put something in the cart and order it; return the last status."""
        session = self.log_in().json()["session"]
        wanted = {"product": product, "quantity": quantity}
        put = self.ask("POST", "/cart/items", wanted, session)
        if put.status_code != 201:
            return int(put.status_code)
        return int(self.ask("POST", "/checkout", None, session).status_code)

    def seconds(self, method: str, path: str, body: object = None) -> float:
        """Return how long one request takes."""
        began = time.monotonic()
        self.ask(method, path, body)
        return time.monotonic() - began

    def list_at_best_s(self) -> float:
        """Return how long a list takes if nothing else is in its way."""
        return min(self.seconds("GET", "/products?category=books") for _ in range(8))


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    """One shop for all faults, with no other customers."""
    folder = tmp_path_factory.mktemp("faults") / "shop"
    with (
        Shop(folder, telemetry="logs", customers=0) as shop,
        httpx.Client(timeout=20, trust_env=False) as client,
    ):
        healthy_s = Customer(shop, client).list_at_best_s()
        yield Customer(shop, client, healthy_s)


def session_ends(customer: Customer) -> None:
    """A session that is 31 s old is refused; the clock is turned by ageing the row."""
    import sqlite3

    session = customer.log_in().json()["session"]
    customer.ask("POST", "/cart/items", {"product": 1, "quantity": 1}, session)
    with sqlite3.connect(customer.shop.repository.parent / "data" / "session.db") as database:
        database.execute("UPDATE sessions SET created_at = created_at - 31")
    database.close()
    assert 502 == customer.ask("POST", "/checkout", None, session).status_code


def runs_out_of_files(customer: Customer) -> None:
    """After some dozens of orders carts or orders fail."""
    client = httpx.Client(timeout=2, trust_env=False)
    hurried = Customer(customer.shop, client)

    def fails() -> bool:
        try:
            return hurried.order() >= 500
        except httpx.TimeoutException:
            return True

    with client:
        wait_until(fails, bool, "an order that fails", PATIENCE_S)


def packs_late(customer: Customer) -> None:
    """An order of three pieces is not packed at once."""
    session = customer.log_in().json()["session"]
    customer.ask("POST", "/cart/items", {"product": 1, "quantity": 3}, session)
    order = customer.ask("POST", "/checkout", None, session).json()["order"]
    assert "waiting" == customer.ask("GET", f"/orders/{order}").json()["state"]
    wait_until(
        lambda: customer.ask("GET", f"/orders/{order}").json()["state"],
        lambda state: state == "packed",
        "a packed order",
    )


def times_out(customer: Customer) -> None:
    """Orders fail now and then, while payment takes them all."""
    wait_until(lambda: customer.order(), lambda status: status == 502, "a failed order", PATIENCE_S)


def stands_still(customer: Customer) -> None:
    """Lists are slow now and then."""
    wait_until(
        lambda: customer.seconds("GET", "/products?category=books"),
        lambda length_s: length_s > SLOW_S,
        "a slow list",
        PATIENCE_S,
    )


def strangers_come(customer: Customer) -> None:
    """Somebody else is refused often, and a customer is not."""
    log = customer.shop.logs_dir / "session.log"
    wait_until(lambda: log.read_text().count("wrong password for customer-"), lambda n: n > 5, "")
    assert 201 == customer.order()


def is_probed(customer: Customer) -> None:
    """A quote is an error, and may give more than a list; ordinary lists are as before."""
    assert 502 == customer.ask("GET", "/products?category=books'").status_code
    all_of_them = customer.ask("GET", "/products?category=x') OR ('1'='1").json()["products"]
    assert {"books"} == {each["category"] for each in all_of_them}
    assert 200 == customer.ask("GET", "/products?category=lamps").status_code


def expect(status: int, *request: Any) -> Callable[[Customer], None]:
    """A request that gets this answer."""

    def probe(customer: Customer) -> None:
        assert status == customer.ask(*request).status_code

    return probe


def expect_order(status: int, quantity: int = 1) -> Callable[[Customer], None]:
    """An order that ends like this."""

    def probe(customer: Customer) -> None:
        assert status == customer.order(quantity=quantity)

    return probe


def expect_slow(*request: Any) -> Callable[[Customer], None]:
    """A request that takes far longer than it should."""

    def probe(customer: Customer) -> None:
        assert customer.seconds(*request) > SLOW_S

    return probe


def lists_are_slower(customer: Customer) -> None:
    """Even the fastest of some lists takes twice as long as the fastest healthy one."""
    assert customer.list_at_best_s() > 2 * customer.healthy_list_s


def slow_order(customer: Customer) -> None:
    """An order that works, and takes long."""
    began = time.monotonic()
    assert 201 == customer.order()
    assert time.monotonic() - began > 2 * SLOW_S


LOGIN = ("POST", "/login", {"user": "customer-007", "password": "pass-007"})
MISTYPED = ("POST", "/login", {"user": "customer-007", "password": "pass-OO7"})

PROBES: dict[str, Callable[[Customer], None]] = {
    "session-ttl": session_ends,
    "checkout-discount": expect_order(502, quantity=4),
    "gateway-labels": expect(500, "GET", "/products/160"),
    "catalogue-ratings": lists_are_slower,
    "fulfilment-labels": packs_late,
    "checkout-receipts": runs_out_of_files,
    "session-hash": expect_slow(*LOGIN),
    "catalogue-lock": stands_still,
    "payment-slow": slow_order,
    "payment-down": expect_order(502),
    "catalogue-price-field": expect_order(502),
    "checkout-timeout": times_out,
    "gateway-session-address": expect(500, *LOGIN),
    "page-blocking-script": expect_slow("GET", "/partner/badges.js"),
    "login-stuffing": strangers_come,
    "catalogue-injection": is_probed,
    "session-passwords-logged": expect(401, *MISTYPED),
    "catalogue-cache": expect(200, "GET", "/products/1"),
    "catalogue-chatty": expect(200, "GET", "/products?category=books"),
}
OFTEN = {"catalogue-injection", "checkout-timeout", "payment-down"}
"""Shown in every run of the tests, one for each way of doing it; `make test-shop` shows all."""
SLOW = pytest.mark.slow
IN_A_BROWSER_ONLY = {"page-order-button", "page-long-task"}
"""test_shop_page.py shows them."""
BY_NUMBERS_ONLY = {"traffic-doubles"}


def test_every_change_is_shown_by_a_test() -> None:
    """None is left out, and each says what it is one of."""
    assert set(CHANGES) == PROBES.keys() | IN_A_BROWSER_ONLY | BY_NUMBERS_ONLY
    assert {CHANGES[name].truth["kind"] for name in FAULTS} == KINDS
    assert {CHANGES[name].truth["kind"] for name in NOT_FAULTS} == {"not a fault"}
    assert len(FAULTS) >= 12
    assert len(NOT_FAULTS) >= 2


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_written_truth_is_whole(name: str) -> None:
    """It has the keys that README.md describes, and names what must not be blamed."""
    change = CHANGES[name]
    truth = change.truth
    keys = "is_fault kind what done where commit shows signals not_to_blame".split()
    assert keys == list(truth)
    assert ["service", "operation", "file", "line"] == list(truth["where"])
    assert {"entry_service", "entry_operation", "within_s", "as"} == set(truth["shows"])
    assert change.service in {*FIRST_VERSIONS, "payment"}
    assert bool(truth["signals"]) or not change.harmful
    for signal in truth["signals"]:
        assert signal["signal"] in SIGNALS
        assert len({"has", "shows"} & signal.keys()) == 1
    assert truth["not_to_blame"]
    assert all(each["what"] and each["why"] for each in truth["not_to_blame"])


def test_written_truths_name_commit_and_line(tmp_path: Path) -> None:
    """The commit's subject and the guilty line are the patch's own."""
    build_history(tmp_path / "repo")
    for change in CHANGES.values():
        if change.by != "release":
            continue
        assert read_head(change.patch).subject == change.truth["commit"]
        commit_patch(tmp_path / "repo", change.patch)
        lines = (tmp_path / "repo" / change.truth["where"]["file"]).read_text().splitlines()
        assert change.truth["where"]["line"] in [line.strip().rstrip(",") for line in lines]
        commit_patch(tmp_path / "repo", change.patch, reverse=True)


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=SLOW) for name in sorted(PROBES)]
)
def test_a_change_shows_as_written_and_can_be_undone(name: str, customer: Customer) -> None:
    """Customers meet what the truth says, the logs hold what it says, and afterwards all is well."""
    shop = customer.shop
    before = {path.stem: path.stat().st_size for path in shop.logs_dir.iterdir()}
    deploy = shop.apply_fault(name)
    assert deploy.service == CHANGES[name].service
    PROBES[name](customer)
    for signal in CHANGES[name].truth["signals"]:
        if "has" in signal:
            log = shop.logs_dir / f"{signal['service']}.log"
            wait_for_text(log, before[signal["service"]], signal["has"])
    shop.revert(name)
    wait_until(customer.order, lambda status: status == 201, "an order", PATIENCE_S)
    shop.check()
    told = [fault for fault in shop.truth()["faults"] if fault["name"] == name]
    assert [(deploy.at_unix_ns, deploy.revision)] == [
        (fault["at_unix_ns"], fault["revision"]) for fault in told
    ]


def wait_for_text(log: Path, begin: int, text: str) -> None:
    """Return once a log holds a text after so many bytes."""
    wait_until(
        lambda: log.read_bytes()[begin:].decode(),
        lambda written: text in written,
        f"{text!r} in {log}",
    )


@SLOW
def test_twice_the_customers_meet_the_same_shop(tmp_path: Path) -> None:
    """Requests double, in one record, and nothing fails that did not fail before."""
    with Shop(tmp_path / "shop", telemetry="logs", customers=6) as shop:
        wait_until(lambda: _requests(shop), lambda n: n >= 6, "requests")
        shop.apply_fault("traffic-doubles")
        records = list((tmp_path / "shop").glob("truth*.json"))
        wait_until(lambda: len(list((tmp_path / "shop").glob("truth*.json"))), lambda n: n == 2, "")
        begun = _requests(shop)
        wait_until(lambda: _requests(shop), lambda n: n >= begun + 12, "more requests")
        totals = shop.truth()["totals"]
        shop.revert("traffic-doubles")
        shop.check()
    assert 1 == len(records)
    assert {0} == {totals.get(key, 0) for key in ("server_errors", "unanswered")}


def _requests(shop: Shop) -> int:
    return int(shop.truth().get("totals", {}).get("requests", 0))


def test_the_shop_serves_its_page_safely(customer: Customer) -> None:
    """The page allows itself nothing from elsewhere, and its files are there."""
    page = customer.ask("GET", "/")
    assert "default-src 'self'; connect-src 'self'" == page.headers["Content-Security-Policy"]
    files = re.findall(r'(?:src|href)="(/page/[^"]+)"', page.text)
    assert len(files) >= 3
    assert {200} == {customer.ask("GET", file).status_code for file in files}
