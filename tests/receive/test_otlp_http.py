"""OTLP over HTTP: what each request is answered."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import zstandard
from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from starlette.testclient import TestClient
from tests.otlp_requests import log, logs, metrics, span, traces

from tracepulse.errors import Overloaded
from tracepulse.receive.access import ApiKey, Gate, Scope, key_hash
from tracepulse.receive.admission import Receipt
from tracepulse.receive.app import otlp_app
from tracepulse.receive.limits import BROWSER_LIMITS, SERVER_LIMITS
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.signals import Signal
from tracepulse.testing import FakeClock

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


@dataclass
class FakeSink:
    """Keeps what it is given, or has no room."""

    kept: list[tuple[Signal, bytes, Receipt, int]] = field(default_factory=list)
    full: bool = False

    async def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> None:
        """Keep a request."""
        if self.full:
            raise Overloaded("no room", retry_after_s=3)
        self.kept.append((signal, body, receipt, records))


@dataclass
class Port:
    """The OTLP port, with what lies behind it."""

    sink: FakeSink
    counters: IngestCounters
    client: TestClient

    def post(self, content: bytes, signal: str = "traces", **headers: str) -> Any:
        """Send one protobuf request."""
        given = {k.replace("_", "-"): v for k, v in headers.items()}
        answer: Any = self.client.post(f"/v1/{signal}", content=content, headers=PROTOBUF | given)
        return answer


@pytest.fixture
def open_port() -> Callable[..., Port]:
    """Open a port for callers on this machine, or with keys by scope."""

    def open_one(*scopes: Scope, host: str = "127.0.0.1", origins: tuple[str, ...] = ()) -> Port:
        keys = [ApiKey(s.value, s.value, s, key_hash(f"key-{s.value}")) for s in scopes]
        sink, counters = FakeSink(), IngestCounters()
        app = otlp_app(sink, Gate(keys), FakeClock(), counters, origins)
        return Port(sink, counters, TestClient(app, client=(host, 1)))

    return open_one


GOOD = traces(span()).SerializeToString()


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_a_good_request_is_kept_and_answered_in_kind(
    open_port: Callable[..., Port], signal: Signal
) -> None:
    """Protobuf is answered in protobuf and JSON in JSON, with nothing to complain of."""
    metric = Metric(name="m")
    metric.gauge.data_points.add(as_int=1, time_unix_nano=FakeClock().unix_ns)
    message = {"traces": traces(span()), "logs": logs(log()), "metrics": metrics([metric])}[signal]
    response = {
        "traces": ExportTraceServiceResponse,
        "logs": ExportLogsServiceResponse,
        "metrics": ExportMetricsServiceResponse,
    }[signal]
    port = open_port()
    body = message.SerializeToString()
    answer = port.post(body, signal)
    assert (200, "application/x-protobuf") == (answer.status_code, answer.headers["content-type"])
    assert response() == response.FromString(answer.content)  # type: ignore[attr-defined]
    text = json.loads(MessageToJson(message))
    for group in text.get("resourceSpans", []):
        for item in group["scopeSpans"][0]["spans"]:
            item["traceId"], item["spanId"] = "0" * 31 + "1", "0" * 15 + "1"
    answer = port.client.post(f"/v1/{signal}", json=text)
    assert (200, "application/json", {}) == (
        answer.status_code,
        answer.headers["content-type"],
        answer.json(),
    )
    receipt = Receipt(FakeClock().unix_ns, "otlp_http", "loopback", "")
    assert [(signal, receipt, 1)] * 2 == [(s, r, n) for s, _, r, n in port.sink.kept]
    assert [body, body] == [b for _, b, _, _ in port.sink.kept]


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "identity"])
def test_packed_requests_are_kept_unpacked(open_port: Callable[..., Port], encoding: str) -> None:
    """What is stored is the request itself."""
    pack = {"gzip": gzip.compress, "zstd": zstandard.compress, "identity": bytes}[encoding]
    port = open_port()
    assert 200 == port.post(pack(GOOD), content_encoding=encoding).status_code  # type: ignore[operator]
    assert GOOD == port.sink.kept[0][1]


def test_a_request_bad_in_part_is_kept_in_part(open_port: Callable[..., Port]) -> None:
    """The sender is told how many records were left out, and why."""
    bad = span()
    bad.trace_id = b"x"
    port = open_port()
    answer = port.post(traces(span(), bad, bad).SerializeToString())
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (200, 2) == (answer.status_code, told.rejected_spans)
    assert "2 rejected: a trace id must be 16 bytes" in told.error_message
    assert [GOOD] == [body for _, body, _, _ in port.sink.kept]
    assert (1, 2) == (port.counters.accepted_records, port.counters.rejected_records)


def test_a_json_id_that_is_not_hex_is_told_in_json(open_port: Callable[..., Port]) -> None:
    """`partial_success` in JSON has the names of OTLP/JSON."""
    item = {"traceId": "zz", "spanId": "0" * 15 + "1", "name": "x"}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [item]}]}]}
    answer = open_port().client.post("/v1/traces", json=body)
    assert (200, "1") == (
        answer.status_code,
        str(answer.json()["partialSuccess"]["rejectedSpans"]),
    )


def test_a_json_record_with_a_bad_field_is_left_out_alone(open_port: Callable[..., Port]) -> None:
    """The good one is kept, and the sender learns where the bad value stands."""
    good = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "x"}
    good |= {"startTimeUnixNano": str(FakeClock().unix_ns)}
    good |= {"endTimeUnixNano": good["startTimeUnixNano"]}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [good | {"name": 5}, good]}]}]}
    port = open_port()
    answer = port.client.post("/v1/traces", json=body)
    told = answer.json()["partialSuccess"]
    assert (200, "1") == (answer.status_code, str(told["rejectedSpans"]))
    assert "first: resourceSpans[0].scopeSpans[0].spans[0].name: a number" in told["errorMessage"]
    assert [1] == [records for _, _, _, records in port.sink.kept]
    assert 1 == port.counters.rejected_by_reason["unreadable"]


def _status(answer: Any) -> Status:
    return Status.FromString(answer.content)


@pytest.mark.parametrize(
    ("content", "headers", "code", "words"),
    [
        (b"\xff\xff", {}, 400, "not a valid OTLP protobuf message"),
        (GOOD, {"content_encoding": "gzip"}, 400, "gzip"),
        (GOOD, {"content_encoding": "br"}, 415, "gzip, zstd, deflate or identity"),
        (GOOD, {"content_type": "text/plain"}, 415, "application/x-protobuf"),
        (b"", {"content_type": ""}, 415, "application/x-protobuf"),
        (bytes(SERVER_LIMITS.wire_bytes + 1), {}, 413, "smaller batches"),
        (gzip.compress(bytes(30_000_000)), {"content_encoding": "gzip"}, 413, "unpacks"),
        (b"\x0a\x00" * 60_000, {}, 413, "smaller batches"),
    ],
)
def test_bad_requests_are_refused_with_a_status(
    open_port: Callable[..., Port], content: bytes, headers: dict[str, str], code: int, words: str
) -> None:
    """Each refusal is a 4xx that is not to be repeated, with a Status that says what to do."""
    port = open_port()
    answer = port.post(content, **headers)
    assert code == answer.status_code
    assert words in _status(answer).message
    assert "retry-after" not in answer.headers
    assert ([], 1) == (port.sink.kept, port.counters.refused_requests)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"resourceSpans":1}', b'{"a":' * 3000, b"\xff", b"NaN"]
)
def test_bad_json_is_refused_in_json(open_port: Callable[..., Port], content: bytes) -> None:
    """The refusal is readable by whoever sent JSON."""
    answer = open_port().client.post("/v1/traces", content=content, headers=JSON)
    assert (400, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert answer.json()["message"]


def test_an_empty_request_is_good(open_port: Callable[..., Port]) -> None:
    """Nothing to store is nothing to complain of."""
    port = open_port()
    assert 200 == port.post(b"").status_code
    assert 200 == port.client.post("/v1/traces", content=b"{}", headers=JSON).status_code
    assert [] == port.sink.kept


def test_without_room_the_sender_is_asked_to_come_back(open_port: Callable[..., Port]) -> None:
    """503 with the time to wait, which SDKs heed."""
    port = open_port()
    port.sink.full = True
    answer = port.post(GOOD)
    assert (503, "3", 14) == (
        answer.status_code,
        answer.headers["retry-after"],
        _status(answer).code,
    )
    assert 0 == port.counters.accepted_records


def test_other_paths_and_methods_are_no_business_of_this_port(
    open_port: Callable[..., Port],
) -> None:
    """Only POST on the three paths of OTLP."""
    client = open_port().client
    assert 405 == client.get("/v1/traces").status_code
    assert 404 == client.post("/v1/profiles").status_code


# -- who may ---------------------------------------------------------------------------------------


def test_without_keys_only_this_machine_may_send(open_port: Callable[..., Port]) -> None:
    """A stranger is told that there are no keys yet."""
    assert 200 == open_port(host="::1").post(GOOD).status_code
    assert 200 == open_port(host="::ffff:127.0.0.9").post(GOOD).status_code
    for host in ("10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"):
        answer = open_port(host=host).post(GOOD)
        assert (401, 16) == (answer.status_code, _status(answer).code)


@pytest.mark.parametrize(
    ("key", "code", "trust"),
    [
        ("key-ingest", 200, "server_key"),
        ("key-browser", 200, "browser_unauthenticated"),
        ("key-admin", 200, "server_key"),
        ("key-read", 401, ""),
        ("key-none", 401, ""),
        ("", 401, ""),
    ],
)
def test_with_keys_a_scope_decides(
    open_port: Callable[..., Port], key: str, code: int, trust: str
) -> None:
    """Keys of a sending scope are let in from anywhere, by either header; loopback is nothing."""
    for headers in ({"x_api_key": key}, {"authorization": f"Bearer {key}"}):
        port = open_port(*Scope, host="127.0.0.1")
        assert code == port.post(GOOD, **headers).status_code
        assert [trust] * (code == 200) == [r.trust for _, _, r, _ in port.sink.kept]


def test_a_browser_may_send_little(open_port: Callable[..., Port]) -> None:
    """A key that anyone can read has limits of its own."""
    port = open_port(Scope.BROWSER)
    large = traces(span(blob="x" * 4000), *[span(blob="y" * 4000)] * 20).SerializeToString()
    assert len(large) > BROWSER_LIMITS.wire_bytes
    assert 413 == port.post(large, x_api_key="key-browser").status_code
    many = traces(*[span()] * 1001).SerializeToString()
    assert (
        413
        == port.post(
            gzip.compress(many), x_api_key="key-browser", content_encoding="gzip"
        ).status_code
    )
    assert 200 == port.post(GOOD, x_api_key="key-browser").status_code


def test_only_an_administrator_makes_data_sets(open_port: Callable[..., Port]) -> None:
    """Data sets are kept for ever, so not every sender may fill one."""
    header = {"x_tracepulse_data_set": "old-2022"}
    port = open_port(*Scope)
    assert 401 == port.post(GOOD, x_api_key="key-ingest", **header).status_code
    assert 401 == port.post(GOOD, x_api_key="key-browser", **header).status_code
    assert 200 == port.post(GOOD, x_api_key="key-admin", **header).status_code
    assert 200 == open_port().post(GOOD, **header).status_code
    assert ["old-2022"] == [r.data_set for _, _, r, _ in port.sink.kept]


@pytest.mark.parametrize("name", ["a b", "a'b", "../x", "x" * 101, "é", "-", "a,b"])
def test_odd_names_of_data_sets_are_refused(open_port: Callable[..., Port], name: str) -> None:
    """A name is letters, digits and three signs."""
    headers: Any = [*PROTOBUF.items(), ("x-tracepulse-data-set", name.encode("latin-1"))]
    answer = open_port().client.post("/v1/traces", content=GOOD, headers=headers)
    assert 400 == answer.status_code


# -- browsers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "origin", "granted"),
    [
        ((), "https://shop.example", False),
        (("https://shop.example",), "https://shop.example", True),
        (("https://shop.example",), "https://evil.example", False),
        (("https://shop.example",), "https://shop.example.evil", False),
        (("*",), "https://any.example", True),
        (("*",), "null", True),
    ],
)
def test_pages_of_allowed_origins_may_send(
    open_port: Callable[..., Port], allowed: tuple[str, ...], origin: str, granted: bool
) -> None:
    """A preflight is answered without a key; answers and refusals can be read by the page."""
    port = open_port(Scope.BROWSER, origins=allowed)
    asked = port.client.options(
        "/v1/traces",
        headers={"origin": origin, "access-control-request-method": "POST"},
    )
    sent = port.post(GOOD, x_api_key="key-browser", origin=origin)
    refused = port.post(b"\xff", x_api_key="key-browser", origin=origin)
    assert (204, 200, 400) == (asked.status_code, sent.status_code, refused.status_code)
    for answer in (asked, sent, refused):
        assert granted == (answer.headers.get("access-control-allow-origin") == origin)
        assert not granted or answer.headers["vary"] == "Origin"
    if granted:
        assert "x-api-key" in asked.headers["access-control-allow-headers"]
        assert "POST" in asked.headers["access-control-allow-methods"]


SHOP = "https://shop.example"
BEACON = {"content-type": "text/plain;charset=UTF-8", "origin": SHOP}
GOOD_JSON = MessageToJson(traces(span())).encode()


@pytest.mark.parametrize(
    ("allowed", "headers", "code"),
    [
        ((SHOP,), BEACON, 200),
        (("*",), BEACON | {"origin": "null"}, 200),
        ((SHOP,), BEACON | {"origin": "https://evil.example"}, 401),
        ((), BEACON, 401),
    ],
)
def test_a_beacon_is_json_from_a_page_that_may_send(
    open_port: Callable[..., Port], allowed: tuple[str, ...], headers: dict[str, str], code: int
) -> None:
    """No preflight comes before a beacon, so the port itself looks where it is from."""
    for scopes, query in (((Scope.BROWSER,), "?key=key-browser"), ((), "")):
        port = open_port(*scopes, origins=allowed)
        answer = port.client.post(f"/v1/traces{query}", content=GOOD_JSON, headers=headers)
        assert (code, "application/json") == (answer.status_code, answer.headers["content-type"])
        kept = [receipt.trust for _, _, receipt, _ in port.sink.kept]
        assert ["browser_unauthenticated"] * (code == 200) == kept


@pytest.mark.parametrize(
    ("query", "code"),
    [("key=key-browser", 200), ("key=key-ingest", 401), ("key=key-admin", 401), ("key=", 401)],
)
def test_only_a_key_of_pages_may_stand_in_an_address(
    open_port: Callable[..., Port], query: str, code: int
) -> None:
    """Addresses are written down by many programs; a secret in one would not stay secret."""
    port = open_port(*Scope, origins=(SHOP,))
    answer = port.client.post(f"/v1/traces?{query}", content=GOOD_JSON, headers=BEACON)
    assert code == answer.status_code


def test_a_page_on_this_machine_is_a_page(open_port: Callable[..., Port]) -> None:
    """Without keys a page gets neither the trust nor the rights nor the limits of this machine."""
    port = open_port(origins=(SHOP,))
    assert 200 == port.post(GOOD, origin=SHOP).status_code
    assert 401 == port.post(GOOD, origin=SHOP, x_tracepulse_data_set="made-up").status_code
    large = traces(*[span(blob="x" * 4000)] * 20).SerializeToString()
    assert (413, 200) == (port.post(large, origin=SHOP).status_code, port.post(large).status_code)
    trusts = [receipt.trust for _, _, receipt, _ in port.sink.kept]
    assert ["browser_unauthenticated", "loopback"] == trusts


def test_a_page_can_read_when_to_come_back(open_port: Callable[..., Port]) -> None:
    """Browsers hide Retry-After from pages unless the answer says otherwise."""
    port = open_port(Scope.BROWSER, origins=(SHOP,))
    port.sink.full = True
    answer = port.client.post("/v1/traces?key=key-browser", content=GOOD_JSON, headers=BEACON)
    assert (503, "3") == (answer.status_code, answer.headers["retry-after"])
    assert "retry-after" == answer.headers["access-control-expose-headers"]


# -- times -----------------------------------------------------------------------------------------


def test_a_wrong_clock_is_mended_and_the_sender_warned(open_port: Callable[..., Port]) -> None:
    """Nothing is rejected, and the text says what was done; OTLP calls that a warning."""
    port = open_port()
    answer = port.post(traces(span(start=1), span()).SerializeToString())
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (200, 0) == (answer.status_code, told.rejected_spans)
    assert "1 mended: an instant before retention begins" in told.error_message
    ((_, _, receipt, records),) = port.sink.kept
    assert (2, (("time_clamped", 1),)) == (records, receipt.mended)
    assert 1 == port.counters.mended_by_reason["time_clamped"]


def test_an_import_keeps_its_age_at_the_port(open_port: Callable[..., Port]) -> None:
    """What goes into a data set may be of any year."""
    old = traces(span(start=1)).SerializeToString()
    port = open_port()
    assert b"" == port.post(old, x_tracepulse_data_set="old").content
    assert [old] == [body for _, body, _, _ in port.sink.kept]


def test_retention_decides_what_is_too_old() -> None:
    """A server that keeps ten years takes spans of last year as they are."""
    body = traces(span(start=FakeClock().unix_ns - 400 * 86_400 * 10**9)).SerializeToString()
    for days, warned in ((30, True), (3650, False)):
        app = otlp_app(FakeSink(), Gate(), FakeClock(), IngestCounters(), retention_days=days)
        client = TestClient(app, client=("127.0.0.1", 1))
        answer = client.post("/v1/traces", content=body, headers=PROTOBUF)
        assert warned == bool(answer.content)
