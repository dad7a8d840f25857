"""Zipkin v2 JSON: ids, times, kinds, endpoints, tags and annotations."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.zipkin import read_zipkin

CLIENT: dict[str, Any] = {
    "traceId": "ef86c83c0a05a6d6",
    "parentId": "ef86c83c0a05a6d6",
    "id": "ecc00062ceef4bf0",
    "kind": "CLIENT",
    "name": "get",
    "timestamp": 1531282088548312,
    "duration": 20333,
    "localEndpoint": {"serviceName": "gateway", "ipv4": "172.17.0.13"},
    "remoteEndpoint": {"serviceName": "content", "ipv6": "::1", "port": 3400},
    "annotations": [{"timestamp": 1531282088548400, "value": "ws"}],
    "tags": {"http.method": "GET", "error": "timed out"},
}
SERVER = {
    **{key: CLIENT[key] for key in ("traceId", "parentId", "id", "timestamp", "duration")},
    "kind": "SERVER",
    "shared": True,
    "localEndpoint": {"serviceName": "content"},
}


def _spans(value: Any, complaints: Complaints | None = None) -> list[Span]:
    request = read_zipkin(json.dumps(value).encode(), complaints)
    return [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]


def _values(span: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in span.attributes}


def test_a_span() -> None:
    """Each part of a span arrives where OpenTelemetry keeps it, ids and times verbatim."""
    request = read_zipkin(json.dumps([CLIENT]).encode())
    (group,) = request.resource_spans
    assert ["gateway"] == [a.value.string_value for a in group.resource.attributes]
    (span,) = group.scope_spans[0].spans
    assert ("0" * 16 + "ef86c83c0a05a6d6", "ecc00062ceef4bf0", "ef86c83c0a05a6d6") == (
        span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
    )  # fmt: skip
    assert (1531282088548312000, 1531282088568645000) == (
        span.start_time_unix_nano, span.end_time_unix_nano,
    )  # fmt: skip
    assert (Span.SPAN_KIND_CLIENT, "get") == (span.kind, span.name)
    assert (Status.STATUS_CODE_ERROR, "timed out") == (span.status.code, span.status.message)
    assert {
        "http.method": "GET",
        "network.local.address": "172.17.0.13",
        "peer.service": "content",
        "network.peer.address": "::1",
        "network.peer.port": 3400,
    } == _values(span)
    assert [("ws", 1531282088548400000)] == [(e.name, e.time_unix_nano) for e in span.events]


def test_both_halves_of_a_shared_span_are_kept() -> None:
    """Client and server keep the one id they share; the server half is marked."""
    client, server = _spans([CLIENT, SERVER])
    assert client.span_id == server.span_id
    assert (Span.SPAN_KIND_SERVER, True) == (server.kind, _values(server)["zipkin.shared"])


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ("true", Status.STATUS_CODE_ERROR, ""),
        ("", Status.STATUS_CODE_ERROR, ""),
        ("500", Status.STATUS_CODE_ERROR, "500"),
        ("false", Status.STATUS_CODE_UNSET, ""),
    ],
)
def test_the_error_tag(error: str, code: int, message: str) -> None:
    """Its presence is the error and its text the message, but 'false' is none."""
    (span,) = _spans([{**CLIENT, "tags": {"error": error}}])
    assert (code, message) == (span.status.code, span.status.message)


def test_a_span_without_times_begins_with_its_trace() -> None:
    """What was not reported is said to be absent; the span still sorts with its trace."""
    bare = {key: CLIENT[key] for key in ("traceId", "id", "name")}
    _, span = _spans([CLIENT, bare])
    assert 1531282088548312000 == span.start_time_unix_nano == span.end_time_unix_nano
    assert '["timestamp","duration"]' == _values(span)["zipkin.absent"]


def test_lists_of_traces_are_taken() -> None:
    """The query API answers a list of lists."""
    assert 3 == len(_spans([[CLIENT, SERVER], [CLIENT]]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "x"}, "id: 'x' is not hex"),
        ({"id": None}, "id: missing, or not a string"),
        ({"timestamp": "soon"}, "timestamp: not a whole number of microseconds"),
        ({"duration": 10**18}, "duration: 1000000000000000000 µs is outside 1970 to 2262"),
    ],
)
def test_a_bad_span_is_left_out_alone(change: dict[str, Any], reason: str) -> None:
    """One span that cannot be used is described by its place; the others arrive."""
    complaints = Complaints()
    assert 1 == len(_spans([{**CLIENT, **change}, CLIENT], complaints))
    assert [f"[0]: {reason}"] == complaints.described


@pytest.mark.parametrize("body", [b"3", b"{}", b"[", b"", b'{"spans":[]}'])
def test_what_is_no_list_of_spans_is_refused(body: bytes) -> None:
    """A body of another shape is malformed."""
    with pytest.raises(MalformedBody):
        read_zipkin(body)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["serviceName", "timestamp", "value", "error"]), inner)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted({**CLIENT, **SERVER})), ANY)
def test_a_field_of_any_kind_is_read_or_refused(key: str, value: Any) -> None:
    """Whatever stands in a span's field, only an error of the sender can come of it."""
    with contextlib.suppress(MalformedBody, LimitExceeded):
        _spans([{**CLIENT, key: value}])
