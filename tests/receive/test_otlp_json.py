"""OTLP/JSON in both directions, against the specification and against protobuf's own JSON."""

import base64
import contextlib
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from tests.receive.otlp_messages import messages

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.any_value import DEPTH_MARK, MAX_DEPTH
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.json_body import MAX_CONTAINERS, MAX_VALUES
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.otlp_json import read_otlp_json
from tracepulse.receive.otlp_json_text import otlp_json_value, write_otlp_json
from tracepulse.receive.signals import REQUEST_TYPES, Signal

SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")
slow = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _span(**fields: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}).encode()


def _read_span(**fields: Any) -> Any:
    request = read_otlp_json(_span(**fields), "traces")
    return request.resource_spans[0].scope_spans[0].spans[0]  # type: ignore[union-attr]


def _read_value(value: Any) -> Any:
    return _read_span(attributes=[{"key": "k", "value": value}]).attributes[0].value


def _with_base64_ids(value: Any) -> Any:
    """Return OTLP/JSON as proto3 JSON: ids in base64."""
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode()
        if key in ("traceId", "spanId", "parentSpanId")
        else _with_base64_ids(item)
        for key, item in value.items()
    }


@slow
@given(st.sampled_from(SIGNALS), st.data())
def test_what_is_written_is_read_back_the_same(signal: Signal, data: st.DataObject) -> None:
    """Any message survives the way to OTLP/JSON and back."""
    message = data.draw(messages(REQUEST_TYPES[signal]))
    assert read_otlp_json(write_otlp_json(message), signal) == message


@slow
@given(st.sampled_from(SIGNALS), st.data())
def test_json_equals_that_of_protobuf_but_for_ids(signal: Signal, data: st.DataObject) -> None:
    """OTLP/JSON is proto3 JSON with hex ids and integer enums, and nothing else differs."""
    message = data.draw(messages(REQUEST_TYPES[signal]))
    expected = json_format.MessageToDict(message, use_integers_for_enums=True)
    assert _with_base64_ids(otlp_json_value(message)) == expected


@slow
@given(st.binary(max_size=200), st.sampled_from(SIGNALS))
def test_arbitrary_bytes_are_refused_as_malformed(body: bytes, signal: Signal) -> None:
    """Bytes that are no OTLP/JSON raise an error of the sender, never another."""
    with contextlib.suppress(MalformedBody, LimitExceeded):
        read_otlp_json(body, signal)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceSpans",
                    "scopeSpans",
                    "spans",
                    "traceId",
                    "name",
                    "kind",
                    "attributes",
                    "key",
                    "value",
                    "stringValue",
                    "intValue",
                    "arrayValue",
                    "values",
                    "kvlistValue",
                    "doubleValue",
                    "bytesValue",
                    "events",
                    "droppedEventsCount",
                    "flags",
                    "status",
                    "code",
                    "startTimeUnixNano",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=40,
)


@slow
@given(JSON)
def test_arbitrary_json_is_read_or_refused(value: Any) -> None:
    """JSON with OTLP's keys in the wrong places raises an error of the sender, never another."""
    with contextlib.suppress(MalformedBody):
        read_otlp_json(json.dumps(value).encode(), "traces")


def test_keys_are_taken_in_both_spellings() -> None:
    """Keys in snake_case mean the same as in lowerCamelCase."""
    assert 5 == _read_span(start_time_unix_nano="5").start_time_unix_nano
    assert 5 == _read_span(startTimeUnixNano=5).start_time_unix_nano


def test_enums_are_taken_as_numbers_and_names() -> None:
    """A kind may be 2 or SPAN_KIND_SERVER; a number of a later version is kept."""
    assert 2 == _read_span(kind=2).kind
    assert 2 == _read_span(kind="SPAN_KIND_SERVER").kind
    assert 0 == _read_span(kind="SPAN_KIND_OF_TOMORROW").kind
    assert 9 == _read_span(kind=9).kind


def test_unknown_fields_and_nulls_are_ignored() -> None:
    """Fields of a later version are passed over, and null means not set."""
    assert "a" == _read_span(name="a", newField={"x": [1]}, kind=None, events=None).name


def test_values_of_every_kind() -> None:
    """Attribute values of each type arrive as that type."""
    assert "x" == _read_value({"stringValue": "x"}).string_value
    assert _read_value({"boolValue": False}).HasField("bool_value")
    assert -(2**63) == _read_value({"intValue": "-9223372036854775808"}).int_value
    assert 7 == _read_value({"intValue": 7}).int_value
    assert 7.0 == _read_value({"doubleValue": 7}).double_value
    assert math.isnan(_read_value({"doubleValue": "NaN"}).double_value)
    assert -math.inf == _read_value({"doubleValue": "-Infinity"}).double_value
    assert b"\x00\xfe\xff" == _read_value({"bytesValue": "AP7/"}).bytes_value
    assert b"\x00\xfe\xff" == _read_value({"bytesValue": "AP7_"}).bytes_value
    assert not _read_value({}).WhichOneof("value")
    nested: dict[str, Any] = {
        "arrayValue": {"values": [{"intValue": "1"}, None, {"kvlistValue": {}}]}
    }
    assert [1, None, "kvlist_value"] == [
        item.int_value if item.WhichOneof("value") == "int_value" else item.WhichOneof("value")
        for item in _read_value(nested).array_value.values
    ]


def test_deep_values_end_in_a_mark() -> None:
    """Lists nested past 16 levels become a text, so that no later reader runs out of stack."""
    value: dict[str, Any] = {"stringValue": "bottom"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    read = _read_value(value)
    levels = 0
    while read.WhichOneof("value") == "array_value":
        read, levels = read.array_value.values[0], levels + 1
    assert (MAX_DEPTH, DEPTH_MARK) == (levels, read.string_value)


@pytest.mark.parametrize(
    ("text", "length_bytes", "complaint"),
    [
        ("a" * 31, 1, "31 hex digits, need 32"),
        ("a" * 34, 17, "34 hex digits, need 32"),
        ("W47/95gDgQPSabYzgT/GDA==", 1, "looks like base64"),
        ("z" * 32, 1, "is not hex"),
        ("ab " * 16, 1, "is not hex"),
    ],
)
def test_a_bad_id_spoils_its_record_only(text: str, length_bytes: int, complaint: str) -> None:
    """An id of the wrong length goes through with a wrong length, and the complaint names it."""
    complaints = Complaints()
    request = read_otlp_json(_span(traceId=text), "traces", complaints)
    span = request.resource_spans[0].scope_spans[0].spans[0]  # type: ignore[union-attr]
    assert length_bytes == len(span.trace_id)
    assert complaints.described[0].startswith("resourceSpans[0].scopeSpans[0].spans[0].traceId: ")
    assert complaint in complaints.described[0]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"traceId": 5}, "traceId: a number"),
        ({"name": 5}, "name: a number"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano: 'soon' is not an integer"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano: '-1' is out of range"),
        ({"flags": 2**32}, "flags: '4294967296' is out of range"),
        ({"events": {}}, "events: an object, need a list"),
        ({"attributes": [{"key": "k", "value": "v"}]}, "attributes[0].value: a string, need"),
        ({"events": [{}, {"attributes": [{"key": 1}]}]}, "events[1].attributes[0].key: a number"),
        ({"status": "OK"}, "status: a string, need an object"),
    ],
)
def test_a_record_with_a_wrong_value_is_left_out_alone(fields: dict[str, Any], path: str) -> None:
    """Its neighbours stay, and the complaint names the place and the reason."""
    deep = {"arrayValue": {"values": [{"arrayValue": {"values": [{"stringValue": "deep"}]}}]}}
    spans = [{"name": "a"}, fields, {"name": "b", "attributes": [{"key": "k", "value": deep}]}]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    complaints = Complaints()
    request: Any = read_otlp_json(body, "traces", complaints)
    assert ["a", "b"] == [s.name for s in request.resource_spans[0].scope_spans[0].spans]
    assert (1, 1) == (complaints.refused_records, complaints.count)
    (told,) = complaints.described
    assert told.startswith(f"resourceSpans[0].scopeSpans[0].spans[1].{path}")


def test_a_resource_with_a_wrong_value_keeps_the_rest() -> None:
    """Its records are not to lose their service over another attribute."""
    good = {"key": "service.name", "value": {"stringValue": "shop"}}
    group = {
        "resource": {"attributes": [{"key": 1}, good], "droppedAttributesCount": "many"},
        "scopeSpans": [{"scope": {"name": 5, "version": "1"}, "spans": [{"name": "a"}]}],
    }
    complaints = Complaints()
    request: Any = read_otlp_json(
        json.dumps({"resourceSpans": [group]}).encode(), "traces", complaints
    )
    (held,) = request.resource_spans
    assert ["shop"] == [each.value.string_value for each in held.resource.attributes]
    assert "1" == held.scope_spans[0].scope.version
    assert (["a"], 0, 3) == (
        [each.name for each in held.scope_spans[0].spans],
        complaints.refused_records,
        complaints.count,
    )


def test_points_are_left_out_one_by_one_and_metrics_with_all_theirs() -> None:
    """A point is a record; a metric that cannot be read counts for its points."""
    points = [{"asInt": "1"}, {"asInt": "x"}, {"asInt": 3}]
    made = [
        {"name": "a", "gauge": {"dataPoints": points}},
        {"name": 7, "sum": {"dataPoints": points}},
    ]
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": made}]}]}
    complaints = Complaints()
    request: Any = read_otlp_json(json.dumps(body).encode(), "metrics", complaints)
    (kept,) = request.resource_metrics[0].scope_metrics[0].metrics
    assert [1, 3] == [point.as_int for point in kept.gauge.data_points]
    assert 4 == complaints.refused_records


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", "body: a list, need an object"),
        (b'{"resourceSpans": {}}', "resourceSpans: an object, need a list"),
        (b'{"resourceSpans": [{}, {"scopeSpans": [5]}]}', "resourceSpans[1].scopeSpans[0]: a num"),
        (b'{"resourceSpans": [', "body is not JSON"),
        (b"\xff", "body is not JSON"),
        (b"[" * 5000, "body is not JSON"),
    ],
)
def test_groups_that_cannot_be_read_are_named_by_their_path(body: bytes, path: str) -> None:
    """What else cannot be read is refused whole, with the place and the reason."""
    with pytest.raises(MalformedBody) as refusal:
        read_otlp_json(body, "traces")
    assert path in str(refusal.value)


def test_more_records_than_are_read_are_refused_before_they_are_made() -> None:
    """An empty span is two letters on the wire and much more in memory; groups count as well."""
    limits = replace(SERVER_LIMITS, records=10)
    spans: dict[str, Any] = {"spans": [{}] * 8}
    body: dict[str, Any] = {"resourceSpans": [{"scopeSpans": [spans]}]}
    read_otlp_json(json.dumps(body).encode(), "traces", limits=limits)
    spans["spans"].append({})
    with pytest.raises(LimitExceeded, match="more than 10 records"):
        read_otlp_json(json.dumps(body).encode(), "traces", limits=limits)


def test_a_body_of_millions_of_objects_is_refused_before_it_is_decoded() -> None:
    """Tiny objects cost more in memory than on the wire, so their number is bounded."""
    with pytest.raises(LimitExceeded):
        read_otlp_json(b"[" + b"{}," * (MAX_CONTAINERS + 1) + b"{}]", "traces")
    with pytest.raises(LimitExceeded):
        read_otlp_json(b"[" + b"1," * (MAX_VALUES + 1) + b"1]", "traces")


def test_partial_success_is_answered_as_otlp_json() -> None:
    """Counts of 64 bits are strings, and what is not set is left out."""
    answer = ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=3, error_message="3 spans: id")
    )
    assert {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "3 spans: id"}} == json.loads(
        write_otlp_json(answer)
    )
    assert b"{}" == write_otlp_json(ExportTraceServiceResponse())
