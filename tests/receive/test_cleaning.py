"""Requests with bad records: what is kept, what is told."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.otlp_requests import attributes, log, logs, metrics, number, span, traces

from tracepulse.errors import SenderError
from tracepulse.receive.admission import Admitted, admit
from tracepulse.receive.limits import SERVER_LIMITS, Limits
from tracepulse.receive.signals import REQUEST_TYPES, Signal
from tracepulse.receive.wire import Fault, scan
from tracepulse.receive.wire_fields import bytes_field, encode_varint

KIB = 1024


def _admit(request: Any, signal: Signal = "traces", limits: Limits = SERVER_LIMITS) -> Admitted:
    body = request if isinstance(request, bytes) else request.SerializeToString()
    return admit(body, signal, limits)


def _spans(admitted: Admitted) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(admitted.body)
    return [s for g in request.resource_spans for c in g.scope_spans for s in c.spans]


def _values(pairs: Any) -> dict[str, Any]:
    return {p.key: getattr(p.value, p.value.WhichOneof("value") or "", None) for p in pairs}


def test_a_good_request_keeps_its_bytes() -> None:
    """What has no fault is stored as the bytes it came in."""
    body = traces(span(a="b", n=1)).SerializeToString()
    assert Admitted(body, 1) == _admit(body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trace_id", b""),
        ("trace_id", bytes(16)),
        ("trace_id", b"short"),
        ("span_id", b""),
        ("span_id", bytes(8)),
        ("span_id", b"\x01" * 16),
        ("parent_span_id", b"\x01" * 7),
    ],
)
def test_a_span_with_a_bad_id_is_left_out_alone(field: str, value: bytes) -> None:
    """The spans around it stay, byte for byte, and the sender is told the reason."""
    bad = span(span_id=2)
    setattr(bad, field, value)
    admitted = _admit(traces(span(span_id=1), bad, span(span_id=3)))
    assert Counter({"id_length": 1}) == admitted.rejected
    assert (2, 1) == (admitted.records, admitted.rejected_records)
    assert traces(span(span_id=1), span(span_id=3)).SerializeToString() == admitted.body
    assert "a trace id must be 16 bytes" in admitted.explanation()


def test_a_link_with_a_bad_id_leaves_its_span_out() -> None:
    """A link to nowhere is a bad id like any other."""
    bad = span()
    bad.links.add(trace_id=b"x", span_id=number(1, 8))
    assert Counter({"id_length": 1}) == _admit(traces(bad)).rejected


def test_text_that_is_not_utf8_leaves_its_record_out() -> None:
    """The engine would store it; readers of the answer would break on it."""
    good = span(span_id=1).SerializeToString()
    bad = span(span_id=2, name="").SerializeToString() + bytes_field(5, b"\xff\xfe")
    scope = bytes_field(2, good) + bytes_field(2, bad) + bytes_field(2, good)
    admitted = _admit(bytes_field(1, bytes_field(2, scope)))
    assert (2, Counter({"utf8": 1})) == (admitted.records, admitted.rejected)
    assert bytes_field(1, bytes_field(2, bytes_field(2, good) * 2)) == admitted.body


def test_a_resource_with_one_bad_attribute_keeps_the_others() -> None:
    """Its records are not to lose their service over another attribute's bytes."""
    request = traces(span(), service="shop", host="h1")
    bad = bytes_field(1, bytes_field(1, b"bad\xff") + bytes_field(2, bytes_field(1, b"x")))
    group = request.resource_spans[0]
    resource = group.resource.SerializeToString() + bad
    body = bytes_field(
        1,
        bytes_field(1, resource) + bytes_field(2, group.scope_spans[0].SerializeToString()),
    )
    admitted = _admit(body)
    assert (1, 1) == (admitted.records, admitted.altered)
    kept = ExportTraceServiceRequest.FromString(admitted.body).resource_spans[0].resource
    assert {"service.name": "shop", "host": "h1"} == _values(kept.attributes)


def test_too_many_parts_are_dropped_and_counted() -> None:
    """The first ones of attributes, events and links stay, and the span says how many went."""
    values: dict[str, Any] = {f"k{i}": i for i in range(130)}
    many = span(**values)
    many.dropped_attributes_count = 5
    many.events.extend(Span.Event(name=f"e{i}") for i in range(131))
    many.links.extend(Span.Link(trace_id=number(1, 16), span_id=number(1, 8)) for _ in range(132))
    admitted = _admit(traces(many))
    (kept,) = _spans(admitted)
    assert (128, 7) == (len(kept.attributes), kept.dropped_attributes_count)
    assert (128, 3) == (len(kept.events), kept.dropped_events_count)
    assert (128, 4) == (len(kept.links), kept.dropped_links_count)
    assert (1, Counter()) == (admitted.altered, admitted.rejected)


def test_long_texts_are_cut_at_a_character() -> None:
    """Names, keys and values end at their limits, and never inside a character."""
    values: dict[str, Any] = {"k" * 300: "€" * 2000}
    admitted = _admit(traces(span(name="é" * 600, **values)))
    (kept,) = _spans(admitted)
    assert "é" * 512 == kept.name
    assert {"k" * 256: "€" * 1365} == _values(kept.attributes)


def test_stack_traces_and_bodies_may_be_longer() -> None:
    """An exception's stack and a log's body keep 64 KiB."""
    values: dict[str, Any] = {"exception.stacktrace": "s" * 70_000}
    record = log("b" * 70_000, **values)
    admitted = _admit(logs(record), "logs")
    kept = ExportLogsServiceRequest.FromString(admitted.body)
    item = kept.resource_logs[0].scope_logs[0].log_records[0]
    assert 64 * KIB == len(item.body.string_value)
    assert {"exception.stacktrace": "s" * 64 * KIB} == _values(item.attributes)


def test_arrays_and_maps_become_json_text() -> None:
    """Nested values are stored as compact JSON, wherever they stand."""
    value = {"list": [1, 2.5, True, None, "é"], "bytes": b"\x00\xff"}
    admitted = _admit(logs(log(value, tags=["a", "b"]), list=[1]), "logs")
    kept = ExportLogsServiceRequest.FromString(admitted.body).resource_logs[0]
    item = kept.scope_logs[0].log_records[0]
    assert '{"list":[1,2.5,true,null,"é"],"bytes":"AP8="}' == item.body.string_value
    assert {"tags": '["a","b"]'} == _values(item.attributes)
    assert {"service.name": "shop", "list": "[1]"} == _values(kept.resource.attributes)


def test_deep_values_are_cut_and_say_so() -> None:
    """Below the sixteenth level there is only a mark."""
    value: Any = "deep"
    for _ in range(16):
        value = [value]
    deepest = attributes({"v": value})[0].value
    for _ in range(4):  # the builder stops at 16 levels, so the last ones are put on by hand
        outer = type(deepest)()
        outer.array_value.values.append(deepest)
        deepest = outer
    record = log()
    record.attributes.add(key="v").value.CopyFrom(deepest)
    admitted = _admit(logs(record), "logs")
    kept = ExportLogsServiceRequest.FromString(admitted.body)
    text = _values(kept.resource_logs[0].scope_logs[0].log_records[0].attributes)["v"]
    assert "[" * 16 + '"[depth]"' + "]" * 16 == text


def test_numbers_that_json_cannot_hold_become_readable_json() -> None:
    """NaN inside an array is JSON that any parser reads."""
    admitted = _admit(logs(log([float("nan"), float("inf"), 1.5])), "logs")
    kept = ExportLogsServiceRequest.FromString(admitted.body)
    text = kept.resource_logs[0].scope_logs[0].log_records[0].body.string_value

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    assert 3 == len(json.loads(text, parse_constant=refuse))


def test_a_field_of_the_wrong_wire_type_is_dropped() -> None:
    """A name sent as a number is left out; the span stays."""
    bad = span(name="").SerializeToString() + encode_varint(5 << 3 | 0) + b"\x07"
    admitted = _admit(bytes_field(1, bytes_field(2, bytes_field(2, bad))))
    (kept,) = _spans(admitted)
    assert (span(name=""), 1) == (kept, admitted.altered)


def test_a_sender_cannot_forge_the_receipt() -> None:
    """Fields of ours at the end of a request are taken out, and the records stay."""
    body = traces(span()).SerializeToString()
    forged = body
    for field in (1000, 1002, 1003, 1004, 1015, 2000):
        forged += bytes_field(field, b"admin")
    forged += encode_varint(1001 << 3 | 1) + bytes(8)
    assert body == _admit(forged).body
    assert body == _admit(bytes_field(1003, b"server_key") + body).body


def test_a_record_past_256_kib_is_left_out() -> None:
    """It is refused whole, without a look inside."""
    values: dict[str, Any] = {f"k{i}": "x" * 4000 for i in range(80)}
    giant = span(**values)
    admitted = _admit(traces(span(), giant))
    assert (1, Counter({"record_size": 1})) == (admitted.records, admitted.rejected)


def test_a_metric_of_many_points_is_no_record_too_large() -> None:
    """A point is a record; a metric may hold thousands of them."""
    metric = Metric(name="http.server.request.duration")
    for i in range(3000):
        metric.gauge.data_points.add(as_int=i, attributes=attributes({"route": "r" * 200, "i": i}))
    assert metric.ByteSize() > SERVER_LIMITS.record_bytes
    admitted = _admit(metrics([metric]), "metrics")
    assert (3000, Counter()) == (admitted.records, admitted.rejected)


def test_a_giant_point_is_left_out_alone() -> None:
    """The other points of its metric stay."""
    metric = Metric(name="m")
    for i in range(3):
        metric.histogram.data_points.add(count=i)
    metric.histogram.data_points[1].bucket_counts.extend(range(40_000))
    admitted = _admit(metrics([metric]), "metrics")
    assert (2, Counter({"record_size": 1})) == (admitted.records, admitted.rejected)


def test_points_are_what_is_counted_of_a_metric_left_out() -> None:
    """`rejected_data_points` counts points and not metrics."""
    metric = Metric(name="m")
    metric.gauge.data_points.add(time_unix_nano=2**63)
    metric.gauge.data_points.add(time_unix_nano=1)
    admitted = _admit(metrics([metric]), "metrics")
    assert 2 == admitted.records + admitted.rejected_records


def test_an_exemplar_with_a_bad_id_is_dropped() -> None:
    """A point is worth more than its exemplar."""
    metric = Metric(name="m")
    point = metric.gauge.data_points.add(as_int=1)
    point.exemplars.add(as_int=1, span_id=b"x")
    point.exemplars.add(as_int=2, span_id=number(1, 8), trace_id=number(1, 16))
    admitted = _admit(metrics([metric]), "metrics")
    assert (1, Counter()) == (admitted.records, admitted.rejected)


# -- any request at all ----------------------------------------------------------------------------

TIGHT = replace(
    SERVER_LIMITS,
    attributes_per_record=2,
    attributes_per_resource=2,
    events_per_span=1,
    links_per_span=1,
    key_bytes=3,
    value_bytes=40,
    name_bytes=5,
    body_text_bytes=50,
    record_bytes=400,
    nesting=2,
)


def _rich(signal: Signal) -> bytes:
    long, nested = "long text of many words " * 4, {"list": [1, [2, [3, [4]]]], "k": "v"}
    if signal == "traces":
        item = span(name=long, a=long, b=nested, c=b"\x01" * 60, status=1)
        item.events.add(name=long, attributes=attributes({"a": nested, "bbbbb": 1, "c": 2}))
        item.events.add(name="two")
        item.links.add(
            trace_id=number(1, 16),
            span_id=number(1, 8),
            trace_state=long,
            attributes=attributes({"a": nested, "b": 1, "c": 2}),
        )
        item.status.message = long
        request: Any = traces(item, span(), a=nested, b=long, cccccccc=1)
        request.resource_spans[0].schema_url = long
        scope = request.resource_spans[0].scope_spans[0]
        scope.scope.name = scope.scope.version = scope.schema_url = long
        scope.scope.attributes.extend(attributes({"a": nested, "b": long, "c": 1}))
    elif signal == "logs":
        request = logs(log(nested, a=long, b=nested), log(long * 3), log(b"\x01" * 90), a=nested)
        request.resource_logs[0].scope_logs[0].log_records[0].severity_text = long
    else:
        made = [Metric(name=long, unit=long, description=long) for _ in range(5)]
        made[0].metadata.extend(attributes({"a": nested, "b": long, "c": 1}))
        points: list[Any] = [
            made[0].gauge.data_points.add(as_int=1),
            made[1].sum.data_points.add(as_int=1),
            made[2].histogram.data_points.add(bucket_counts=[1, 2]),
            made[3].exponential_histogram.data_points.add(count=1),
            made[4].summary.data_points.add(count=1),
        ]
        for point in points:
            point.attributes.extend(attributes({"a": nested, "b": long, "c": 1}))
            if hasattr(point, "exemplars"):
                point.exemplars.add(
                    as_int=1, filtered_attributes=attributes({"a": nested, "b": long, "c": 1})
                )
        request = metrics(made)
    body: bytes = request.SerializeToString()
    return body


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("limits", [SERVER_LIMITS, TIGHT], ids=["plain", "tight"])
def test_what_was_cleaned_is_clean(signal: Signal, limits: Limits) -> None:
    """A second look at an admitted request finds nothing more to mend."""
    body = _rich(signal)
    admitted = admit(body, signal, limits)
    again = scan(admitted.body, signal, limits)
    assert (Fault(0), Fault(0)) == (again.faults, again.owner_faults)
    assert scan(body, signal, SERVER_LIMITS).records == admitted.records + admitted.rejected_records


@given(st.sampled_from(["traces", "logs", "metrics"]), st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_requests_are_refused_or_clean(signal: Signal, data: st.DataObject) -> None:
    """Whatever bytes come in: an error of the sender, or a request without a fault, all counted."""
    body = bytearray(_rich(signal))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                body[at] = data.draw(st.integers(0, 255))
            case 1:
                body[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case _:
                del body[at : at + data.draw(st.integers(1, 4))]
    try:
        admitted = admit(bytes(body), signal, TIGHT)
    except SenderError:
        return
    again = scan(admitted.body, signal, TIGHT)
    assert (admitted.records, Fault(0), Fault(0)) == (
        again.records,
        again.faults,
        again.owner_faults,
    )
    try:
        REQUEST_TYPES[signal]().ParseFromString(admitted.body)
    except DecodeError as error:
        raise AssertionError("admitted what protobuf cannot read") from error
