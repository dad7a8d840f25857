"""The scan of the wire, against protobuf and a slow reference."""

import gzip
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.otlp_requests import attributes, log, logs, metrics, span, traces

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.compression import decompress
from tracepulse.receive.limits import SERVER_LIMITS, Limits
from tracepulse.receive.signals import REQUEST_TYPES, Signal
from tracepulse.receive.wire import Fault, scan, scan_message
from tracepulse.receive.wire_fields import bytes_field, encode_varint
from tracepulse.receive.wire_schema import ACTION, CHILD, ROOT, UNKNOWN, WIRE, Action, Message

TIGHT = Limits(
    attributes_per_record=2,
    attributes_per_resource=2,
    events_per_span=1,
    links_per_span=1,
    key_bytes=3,
    value_bytes=4,
    name_bytes=5,
    body_text_bytes=7,
    record_bytes=300,
    nesting=2,
)

# -- a slow reference ------------------------------------------------------------------------------


def _text(value: str, limit: int) -> Fault:
    return Fault.TOO_LONG if len(value.encode()) > limit else Fault(0)


def _id(value: bytes, size: int, required: bool) -> Fault:
    good = len(value) == size and (any(value) or not required)
    return Fault(0) if good or (not value and not required) else Fault.ID_LENGTH


def _time(value: int) -> Fault:
    return Fault.TIME if value >= 2**63 else Fault(0)


def _union(faults: Iterable[Fault]) -> Fault:
    found = Fault(0)
    for each in faults:
        found |= each
    return found


def _value(value: AnyValue, longest: int, levels: int = TIGHT.nesting) -> Fault:
    match value.WhichOneof("value"):
        case "string_value":
            return _text(value.string_value, longest)
        case "bytes_value":
            return Fault.TOO_LONG if len(value.bytes_value) > TIGHT.body_text_bytes else Fault(0)
        case "array_value":
            inside = [_value(v, TIGHT.value_bytes, levels - 1) for v in value.array_value.values]
        case "kvlist_value":
            inside = [_pairs(value.kvlist_value.values, TIGHT.attributes_per_record, levels - 1)]
        case _:
            return Fault(0)
    return Fault.NESTING | (_union(inside) if levels else Fault(0))


def _pairs(pairs: Any, limit: int, levels: int = TIGHT.nesting) -> Fault:
    many = Fault.TOO_MANY_PARTS if len(pairs) > limit else Fault(0)
    return many | _union(
        _text(p.key, TIGHT.key_bytes) | _value(p.value, TIGHT.value_bytes, levels) for p in pairs
    )


def _span(item: Span) -> Fault:
    found = _id(item.trace_id, 16, True) | _id(item.span_id, 8, True)
    found |= _id(item.parent_span_id, 8, False)
    found |= _time(item.start_time_unix_nano) | _time(item.end_time_unix_nano)
    if item.end_time_unix_nano < item.start_time_unix_nano:
        found |= Fault.TIME
    found |= _text(item.name, TIGHT.name_bytes) | _text(item.trace_state, TIGHT.name_bytes)
    found |= _text(item.status.message, TIGHT.value_bytes)
    found |= _pairs(item.attributes, TIGHT.attributes_per_record)
    if len(item.events) > TIGHT.events_per_span or len(item.links) > TIGHT.links_per_span:
        found |= Fault.TOO_MANY_PARTS
    for event in item.events:
        found |= _time(event.time_unix_nano) | _text(event.name, TIGHT.name_bytes)
        found |= _pairs(event.attributes, TIGHT.attributes_per_record)
    for link in item.links:
        found |= _id(link.trace_id, 16, True) | _id(link.span_id, 8, True)
        found |= _pairs(link.attributes, TIGHT.attributes_per_record)
    return found


def _log(item: LogRecord) -> Fault:
    found = _id(item.trace_id, 16, False) | _id(item.span_id, 8, False)
    found |= _time(item.time_unix_nano) | _time(item.observed_time_unix_nano)
    found |= _text(item.severity_text, TIGHT.name_bytes) | _text(item.event_name, TIGHT.name_bytes)
    found |= _value(item.body, TIGHT.body_text_bytes)
    return found | _pairs(item.attributes, TIGHT.attributes_per_record)


def _sized(record: Span | LogRecord, found: Fault) -> Fault:
    return Fault.RECORD_SIZE if record.ByteSize() > TIGHT.record_bytes else found


# -- what it is given ------------------------------------------------------------------------------

_short = st.text(max_size=8)
_bytes = st.sampled_from([0, 1, 7, 8, 9, 15, 16, 17]).flatmap(
    lambda n: st.one_of(st.binary(min_size=n, max_size=n), st.just(bytes(n)))
)
_good_trace = st.binary(min_size=16, max_size=16).filter(any)
_good_span = st.binary(min_size=8, max_size=8).filter(any)
_instant = st.one_of(st.integers(0, 2**63 - 1), st.integers(2**63 - 2, 2**64 - 1))
_scalars = st.one_of(
    st.none(),
    _short,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(width=64),
    st.binary(max_size=9),
)
_nested = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)
_attributes = st.dictionaries(st.text(max_size=4), _nested, max_size=3).map(attributes)
_events = st.builds(Span.Event, time_unix_nano=_instant, name=_short, attributes=_attributes)
_links = st.builds(
    Span.Link,
    trace_id=_good_trace | _bytes,
    span_id=_good_span | _bytes,
    attributes=_attributes,
)
_spans = st.builds(
    Span,
    trace_id=_good_trace | _bytes,
    span_id=_good_span | _bytes,
    parent_span_id=st.just(b"") | _good_span | _bytes,
    name=_short,
    trace_state=_short,
    start_time_unix_nano=_instant,
    end_time_unix_nano=_instant,
    attributes=_attributes,
    events=st.lists(_events, max_size=2),
    links=st.lists(_links, max_size=2),
    flags=st.integers(0, 2**32 - 1),
)
_logs = st.builds(
    LogRecord,
    time_unix_nano=_instant,
    observed_time_unix_nano=_instant,
    severity_text=_short,
    event_name=_short,
    body=_nested.map(lambda v: attributes({"": v})[0].value),
    trace_id=st.just(b"") | _good_trace | _bytes,
    span_id=st.just(b"") | _good_span | _bytes,
    attributes=_attributes,
)


@given(st.lists(_spans, max_size=3), _attributes, _short, _short)
@settings(max_examples=100, deadline=None)
def test_spans_are_judged_as_by_the_slow_reference(
    spans: list[Span], resource: list[KeyValue], scope: str, schema: str
) -> None:
    """Counts and faults of a request of spans are those of the parsed messages."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.CopyFrom(Resource(attributes=resource))
    inner = group.scope_spans.add(scope=InstrumentationScope(name=scope), spans=spans)
    inner.schema_url = schema
    body = request.SerializeToString()
    if group.resource.ByteSize() > TIGHT.record_bytes:
        with pytest.raises(LimitExceeded):
            scan(body, "traces", TIGHT)
        return
    found = scan(body, "traces", TIGHT)
    owner = _pairs(resource, TIGHT.attributes_per_resource)
    owner |= _text(scope, TIGHT.name_bytes) | _text(schema, TIGHT.name_bytes)
    expected = _union(_sized(each, _span(each)) for each in spans)
    assert (len(spans), expected, owner) == (found.records, found.faults, found.owner_faults)


@given(st.lists(_logs, max_size=3))
@settings(max_examples=100, deadline=None)
def test_logs_are_judged_as_by_the_slow_reference(records: list[LogRecord]) -> None:
    """Counts and faults of a request of log records are those of the parsed messages."""
    found = scan(logs(*records, service="s").SerializeToString(), "logs", TIGHT)
    expected = _union(_sized(each, _log(each)) for each in records)
    assert (len(records), expected) == (found.records, found.faults)


# -- any bytes at all ------------------------------------------------------------------------------

_EVERYTHING: dict[Signal, bytes] = {
    "traces": traces(
        span(trace=7, span_id=8, parent=9, a="x", b=1, c=2.5, d=True, e=b"\x01"),
        span(error=True, list=["a", {"b": 1}]),
    ).SerializeToString(),
    "logs": logs(log("text", n=1), log({"k": [1, "é"]})).SerializeToString(),
    "metrics": b"",  # filled below
}


def _every_kind() -> list[Metric]:
    made = [Metric(name=kind, unit="1") for kind in ("g", "s", "h", "e", "q")]
    made[0].gauge.data_points.add(as_double=1.5)
    made[1].sum.data_points.add(as_int=2, attributes=attributes({"a": "b"}))
    made[1].sum.data_points.add(as_int=3).exemplars.add(as_int=1, span_id=b"12345678")
    made[2].histogram.data_points.add(count=3, bucket_counts=[1, 2], explicit_bounds=[0.5])
    for _ in range(3):
        point = made[3].exponential_histogram.data_points.add(count=4, scale=-1)
        point.positive.offset = -2
        point.positive.bucket_counts.extend([1, 300])
    for _ in range(4):
        made[4].summary.data_points.add(count=5).quantile_values.add(quantile=0.5, value=1)
    return made


_EVERYTHING["metrics"] = metrics(_every_kind()).SerializeToString()
_signals: st.SearchStrategy[Signal] = st.sampled_from(["traces", "logs", "metrics"])


def _parses(body: bytes, signal: Signal) -> bool:
    try:
        REQUEST_TYPES[signal]().ParseFromString(body)
    except DecodeError:
        return False
    return True


def _agree_on(body: bytes, signal: Signal) -> None:
    parsed = _parses(body, signal)
    try:
        found = scan(body, signal, SERVER_LIMITS)
    except MalformedBody as error:
        offset = int(str(error).rpartition(" ")[2])
        is_group = body[offset] & 7 in (3, 4)
        assert not parsed or is_group, f"refused at byte {offset} what protobuf reads"
    except LimitExceeded:
        pass
    else:
        assert parsed or found.faults or found.owner_faults, "accepted what protobuf cannot read"


@given(_signals, st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_requests_are_readable_exactly_when_protobuf_says_so(
    signal: Signal, data: st.DataObject
) -> None:
    """A few changed, added or removed bytes never crash the scan, nor make it disagree."""
    body = bytearray(_EVERYTHING[signal])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                body[at] = data.draw(st.integers(0, 255))
            case 1:
                body[at:at] = data.draw(st.binary(min_size=1, max_size=12))
            case 2:
                del body[at : at + data.draw(st.integers(1, 8))]
            case _:
                body[at] ^= 1 << data.draw(st.integers(0, 7))
        body = body or bytearray(b"\n")
    _agree_on(bytes(body), signal)


@given(st.binary(max_size=60), _signals)
@example(b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x00", "traces")
@example(b"\x88\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00", "logs")
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_readable_exactly_when_protobuf_says_so(
    body: bytes, signal: Signal
) -> None:
    """Bytes from nowhere never crash the scan."""
    _agree_on(body, signal)


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_a_request_cut_anywhere_is_readable_exactly_when_protobuf_says_so(signal: Signal) -> None:
    """Each prefix of a request is refused, or is one that protobuf reads too."""
    body = _EVERYTHING[signal]
    for size in range(len(body)):
        _agree_on(body[:size], signal)


def test_packed_numbers_that_do_not_come_out_even_are_a_fault() -> None:
    """Bucket counts that protobuf cannot unpack do not pass as they are."""
    for point in (
        bytes_field(6, b"\x00" * 9),  # fixed64 counts
        bytes_field(7, b"\x00" * 4),  # double bounds
    ):
        metric = bytes_field(9, bytes_field(1, point))
        assert Fault.WIRE_TYPE in _faults(metric, Message.METRIC)
    buckets = bytes_field(8, bytes_field(2, b"\x01\x80"))
    metric = bytes_field(10, bytes_field(1, buckets))
    assert Fault.WIRE_TYPE in _faults(metric, Message.METRIC)


@given(st.binary(max_size=12))
@example(b"\xed\xa0\x80")
@example(b"\xf4\x90\x80\x80")
@example(b"\xc0\x80")
@example("é𝄞€".encode())
@settings(max_examples=300, deadline=None)
def test_utf8_is_what_python_decodes(raw: bytes) -> None:
    """A name is good UTF-8 exactly when Python decodes it."""
    item = bytes_field(1, b"\1" * 16) + bytes_field(2, b"\1" * 8) + bytes_field(5, raw)
    try:
        raw.decode()
        expected = Fault(0)
    except UnicodeDecodeError:
        expected = Fault.UTF8
    assert expected == _faults(item, Message.SPAN)


def _faults(item: bytes, message: Message) -> Fault:
    """Return the faults of a record by itself."""
    found = scan_message(item, message, SERVER_LIMITS)
    return found.faults | found.owner_faults


def test_every_field_of_otlp_is_known_to_the_scan() -> None:
    """A message or text that the scan passed over could hold what protobuf cannot read."""
    passed_over = set()
    known: set[tuple[str, int]] = set()

    def look(kind: Any, message: int) -> None:
        if (kind.full_name, message) in known:
            return
        known.add((kind.full_name, message))
        for each in kind.fields:
            action = ACTION[message, each.number]
            if WIRE[message, each.number] == UNKNOWN:
                passed_over.add(f"{kind.name}.{each.name}")
            elif each.message_type is not None:
                assert Action.ENTER == action
                look(each.message_type, int(CHILD[message, each.number]))
            elif each.type == each.TYPE_STRING:
                assert Action.TEXT_NAME <= action <= Action.TEXT_BODY, each.full_name

    for signal, request in REQUEST_TYPES.items():
        look(request.DESCRIPTOR, int(ROOT[signal]))
    assert set() == passed_over


# -- limits ----------------------------------------------------------------------------------------


def test_all_metric_kinds_are_counted() -> None:
    """Points are counted by kind in the order of the tables."""
    found = scan(_EVERYTHING["metrics"], "metrics", SERVER_LIMITS)
    assert (11, (1, 2, 1, 3, 4)) == (found.records, found.points)
    assert (Fault(0), Fault(0)) == (found.faults, found.owner_faults)


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_one_record_too_many_refuses_the_request(signal: Signal) -> None:
    """The limit on records is exact, and names itself."""
    count = scan(_EVERYTHING[signal], signal, SERVER_LIMITS).records
    scan(_EVERYTHING[signal], signal, replace(SERVER_LIMITS, records=count))
    with pytest.raises(LimitExceeded, match=f"more than {count - 1} records"):
        scan(_EVERYTHING[signal], signal, replace(SERVER_LIMITS, records=count - 1))


def test_empty_groups_are_bounded() -> None:
    """Groups without records cannot be piled up either."""
    limits = replace(SERVER_LIMITS, containers=100)
    scan(b"\x0a\x00" * 100, "traces", limits)
    with pytest.raises(LimitExceeded, match="groups"):
        scan(b"\x0a\x00" * 101, "traces", limits)


def test_empty_metrics_are_bounded() -> None:
    """Metrics without points cannot be piled up either."""
    limits = replace(SERVER_LIMITS, containers=100)
    body = bytes_field(1, bytes_field(2, b"\x12\x00" * 300))
    with pytest.raises(LimitExceeded, match="groups"):
        scan(body, "metrics", limits)


def test_a_giant_resource_refuses_the_request() -> None:
    """A resource goes with every one of its records, so its size is bounded as a whole."""
    giant = traces(span(), blob="x" * SERVER_LIMITS.record_bytes).SerializeToString()
    with pytest.raises(LimitExceeded, match="resource or scope of more than"):
        scan(giant, "traces", SERVER_LIMITS)


def test_deep_nesting_ends_the_walk_and_not_the_process() -> None:
    """Five thousand arrays inside one another are one fault."""
    value = b""
    for _ in range(5_000):
        value = bytes_field(5, bytes_field(1, value))
    item = bytes_field(5, value)
    assert Fault.NESTING in _faults(item, Message.LOG_RECORD)


def test_fields_kept_for_the_receipt_are_a_fault() -> None:
    """A sender's own fields from 1000 on do not pass as they are, however the tag is written."""
    for tag in (encode_varint(1002 << 3 | 2), b"\xd2\xbe\x80\x80\x00"):
        body = _EVERYTHING["traces"] + tag + b"\x05admin"
        assert Fault.RESERVED_FIELD in scan(body, "traces", SERVER_LIMITS).owner_faults


def test_field_numbers_past_the_protocol_are_refused() -> None:
    """A tag of more than 32 bits could look like another field to a laxer reader."""
    tag = encode_varint((1 + 2**32) << 3 | 2)
    with pytest.raises(MalformedBody):
        scan(bytes_field(1, tag + b"\x00"), "traces", SERVER_LIMITS)


def test_a_bomb_of_empty_spans_is_refused_with_little_memory() -> None:
    """20 KiB that hold ten million empty spans cost a few megabytes, packed or not."""
    inside = b"\x12\x00" * 10_000_000
    bomb = bytes_field(1, bytes_field(2, inside[: SERVER_LIMITS.body_bytes - 64]))
    packed = gzip.compress(bomb, 9)
    assert len(packed) < 32 * 1024
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded):
            scan(decompress(packed, "gzip", SERVER_LIMITS), "traces", SERVER_LIMITS)
        with pytest.raises(LimitExceeded, match="50,000 records"):
            scan(bomb, "traces", SERVER_LIMITS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
