"""Who calls whom, read from plain lines that share business keys and nothing else."""

import random

from tracepulse.derive.log_graph import record_graph
from tracepulse.derive.log_tokens import (
    ARRIVING,
    DONE,
    line_facts,
    log_lines,
    token_hash,
    tokens_of,
)
from tracepulse.model.log import LogRecord

MS = 1_000_000
S = 1_000 * MS
REQUESTS = 60


def line(at_ns: int, service: str, body: str, host: str = "") -> LogRecord:
    """Return one line."""
    return LogRecord(
        1_790_000_000 * S + at_ns,
        service,
        "",
        9,
        body,
        "",
        "",
        {},
        {"host.name": host or service},
        "server_key",
    )


def requests(ahead_ns: int = 0) -> list[LogRecord]:
    """Requests in which `web` calls `stock`, then `billing`, which calls `ledger`; clocks may differ."""
    chance = random.Random(5)
    found = []
    for number in range(REQUESTS):
        at = number * 7 * S + chance.randrange(S)
        order, invoice = f"{chance.getrandbits(48):012x}", 400_000 + number * 37

        def wait(least_ms: int = 2) -> int:
            return least_ms * MS + chance.randrange(9 * MS)

        begin = at
        stock = at + wait()
        stock_done = stock + wait()
        billing = stock_done + wait()
        ledger = billing + wait()
        ledger_done = ledger + wait()
        billing_done = ledger_done + wait()
        end = billing_done + wait()
        found += [
            line(begin, "web", f"received order {order} from 10.1.2.3:8080"),
            line(stock, "stock", f'{{"msg": "reserving", "orderId": "ord-{order.upper()}"}}'),
            line(
                stock_done, "stock", f'{{"msg": "reserved ok", "orderId": "ord-{order.upper()}"}}'
            ),
            line(billing + ahead_ns, "billing", f'msg="start" order={order} invoice={invoice}'),
            line(billing_done + ahead_ns, "billing", f'msg="done" order={order} invoice={invoice}'),
            line(ledger, "ledger", f"begin POST /invoices/{invoice}/lines"),
            line(ledger_done, "ledger", f"POST /invoices/{invoice}/lines 201"),
            line(end, "web", f"order {order} placed, status 200"),
        ]
    return found


def edges(records: list[LogRecord]) -> list[tuple[str, str]]:
    """Return the edges of these lines."""
    return [(edge.caller, edge.callee) for edge in record_graph(records).edges]


def test_keys_that_change_name_dress_and_hands_show_calls_and_no_shortcut() -> None:
    """An order id under four names, then an invoice id: the ledger is billing's, the stock is web's."""
    expected = [("billing", "ledger"), ("web", "billing"), ("web", "stock")]
    assert edges(requests()) == expected


def test_each_edge_tells_how_often_and_when_it_was_seen_and_by_which_ids() -> None:
    """Evidence counts the requests, and an example is an id that stands in the caller's lines."""
    records = requests()
    edge = next(each for each in record_graph(records).edges if each.callee == "stock")
    assert edge.requests == REQUESTS
    assert edge.agreement_ratio == 1.0
    assert 0.9 < edge.confidence_ratio < 1.0
    stock = [record.time_unix_ns for record in records if record.service == "stock"]
    assert edge.first_seen_unix_ns == min(stock)
    assert min(stock) < edge.last_seen_unix_ns < max(stock)
    lines_of_web = " ".join(record.body for record in records if record.service == "web")
    assert edge.example_keys
    assert all(key in lines_of_web for key in edge.example_keys)


def test_order_of_arrival_is_no_matter() -> None:
    """Shuffled and repeated lines give the same graph."""
    records = requests()
    shuffled = [*records, *records[:40]]
    random.Random(1).shuffle(shuffled)
    assert record_graph(shuffled) == record_graph(records)


def test_a_clock_that_is_ahead_is_set_right() -> None:
    """Billing's host is 3 s ahead: the same edges, and the offset within a few milliseconds."""
    graph = record_graph(requests(3 * S))
    assert [(e.caller, e.callee) for e in graph.edges] == edges(requests())
    ahead = graph.clock_offsets_ns
    assert abs(ahead["billing"] - ahead["web"] - 3 * S) < 10 * MS


def test_clocks_that_agree_are_left_alone() -> None:
    """No offset is taken where none is needed."""
    assert set(record_graph(requests()).clock_offsets_ns.values()) == {0}


def test_words_versions_ports_and_products_are_no_keys() -> None:
    """Two services that mention the same hosts, codes and products all the time share no request."""
    records = []
    for number in range(400):
        body = f"GET /products/{number % 7} 200 from 10.1.2.3:8080 version 2.14.3 sku SKU-{number % 5:04d}"
        records.append(line(number * 40 * MS, ("a", "b")[number % 2], body))
    assert edges(records) == []


def test_what_cannot_be_told_is_left_out() -> None:
    """One neutral line each, now the one first and now the other: no edge."""
    records = []
    for number in range(60):
        key, early = f"{number * 7919:08x}aa", number % 2 * 4 * MS
        records.append(line(number * 9 * S + early, "a", f"item {key}"))
        records.append(line(number * 9 * S + 2 * MS, "b", f"item {key}"))
    assert edges(records) == []


def test_an_id_is_the_same_in_any_dress() -> None:
    """Bare, with prefix and suffix, in a path, in capitals; a UUID without its dashes."""
    dresses = ("7f3a9c21e5", "o-7f3a9c21e5", "7F3A9C21E5-eu", "/v2/orders/7f3a9c21e5/items")
    shared = [set(tokens_of(log_lines([line(0, "a", text)]), 0, 1)[0].tolist()) for text in dresses]
    assert token_hash("7f3a9c21e5") in set.intersection(*shared)
    assert token_hash("0a1b2c3d-0001-4000-8000-aabbccddeeff") == token_hash(
        "0A1B2C3D000140008000AABBCCDDEEFF"
    )


def test_lines_say_when_work_began_and_how_long_it_took() -> None:
    """Durations with their units after a word or a name, and words for arriving and for being done."""
    texts = {
        "received order 17": (-1, ARRIVING),
        "GET /orders 200 in 15 ms": (15 * MS, DONE),
        "job left at five, took 1.5 s": (1_500 * MS, DONE),
        '{"msg": "x", "duration_ms": 12.5}': (12_500_000, DONE),
        "level=info duration=0.25s": (250 * MS, DONE),
        "session age 12 s": (-1, 0),
    }
    lines = log_lines([line(place, "a", text) for place, text in enumerate(texts)])
    facts = line_facts(lines)
    found = dict(
        zip(texts, zip(facts.length_ns.tolist(), facts.moment.tolist(), strict=True), strict=True)
    )
    assert found == texts


def test_a_service_that_two_call_in_one_request_is_called_by_both() -> None:
    """Two pieces of work of one service under one key: each lies within another caller's."""
    chance = random.Random(11)
    found = []
    for number in range(REQUESTS):
        at = number * 7 * S + chance.randrange(S)
        order = f"{chance.getrandbits(48):012x}"
        names = ("web", "ledger", "ledger", "web", "batch", "ledger", "ledger", "batch")
        words = ("received", "start", "finished", "done") * 2
        for name, word in zip(names, words, strict=True):
            found.append(line(at, name, f"{word} order {order}", "one"))
            at += 3 * MS + chance.randrange(9 * MS)
    assert edges(found) == [("batch", "ledger"), ("web", "ledger")]
