"""
The demo shop, really run, with a known delay on one of its operations at a time.

    python benchmarks/shop_delays.py [--rounds 4] [--stretch 6] [NAME …]

The shop's source is changed before it starts, in the checkout that it runs from: session answers one
request at a time, checkout asks session and catalogue at once and has two connections to payment, and
each operation of `POINTS` waits as long as a file says. What runs is the same throughout; stretches with
a delay and without alternate, so that whatever else the machine does meets both alike.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from examples.shop import shop as shop_module
from examples.shop.history import build_history
from examples.shop.shop import Shop
from tests.otlp_sink import OtlpSink

from tracepulse.model.span import SpanColumns

__all__ = ["POINTS", "SAME_DELAY", "Point", "Stretches", "run_shop"]

KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
CLIENTS = 8
THINK_S = 0.8
SETTLED_S = 0.6
"""After a delay was changed, requests of this long are not looked at."""
EXPORTED_S = 2.0
DELAYS = """
import json, os, random, time
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

FILE = Path(os.environ["DATA_DIR"]) / "delays.json"
THREADS = ThreadPoolExecutor(16)


def delay(name):
    try:
        usual_s, further_s = json.loads(FILE.read_text())[name]
    except (FileNotFoundError, KeyError, ValueError):
        return 0
    time.sleep(usual_s * random.lognormvariate(0.0, 0.3) + further_s)
    return 0


def beside(work, *words):
    return THREADS.submit(copy_context().run, work, *words)
"""


@dataclass(frozen=True, slots=True)
class Point:
    """An operation that can be delayed."""

    name: str
    topology: str
    route: str
    """Name of the root spans that are looked at."""
    service: str
    operation: str
    """Name of its spans."""
    usual_ms: float
    """What it waits at any time, in the middle: a machine's own noise is then a smaller part."""
    delay_ms: float
    """What it waits further while it is delayed."""
    network: bool | None = None


POINTS = {
    each.name: each
    for each in (
        Point("charge", "pool", "POST /checkout", "checkout", "POST", 40.0, 110.0, network=False),
        Point(
            "check",
            "queueing",
            "POST /checkout",
            "session",
            "GET /sessions/<session_id>",
            25.0,
            40.0,
        ),
        Point("look", "lock", "GET /products/:id", "catalogue", "SELECT", 10.0, 20.0),
        Point(
            "reserve", "parallel", "POST /checkout", "catalogue", "POST /reservations", 30.0, 70.0
        ),
        Point("insert", "serial", "POST /checkout", "checkout", "INSERT", 15.0, 35.0),
        Point("price", "nested", "POST /cart/items", "catalogue", "SELECT", 10.0, 20.0),
        Point("send", "serial", "POST /checkout", "checkout", "send orders", 10.0, 40.0),
        Point(
            "order",
            "serial",
            "POST /checkout",
            "checkout",
            "POST /carts/<session_id>/checkout",
            20.0,
            50.0,
        ),
    )
}
_FILES: Mapping[str, Sequence[tuple[str, str]]] = {
    "runtime/database.py": (
        ("import os\n", "import os\nfrom .delays import delay\n"),
        (
            "        with closing(self._connection.cursor()) as cursor:\n            cursor.execute(",
            '        self._connection.create_function("pause", 1, delay)\n'
            "        with closing(self._connection.cursor()) as cursor:\n            cursor.execute(",
        ),
    ),
    "runtime/server.py": (
        ("import os\n", "import os\nfrom concurrent.futures import ThreadPoolExecutor\n"),
        (
            "    request_queue_size = 128\n",
            "    request_queue_size = 128\n    workers = None\n\n"
            "    def process_request(self, request, client_address):\n"
            "        if self.workers is None:\n"
            "            super().process_request(request, client_address)\n"
            "        else:\n"
            "            self.workers.submit(\n"
            "                self.process_request_thread, request, client_address\n"
            "            )\n",
        ),
        (
            "    accepting = threading",
            '    if app.name == "session":\n'
            "        server.workers = ThreadPoolExecutor(1)\n"
            "    accepting = threading",
        ),
    ),
    "runtime/queue.py": (
        ("import json\n", "import json\nfrom .delays import delay\n"),
        (
            "            text = json.dumps(",
            '            delay("send")\n            text = json.dumps(',
        ),
    ),
    "runtime/upstream.py": (
        (
            "import requests\n",
            "import requests\nfrom opentelemetry import trace\nfrom threading import Semaphore\n"
            "from .delays import delay\n\n\nclass Slow(requests.adapters.HTTPAdapter):\n"
            "    def send(self, *words, **settings):\n"
            '        delay("charge")\n'
            "        return super().send(*words, **settings)\n\n\n"
            "CONNECTIONS = Semaphore(2)\ntracer = trace.get_tracer(__name__)\n",
        ),
        (
            "        self._http.trust_env = False\n",
            "        self._http.trust_env = False\n"
            '        if name == "payment":\n'
            '            self._http.mount("http://", Slow())\n',
        ),
        (
            "        return self._http.request(",
            '        if self.name == "payment":\n'
            '            with tracer.start_as_current_span("payment acquire"):\n'
            "                CONNECTIONS.acquire()\n"
            "            try:\n"
            "                return self._send(method, path, body, query)\n"
            "            finally:\n"
            "                CONNECTIONS.release()\n"
            "        return self._send(method, path, body, query)\n\n"
            "    def _send(self, method, path, body, query):\n"
            "        return self._http.request(",
        ),
    ),
    "session/app.py": (
        ("from .accounts", "from ..runtime.delays import delay\nfrom .accounts"),
        (
            "    try:\n        session = store",
            '    delay("check")\n    try:\n        session = store',
        ),
    ),
    "catalogue/app.py": (
        ("from .products", "from ..runtime.delays import delay\nfrom .products"),
        ("    store.reserve(wanted)", '    delay("reserve")\n    store.reserve(wanted)'),
    ),
    "catalogue/products.py": (
        (
            '" WHERE p.id = ? GROUP BY p.id",',
            "\" WHERE p.id = ? GROUP BY p.id LIMIT 1 + pause('look')\",",
        ),
    ),
    "checkout/carts.py": (
        ('" VALUES (?, ?, ?, ?)",', "\" VALUES (?, ?, ?, ? + pause('insert'))\","),
        (
            "created_at) VALUES (?, ?, ?, ?)",
            "created_at) VALUES (?, ?, ?, ? + pause('insert'))",
        ),
    ),
    "checkout/app.py": (
        ("from .carts", "from ..runtime.delays import beside, delay\nfrom .carts"),
        (
            "    try:\n        user = customer_of(session_id)\n",
            '    delay("order")\n    asked = beside(customer_of, session_id)\n'
            "    items = carts.items(session_id)\n"
            '    wanted = [{"product": i.product, "quantity": i.quantity} for i in items]\n'
            '    put = beside(catalogue.call, "POST", "/reservations", {"items": wanted})\n'
            "    try:\n        user = asked.result()\n",
        ),
        (
            '    catalogue.call("POST", "/reservations", {"items": wanted}).raise_for_status()\n',
            "    put.result().raise_for_status()\n",
        ),
    ),
}
SAME_DELAY = {"price": "look"}
"""Points that are one place in the source, looked at by another route."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """What the shop sent while each delay was on, and just before each time that it was put on."""

    columns: Mapping[tuple[str, bool], SpanColumns]
    """By name of the point, and whether its delay was on."""


def run_shop(names: Sequence[str], rounds: int, stretch_s: float) -> Stretches:
    """Run the shop, every delay on in turn, and return the spans of each."""
    places = list(dict.fromkeys(SAME_DELAY.get(name, name) for name in names))
    times: list[tuple[tuple[str, bool], int, int]] = []
    with tempfile.TemporaryDirectory() as folder, OtlpSink() as sink:
        serving = threading.Thread(target=sink.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            shop = _changed(Shop(Path(folder) / "shop", sink.url, customers=0))
            with shop:
                file = Path(folder) / "shop" / "data" / "delays.json"
                stop = threading.Event()
                clients = [
                    threading.Thread(target=_shopping, args=(shop.gateway_url, number, stop))
                    for number in range(1, CLIENTS + 1)
                ]
                for client in clients:
                    client.start()
                try:
                    time.sleep(2.0)
                    for _ in range(rounds):
                        for name in places:
                            for is_on in (False, True):
                                _replace(file, json.dumps(_delays(name if is_on else "")))
                                time.sleep(SETTLED_S)
                                began = time.time_ns()
                                time.sleep(stretch_s)
                                times.append(((name, is_on), began, time.time_ns()))
                    _replace(file, "{}")
                finally:
                    stop.set()
                    for client in clients:
                        client.join()
                time.sleep(EXPORTED_S)
            spans = sink.spans()
        finally:
            sink.shutdown()
    return Stretches(_by_stretch(spans, times))


def _delays(name: str) -> dict[str, tuple[float, float]]:
    """Return what every operation waits, usually and further, in seconds."""
    return {
        each.name: (each.usual_ms / 1000, each.delay_ms / 1000 if each.name == name else 0.0)
        for each in POINTS.values()
    }


def _replace(file: Path, text: str) -> None:
    half = file.with_suffix(".half")
    half.write_text(text)
    half.replace(file)


def _changed(shop: Shop) -> Shop:
    """Let the shop start from changed source."""

    def build(repository: Path) -> str:
        revision = build_history(repository)
        services = repository / "services"
        (services / "runtime" / "delays.py").write_text(DELAYS)
        for name, changes in _FILES.items():
            text = (services / name).read_text()
            for old, new in changes:
                assert old in text, f"{name} has no {old!r}: change shop_delays.py with it"
                text = text.replace(old, new, 1)
            (services / name).write_text(text)
        return revision

    vars(shop_module)["build_history"] = build
    return shop


def _shopping(gateway: str, number: int, stop: threading.Event) -> None:
    """Fill a cart, look at a product, order; again and again."""
    chance = random.Random(number)
    address = urlsplit(gateway).netloc
    login = {"user": f"customer-{number:03}", "password": f"pass-{number:03}"}
    session = str(_ask(address, "POST", "/login", login, "none").get("session"))
    while not stop.wait(chance.expovariate(1.0 / THINK_S)):
        product = chance.randint(1, 150)
        _ask(address, "POST", "/cart/items", {"product": product, "quantity": 1}, session)
        if stop.wait(chance.expovariate(10.0 / THINK_S)):
            break
        _ask(address, "GET", f"/products/{product}", None, session)
        if stop.wait(chance.expovariate(10.0 / THINK_S)):
            break
        _ask(address, "POST", "/checkout", None, session)


def _ask(
    address: str, method: str, path: str, body: Mapping[str, object] | None, session: str
) -> dict[str, Any]:
    connection = http.client.HTTPConnection(address, timeout=10.0)
    try:
        headers = {"Content-Type": "application/json", "X-Session": session, "Connection": "close"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        payload = answer.read()
        assert answer.status < 500, f"{method} {path}: {answer.status} {payload[:200]!r}"
        return dict(json.loads(payload)) if payload else {}
    finally:
        connection.close()


def _by_stretch(
    spans: Sequence[tuple[dict[str, str], Any]],
    times: Sequence[tuple[tuple[str, bool], int, int]],
) -> dict[tuple[str, bool], SpanColumns]:
    """Return the spans of the requests that began while each delay was on."""
    roots = {
        span.trace_id: span.start_time_unix_nano for _, span in spans if not span.parent_span_id
    }
    stretch = {
        trace_id: name
        for trace_id, start in roots.items()
        for name, began, ended in times
        if began <= start < ended
    }
    names = dict.fromkeys(name for name, _, _ in times)
    return {
        name: _columns([each for each in spans if stretch.get(each[1].trace_id) == name])
        for name in names
    }


def _columns(spans: Sequence[tuple[dict[str, str], Any]]) -> SpanColumns:
    texts: dict[str, Any] = {
        "trace_id": [span.trace_id.hex() for _, span in spans],
        "span_id": [span.span_id.hex() for _, span in spans],
        "parent_span_id": [span.parent_span_id.hex() for _, span in spans],
        "service": [origin.get("service.name", "") for origin, _ in spans],
        "name": [span.name for _, span in spans],
        "kind": [KINDS[span.kind] for _, span in spans],
        "status_code": [("Unset", "Ok", "Error")[span.status.code] for _, span in spans],
        "status_message": [""] * len(spans),
    }
    start = np.array([span.start_time_unix_nano for _, span in spans], np.int64)
    end = np.array([span.end_time_unix_nano for _, span in spans], np.int64)
    texts = {key: np.array(values, dtype=object) for key, values in texts.items()}
    return SpanColumns(
        **texts,
        start_unix_ns=start,
        duration_ns=np.maximum(end - start, 0),
        attributes=tuple(dict(_attributes(span)) for _, span in spans),
        resource=tuple(origin for origin, _ in spans),
        linked_span_ids=tuple(
            tuple(link.span_id.hex() for link in span.links if link.trace_id == span.trace_id)
            for _, span in spans
        ),
    )


def _attributes(span: Any) -> Iterator[tuple[str, str]]:
    for each in span.attributes:
        if each.value.WhichOneof("value") == "string_value":
            yield each.key, each.value.string_value


def main() -> None:
    """Run the shop and print how many requests there were, their p50 and their p95."""
    words = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    words.add_argument("names", nargs="*", metavar="NAME", help="of POINTS; without any, all")
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--stretch", type=float, default=5.0, help="seconds of each")
    options = words.parse_args()
    names = options.names or list(POINTS)
    found = run_shop(names, options.rounds, options.stretch)
    for (name, is_on), columns in found.columns.items():
        for route in sorted({POINTS[each].route for each in POINTS}):
            chosen = (columns.parent_span_id == "") & (columns.name == route)
            if not chosen.any():
                continue
            middle, slow = np.quantile(columns.duration_ns[chosen], [0.5, 0.95]) / 1e6
            told = f"{chosen.sum():5} requests, p50 {middle:.1f} ms, p95 {slow:.1f} ms"
            print(f"{name:8} {'on' if is_on else 'off':3} {route:20} {told}")


if __name__ == "__main__":
    main()
