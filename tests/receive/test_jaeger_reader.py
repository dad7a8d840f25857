"""Jaeger JSON in its forms: ids, times, parents, links, tags and logs."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.any_value import MAX_DEPTH
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.jaeger import read_jaeger

TRACE, SPAN, PARENT = "00000000000000000af7651916cd43dd", "00000000000000b7", "0000000000000001"
UI_SPAN: dict[str, Any] = {
    "traceID": "af7651916cd43dd",
    "spanID": "b7",
    "operationName": "get",
    "references": [
        {"refType": "FOLLOWS_FROM", "traceID": "af7651916cd43dd", "spanID": "2"},
        {"refType": "CHILD_OF", "traceID": "ff", "spanID": "3"},
        {"refType": "CHILD_OF", "traceID": "af7651916cd43dd", "spanID": "1"},
    ],
    "startTime": 1485467191639875,
    "duration": 5,
    "flags": 1,
    "tags": [
        {"key": "span.kind", "type": "string", "value": "server"},
        {"key": "error", "type": "bool", "value": True},
        {"key": "otel.status_description", "type": "string", "value": "gone"},
        {"key": "otel.scope.name", "type": "string", "value": "lib"},
        {"key": "n", "type": "int64", "value": "9223372036854775222"},
        {"key": "t", "type": "float64", "value": 72},
        {"key": "b", "type": "binary", "value": "AAAwOQ=="},
        {"key": "twice", "type": "string", "value": "x"},
        {"key": "twice", "type": "string", "value": "y"},
    ],
    "logs": [
        {
            "timestamp": 1485467191639876,
            "fields": [
                {"key": "event", "type": "string", "value": "retry"},
                {"key": "n", "type": "int64", "value": 2},
            ],
        }
    ],
    "processID": "p1",
    "warnings": ["clock skew"],
}
PROCESSES = {
    "p1": {"serviceName": "cart", "tags": [{"key": "hostname", "type": "string", "value": "h1"}]}
}


def _spans(value: Any, complaints: Complaints | None = None) -> list[Span]:
    request = read_jaeger(json.dumps(value).encode(), complaints)
    return [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]


def _trace(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"traceID": "af7651916cd43dd", "spans": list(spans), "processes": PROCESSES}


def _values(span: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in span.attributes}


@pytest.mark.parametrize("wrap", [lambda t: {"data": [t]}, lambda t: [t], lambda t: t])
def test_a_trace_of_the_query_api(wrap: Any) -> None:
    """Each part of a span arrives where OpenTelemetry keeps it, ids and times verbatim."""
    request = read_jaeger(json.dumps(wrap(_trace(UI_SPAN))).encode())
    (group,) = request.resource_spans
    assert ["cart", "h1"] == [a.value.string_value for a in group.resource.attributes]
    assert "lib" == group.scope_spans[0].scope.name
    (span,) = group.scope_spans[0].spans
    assert (TRACE, SPAN, PARENT) == (
        span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
    )  # fmt: skip
    assert 1485467191639875000 == span.start_time_unix_nano
    assert 1485467191639880000 == span.end_time_unix_nano
    assert (Span.SPAN_KIND_SERVER, 1) == (span.kind, span.flags)
    assert (Status.STATUS_CODE_ERROR, "gone") == (span.status.code, span.status.message)
    values = _values(span)
    assert ["x", "y"] == [v.string_value for v in values.pop("twice").values]
    assert ["clock skew"] == [v.string_value for v in values.pop("jaeger.warnings").values]
    assert {"n": 9223372036854775222, "t": 72.0, "b": b"\x00\x0009"} == values
    (event,) = span.events
    assert ("retry", 1485467191639876000, {"n": 2}) == (
        event.name, event.time_unix_nano, _values(event),
    )  # fmt: skip


def test_references_that_are_no_parent_are_links() -> None:
    """The first CHILD_OF to the same trace is the parent; all else is linked, with its type."""
    (span,) = _spans(_trace(UI_SPAN))
    assert [("2", "follows_from"), ("3", "child_of")] == [
        (link.span_id.hex().lstrip("0"), link.attributes[0].value.string_value)
        for link in span.links
    ]


def test_a_lone_follows_from_is_parent_and_link() -> None:
    """A span that only follows another hangs below it, and the link keeps the difference."""
    source = {**UI_SPAN, "references": UI_SPAN["references"][:1]}
    (span,) = _spans(_trace(source))
    assert "2" == span.parent_span_id.hex().lstrip("0")
    assert 1 == len(span.links)


def test_a_stored_span_has_its_process_inside_and_tags_as_text() -> None:
    """The form of Elasticsearch: hex binary, values as text, tags also as fields."""
    stored = {
        "traceID": TRACE,
        "spanID": SPAN,
        "parentSpanID": PARENT,
        "operationName": "get",
        "startTime": 1485467191639875,
        "duration": 5,
        "tags": [
            {"key": "n", "type": "int64", "value": "7"},
            {"key": "ok", "type": "bool", "value": "true"},
            {"key": "b", "type": "binary", "value": "00003039"},
        ],
        "tag": {"http@route": "/cart"},
        "process": {"serviceName": "cart", "tags": []},
    }
    for value in (stored, [stored], {"hits": {"hits": [{"_source": stored}]}}):
        (span,) = _spans(value)
        assert PARENT == span.parent_span_id.hex()
        assert {"n": 7, "ok": True, "b": b"\x00\x0009", "http.route": "/cart"} == _values(span)


def test_the_protobuf_json_of_jaegers_model() -> None:
    """Ids in base64, times as RFC 3339 to the nanosecond, lengths with a unit."""
    (span,) = _spans(
        {
            "spans": [
                {
                    "traceId": "AAAAAAAAAAAK92UZFs1D3Q==",
                    "spanId": "AAAAAAAAALc=",
                    "operationName": "get",
                    "startTime": "2017-01-26T16:46:31.639875139-05:00",
                    "duration": "5000ns",
                    "tags": [{"key": "n", "vType": "INT64", "vInt64": 5}],
                    "process": {"serviceName": "cart"},
                }
            ]
        }
    )
    assert (TRACE, SPAN) == (span.trace_id.hex(), span.span_id.hex())
    assert 1485467191639875139 == span.start_time_unix_nano
    assert 5000 == span.end_time_unix_nano - span.start_time_unix_nano
    assert {"n": 5} == _values(span)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"spanID": "xyz"}, "spanID: 'xyz' is not hex"),
        ({"spanID": "0"}, "spanID: is zero"),
        ({"traceID": "1" * 33}, "traceID: 33 hex digits, at most 32"),
        ({"startTime": "soon"}, "startTime: 'soon' is neither microseconds nor RFC 3339"),
        ({"duration": -5}, "duration: -5 µs is outside 1970 to 2262"),
    ],
)
def test_a_bad_span_is_left_out_alone(change: dict[str, Any], reason: str) -> None:
    """One span that cannot be used is described by its place; the others arrive."""
    complaints = Complaints()
    bad = {**UI_SPAN, **change}
    assert 2 == len(_spans({"data": [_trace(UI_SPAN, bad, UI_SPAN)]}, complaints))
    assert (1, [f"data[0].spans[1]: {reason}"]) == (complaints.count, complaints.described)


@pytest.mark.parametrize("value", [3, [], {"spans": 1}, {"data": {"result": []}}, [[[[[]]]]], {}])
def test_what_is_not_jaeger_is_refused(value: Any) -> None:
    """JSON without Jaeger's traces or spans is malformed, not an empty success."""
    with pytest.raises(MalformedBody):
        read_jaeger(json.dumps(value).encode())


def test_deep_tags_are_bounded() -> None:
    """A tag nested a thousand levels deep does not exhaust the stack."""
    deep = b'{"key":"k","value":' + b"[" * 900 + b"]" * 900 + b"}"
    body = json.dumps(_trace({**UI_SPAN, "tags": []})).encode()
    request = read_jaeger(body.replace(b'"tags": []', b'"tags": [' + deep + b"]", 1))
    value, levels = request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value, 0
    while value.WhichOneof("value") == "array_value":
        value, levels = value.array_value.values[0], levels + 1
    assert MAX_DEPTH == levels


KEYS = (
    "data spans traceID spanID operationName references tags logs fields key value type startTime"
)
ANY = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.just("af7651916cd43dd"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS.split(), "process", "serviceName"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(UI_SPAN)), ANY)
def test_a_field_of_any_kind_is_read_or_refused(key: str, value: Any) -> None:
    """Whatever stands in a span's field, only an error of the sender can come of it."""
    span = copy.deepcopy(UI_SPAN)
    span[key] = value
    with contextlib.suppress(MalformedBody, LimitExceeded):
        _spans(_trace(span))
