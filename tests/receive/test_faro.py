"""Grafana Faro's collector: payloads of web pages, without loss, from pages that may send."""

import gzip
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data_sets.shared_data import shared_data
from tests.receive.protocol_port import ProtocolPort

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.access import Scope
from tracepulse.receive.faro import convert_faro

PATH = "/collect"
PAGE = "https://shop.example"
TRACE = {"trace_id": "46d38efbe623342af29992782992000a", "span_id": "562474ddde25561b"}
AT = "2023-11-14T22:13:20.680Z"
AT_UNIX_NS = 1_700_000_000_680_000_000
META = {
    "sdk": {"name": "faro-web", "version": "1.3.5", "integrations": [{"name": "console"}]},
    "app": {"name": "shop-page", "namespace": "shop", "release": "0.8.2", "environment": "live"},
    "user": {"id": "7", "username": "ana", "attributes": {"plan": "free"}},
    "session": {"id": "abcd", "attributes": {"time_elapsed": "100s"}},
    "page": {"url": "https://shop.example/cart", "id": None},
    "browser": {"name": "chrome", "version": "88.12.1", "os": "linux", "mobile": False},
    "view": {"name": "cart"},
}


def _records(port: ProtocolPort) -> list[Any]:
    return [
        record
        for request in port.kept("logs")
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def _told(owner: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in owner.attributes}


def _sent(**payload: Any) -> ProtocolPort:
    port = ProtocolPort()
    answer = port.post(PATH, json.dumps({"meta": META, **payload}).encode())
    assert (202, "ok") == (answer.status_code, answer.text)
    return port


def test_a_text_that_was_cut_within_a_letter() -> None:
    """JavaScript cuts a text between the halves of a letter; the rest of the payload is kept."""
    body = rb'{"logs":[{"message":"cut \ud83d"},{"message":"whole"}]}'
    port = ProtocolPort()
    assert 202 == port.post(PATH, body).status_code
    assert ["cut ?", "whole"] == [record.body.string_value for record in _records(port)]


def test_a_log() -> None:
    """Message, level, time and trace are the record's; what the payload says of its page is with it."""
    log = {
        "message": "opened cart",
        "level": "warn",
        "context": {"component": "Cart", "nested": {"a": 1}},
        "timestamp": AT,
        "trace": TRACE,
        "action": {"id": "9", "name": "click"},
    }
    port = _sent(logs=[log])
    (record,) = _records(port)
    assert ("opened cart", 13, "warn", AT_UNIX_NS, TRACE["trace_id"], TRACE["span_id"]) == (
        record.body.string_value,
        record.severity_number,
        record.severity_text,
        record.time_unix_nano,
        record.trace_id.hex(),
        record.span_id.hex(),
    )
    assert {
        "user.id": "7",
        "user.name": "ana",
        "faro.user.attributes.plan": "free",
        "session.id": "abcd",
        "faro.session.attributes.time_elapsed": "100s",
        "url.full": "https://shop.example/cart",
        "faro.view.name": "cart",
        "context.component": "Cart",
        "context.nested.a": 1,
        "faro.action.id": "9",
        "faro.action.name": "click",
    } == _told(record)
    assert {
        "service.name": "shop-page",
        "service.namespace": "shop",
        "service.version": "0.8.2",
        "faro.app.release": "0.8.2",
        "deployment.environment.name": "live",
        "telemetry.sdk.name": "faro-web",
        "telemetry.sdk.version": "1.3.5",
        "faro.sdk.integrations": '[{"name":"console"}]',
        "user_agent.name": "chrome",
        "user_agent.version": "88.12.1",
        "os.description": "linux",
        "browser.mobile": False,
    } == _told(port.kept("logs")[0].resource_logs[0].resource)
    assert [("faro", "browser_unauthenticated")] == [
        (receipt.origin, receipt.trust) for _, _, receipt, _ in port.sink.kept
    ]


def test_an_exception() -> None:
    """It has OpenTelemetry's attributes, and a stack as browsers write it."""
    frames = [
        {"filename": "https://shop.example/a.js", "function": "pay", "lineno": 86, "colno": 4},
        {"filename": "https://shop.example/a.js", "function": "?", "lineno": 12},
    ]
    item = {"type": "TypeError", "value": "x is undefined", "stacktrace": {"frames": frames}}
    (record,) = _records(_sent(exceptions=[{**item, "timestamp": AT, "fatal": True}]))
    told = _told(record)
    assert ("exception", 17, "x is undefined", True) == (
        record.event_name,
        record.severity_number,
        record.body.string_value,
        told["faro.fatal"],
    )
    assert ("TypeError", "x is undefined") == (told["exception.type"], told["exception.message"])
    assert (
        "TypeError: x is undefined\n"
        "    at pay (https://shop.example/a.js:86:4)\n"
        "    at ? (https://shop.example/a.js:12)"
    ) == told["exception.stacktrace"]


def test_an_event() -> None:
    """Its name is the record's, its attributes stand below `event`."""
    event = {"name": "route_change", "domain": "browser", "attributes": {"to": "/cart"}}
    (record,) = _records(_sent(events=[{**event, "timestamp": AT}]))
    told = _told(record)
    assert ("route_change", "browser", "/cart") == (
        record.event_name,
        told["event.domain"],
        told["event.to"],
    )


def test_measurements_keep_their_numbers() -> None:
    """A web vital is named as our own SDK names it; any other measurement keeps its names."""
    vital = {
        "type": "web-vitals",
        "values": {"lcp": 1234.5, "delta": 12.5, "element_render_delay": 3},
        "context": {"id": "v3-1", "rating": "good", "navigationType": "reload"},
    }
    own = {"type": "page load", "values": {"ttfp": 20.12}, "context": {"hello": "world"}}
    first, second = _records(_sent(measurements=[vital, own]))
    told = _told(first)
    assert "browser.web_vital" == first.event_name
    assert {
        "name": "lcp",
        "value": 1234.5,
        "delta": 12.5,
        "element_render_delay": 3,
        "id": "v3-1",
        "rating": "good",
        "navigation_type": "reload",
    } == {k.rpartition(".")[2]: v for k, v in told.items() if k.startswith("browser.web_vital.")}
    told = _told(second)
    assert ("measurement", "page load ttfp=20.12") == (second.event_name, second.body.string_value)
    assert ("page load", 20.12, "world") == (
        told["measurement.type"],
        told["measurement.ttfp"],
        told["context.hello"],
    )


def test_spans_are_kept_as_they_are() -> None:
    """Faro's tracing sends OTLP within its payload."""
    span = {
        "traceId": TRACE["trace_id"], "spanId": TRACE["span_id"], "name": "GET", "kind": 3,
        "startTimeUnixNano": str(AT_UNIX_NS), "endTimeUnixNano": str(AT_UNIX_NS + 5),
    }  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop-page"}}]}
    traces = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    (request,) = _sent(traces=traces).kept("traces")
    (kept,) = request.resource_spans[0].scope_spans[0].spans
    assert (TRACE["span_id"], AT_UNIX_NS) == (kept.span_id.hex(), kept.start_time_unix_nano)


def test_ids_and_times_that_are_none_are_kept_as_texts() -> None:
    """The record is not lost for them, and neither is what was sent."""
    odd = {"message": "x", "timestamp": "soon", "trace": {"trace_id": "abcd", "span_id": "ghj"}}
    (record,) = _records(_sent(logs=[odd]))
    told = _told(record)
    assert (b"", b"") == (record.trace_id, record.span_id)
    assert ("abcd", "ghj", "soon") == (
        told["faro.trace.trace_id"],
        told["faro.trace.span_id"],
        told["faro.timestamp"],
    )


def test_the_recorded_payload_is_kept_whole() -> None:
    """Each item of it is a record or span, and each of its texts and numbers is found again."""
    path = shared_data("payloads") / "faro" / "standard-payload-trimmed.json"
    payload = json.loads(path.read_bytes())
    port = ProtocolPort()
    port.clock.unix_ns = 1_720_000_000 * 10**9  # after all that it tells of
    assert 202 == port.post(PATH, path.read_bytes()).status_code
    items = sum(len(payload[kind]) for kind in ("logs", "exceptions", "events", "measurements"))
    assert items == len(_records(port))
    (request,) = port.kept("traces")
    assert 1 == len(request.resource_spans[0].scope_spans[0].spans)
    assert 0 == port.counters.rejected_records
    messages = [MessageToDict(each) for each in (*port.kept("logs"), *port.kept("traces"))]
    kept = "\n".join(_texts(messages))
    lost = {text for text in _texts(payload) if text not in kept}
    # Ids and the instants of items are kept as bytes and numbers.
    assert all(_is_id_or_time(text) for text in lost), lost


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_texts, value.values()))
    if isinstance(value, list):
        return set().union(*map(_texts, value))
    return {value} if isinstance(value, str) and value else set()


def _is_id_or_time(text: str) -> bool:
    return text.endswith("Z") or (len(text) in (16, 32) and int(text, 16) > 0)


def test_pages_that_may_send_are_told_so() -> None:
    """The browser's question is answered for them, and for others the answer lacks what it needs."""
    port = ProtocolPort(Scope.BROWSER, origins=(PAGE,), host="10.0.0.9")
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-api-key,idempotency-key,x-of-mine",
    }
    allowed = port.client.options(PATH, headers={"origin": PAGE, **asked})
    assert (204, PAGE) == (allowed.status_code, allowed.headers["access-control-allow-origin"])
    asked_for = asked["access-control-request-headers"]
    assert asked_for == allowed.headers["access-control-allow-headers"]
    other = port.client.options(PATH, headers={"origin": "https://other.example", **asked})
    assert "access-control-allow-origin" not in other.headers
    body = json.dumps({"meta": META, "logs": [{"message": "x"}]}).encode()
    sent = port.post(PATH, body, origin=PAGE, x_api_key="key-browser", x_faro_session_id="s")
    assert (202, PAGE) == (sent.status_code, sent.headers["access-control-allow-origin"])
    refused = port.post(PATH, body, origin="https://other.example", x_api_key="key-browser")
    assert 401 == refused.status_code
    assert 1 == len(port.sink.kept)


def test_a_server_s_key_in_a_page_is_worth_no_more() -> None:
    """Whoever reads the page can read it."""
    port = ProtocolPort(Scope.INGEST)
    body = json.dumps({"logs": [{"message": "x"}]}).encode()
    assert 202 == port.post(PATH, body, x_api_key="key-ingest").status_code
    assert ["browser_unauthenticated"] == [receipt.trust for _, _, receipt, _ in port.sink.kept]


def test_refusals() -> None:
    """Malformed 400, no key 401, too long 413, another packing 415, no room 429 with a time."""
    port = ProtocolPort(Scope.BROWSER)
    key = {"x_api_key": "key-browser"}
    assert 401 == port.post(PATH, b"{}").status_code
    for body in (b"", b"[", b"[]", b"7", b'{"other": 1}', b'{"logs": {}}', b'{"traces": 7}'):
        assert 400 == port.post(PATH, body, **key).status_code, body
    long = json.dumps({"logs": [{"message": "x" * 600_000}]}).encode()
    assert 413 == port.post(PATH, long, **key).status_code
    assert 415 == port.post(PATH, b"{}", content_encoding="br", **key).status_code
    assert [] == port.sink.kept
    port.sink.full = True
    answer = port.post(PATH, b'{"logs": [{"message": "x"}]}', **key)
    assert (429, "3") == (answer.status_code, answer.headers["retry-after"])


def test_a_bad_item_costs_itself_alone() -> None:
    """The good ones are kept and the page is told."""
    port = ProtocolPort()
    body = json.dumps({"logs": [7, {"message": "x"}], "events": ["y"]}).encode()
    answer = port.post(PATH, gzip.compress(body), content_encoding="gzip")
    assert 202 == answer.status_code
    assert "logs[0]: must be an object" in answer.text
    assert 1 == len(_records(port))
    assert {"unreadable": 2} == port.counters.rejected_by_reason


def test_an_empty_payload_is_no_fault() -> None:
    """Nothing is written to the journal for it."""
    assert [] == _sent().sink.kept


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["frames", "trace_id", "lcp", "id", "x"]), inner)
    ),
    max_leaves=8,
)
FIELDS = (
    "message", "level", "context", "timestamp", "trace", "type", "value", "stacktrace", "values",
    "name", "attributes", "domain",
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.sampled_from(["logs", "exceptions", "events", "measurements"]),
                    st.lists(st.dictionaries(st.sampled_from(FIELDS), ANY, max_size=5), max_size=2)),
    ANY,
)  # fmt: skip
def test_a_field_of_any_kind_is_read(payload: dict[str, Any], meta: Any) -> None:
    """Whatever stands in an item's fields, the item is kept."""
    try:
        made = convert_faro(json.dumps({**payload, "meta": meta}).encode())
    except (MalformedBody, LimitExceeded) as error:
        pytest.fail(str(error))
    assert bool(made) == any(payload.values())
