"""The port for other protocols: paths, keys, bodies, refusals, and what is counted."""

import base64
import gzip
from collections import Counter
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.otlp_requests import log, logs
from tests.receive.test_otlp_http import FakeSink

from tracepulse.errors import LimitExceeded, MalformedBody, Overloaded, SenderError, Unauthorized
from tracepulse.receive.access import ApiKey, Gate, Scope, key_hash
from tracepulse.receive.app import otlp_app
from tracepulse.receive.drop_in import Answer, Converted, Door, Request, Route
from tracepulse.receive.fair_share import FairShare
from tracepulse.receive.receiver import IngestCounters
from tracepulse.testing import FakeClock

ONE = logs(log()).SerializeToString()


async def _take(request: Request, door: Door) -> Answer:
    """Take a body of one record, or of one that cannot be read."""
    caller = door.caller(request)
    body = await door.body(request, caller)
    if body == b"bad":
        raise MalformedBody("line 1: no record")
    rejected = Counter(unreadable=1) if body == b"half" else Counter[str]()
    admitted = await door.put(Converted("logs", ONE, rejected, "line 2"), caller, "test")
    text = f"{request.words} {admitted.records} {admitted.rejected_records}"
    return Answer(201, [(b"x-test", b"yes")], text.encode())


def _refuse(error: SenderError | Overloaded) -> Answer:
    statuses = {Unauthorized: 403, LimitExceeded: 413, Overloaded: 429}
    return Answer(statuses.get(type(error), 400), [], str(error).encode())


ROUTES = (
    Route("test", ("POST", "PUT"), "/take", _take, _refuse),
    Route("test", ("POST",), "/{index}/take/{kind}", _take, _refuse),
)


class Port:
    """The port, with what lies behind it."""

    def __init__(self, *keys: str, host: str = "127.0.0.1", origins: tuple[str, ...] = ()) -> None:
        self.sink, self.counters = FakeSink(), IngestCounters()
        known = [ApiKey(k, k, Scope.INGEST, key_hash(k)) for k in keys]
        self.waiting = 0.0
        app = otlp_app(
            self.sink,
            Gate(known),
            FakeClock(),
            self.counters,
            origins,
            routes=ROUTES,
            shares=FairShare(lambda: self.waiting),
        )
        self.client = TestClient(app, client=(host, 1))

    def post(self, content: bytes = b"x", path: str = "/take", **headers: str) -> Any:
        """Send a request."""
        given = {k.replace("_", "-"): v for k, v in headers.items()}
        answer: Any = self.client.post(path, content=content, headers=given)
        return answer


def test_a_route_takes_a_request_to_the_journal() -> None:
    """The answer is the handler's, and the record bears the protocol's name."""
    port = Port()
    answer = port.post(path="/shop/take/logs")
    assert (answer.status_code, answer.headers["x-test"]) == (201, "yes")
    assert answer.text == "('shop', 'logs') 1 0"
    ((signal, body, receipt, records),) = port.sink.kept
    assert (signal, body, receipt.origin, records) == ("logs", ONE, "test", 1)
    assert port.counters.answered == {("test", "201"): 1}


def test_records_that_could_not_be_converted_are_counted_and_noted() -> None:
    """The journal knows of them, so that they are known after a crash."""
    port = Port()
    assert port.post(b"half").text == "() 1 1"
    assert port.sink.kept[0][2].rejected == (("unreadable", 1),)
    assert port.counters.rejected_by_reason == {"unreadable": 1}


def test_a_refusal_is_in_the_words_of_the_protocol() -> None:
    """Malformed, too long, no room: each as its route says, and nothing is kept."""
    port = Port()
    assert (port.post(b"bad").status_code, port.post(b"bad").text) == (400, "line 1: no record")
    assert port.post(b"x" * (20 * 1024 * 1024 + 1)).status_code == 413
    port.sink.full = True
    assert port.post().status_code == 429
    assert port.sink.kept == []
    assert port.counters.answered == {("test", "400"): 2, ("test", "413"): 1, ("test", "429"): 1}


def test_unknown_paths_and_methods_are_answered_plainly() -> None:
    """404 for a path that no protocol has, 405 with the methods of one that it has."""
    client = Port().client
    assert client.post("/nowhere").status_code == 404
    assert client.post("//take/logs").status_code == 404
    answer = client.get("/take")
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST, PUT")
    assert client.options("/take").status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": "k"},
        {"authorization": "Bearer k"},
        {"authorization": "Splunk k"},
        {"authorization": "Basic " + base64.b64encode(b"anyone:k").decode()},
        {"authorization": "ApiKey " + base64.b64encode(b"id:k").decode()},
        {"authorization": "ApiKey k"},
    ],
)
def test_a_key_is_found_where_each_protocol_puts_it(headers: dict[str, str]) -> None:
    """Senders cannot choose the header of a protocol."""
    port = Port("k", host="10.0.0.9")
    assert port.post(b"x", "/take", **headers).status_code == 201
    assert port.sink.kept[0][2].trust == "server_key"
    assert port.post(authorization="Splunk other").status_code == 403
    assert port.post().status_code == 403


@pytest.mark.parametrize("given", ["Basic é", "Basic /w==", "ApiKey \xff\xfe", "Splunk é", "Basic"])
def test_a_key_in_letters_of_no_key(given: str) -> None:
    """What cannot be a key is refused as a wrong one, whoever sends it."""
    headers = {b"authorization": given.encode("latin-1")}
    answer = Port("k", host="10.0.0.9").client.post("/take", content=b"x", headers=headers)
    assert 403 == answer.status_code


def test_pages_send_only_where_they_are_allowed() -> None:
    """A page that a person on this machine looks at may not write into the server."""
    port = Port(origins=("https://shop.example",))
    assert port.post(origin="https://evil.example").status_code == 403
    answer = port.post(origin="https://shop.example")
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert port.sink.kept[0][2].trust == "browser_unauthenticated"


def test_a_sender_that_fills_the_journal_waits_for_the_others() -> None:
    """Its key names it; others with keys of their own are served as before."""
    port = Port("loud", "quiet")
    port.waiting = 0.9
    for _ in range(20):
        port.post(x_api_key="loud")
    port.post(x_api_key="quiet")
    assert port.post(x_api_key="loud").status_code == 429
    assert port.post(x_api_key="quiet").status_code == 201


def test_packed_bodies_are_unpacked() -> None:
    """As the header says."""
    assert Port().post(gzip.compress(b"half"), content_encoding="gzip").text == "() 1 1"
    assert Port().post(b"half", content_encoding="br").status_code == 400
