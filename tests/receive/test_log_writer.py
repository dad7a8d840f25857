"""Log records written without protobuf's objects: what protobuf reads of them."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.receive.any_value import add_attributes
from tracepulse.receive.log_writer import LogWriter

PLAIN = st.one_of(
    st.text(max_size=200), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(), st.binary()
)
ATTRIBUTES = st.lists(st.tuples(st.text(max_size=40), st.none() | PLAIN), max_size=6)
RECORDS = st.fixed_dictionaries(
    {
        "time_unix_ns": st.integers(0, 2**64 - 1),
        "observed_unix_ns": st.integers(0, 2**64 - 1),
        "severity_number": st.integers(0, 24),
        "severity_text": st.text(max_size=9),
        "attributes": ATTRIBUTES,
        "trace_id": st.sampled_from([b"", b"t" * 16]),
        "span_id": st.sampled_from([b"", b"s" * 8]),
        "event_name": st.text(max_size=9),
        "scope": st.tuples(st.text(max_size=5), st.text(max_size=5)),
    }
)


@given(records=st.lists(st.tuples(st.text(max_size=20_000), RECORDS), max_size=6), service=PLAIN)
@settings(max_examples=100, deadline=None)
def test_protobuf_reads_what_was_written(
    records: list[tuple[str, dict[str, Any]]], service: Any
) -> None:
    """Every field comes back, in the order of the records of a scope."""
    writer = LogWriter()
    wanted = ExportLogsServiceRequest()
    group = wanted.resource_logs.add()
    add_attributes(group.resource.attributes, [("service.name", service)])
    scopes: dict[tuple[str, str], Any] = {}
    for body, fields in records:
        writer.add((("service.name", service),), body, **fields)
        scope = fields["scope"]
        if scope not in scopes:
            scopes[scope] = group.scope_logs.add()
            scopes[scope].scope.name, scopes[scope].scope.version = scope
        record = scopes[scope].log_records.add(
            time_unix_nano=fields["time_unix_ns"],
            observed_time_unix_nano=fields["observed_unix_ns"],
            severity_number=fields["severity_number"],
            severity_text=fields["severity_text"],
            trace_id=fields["trace_id"],
            span_id=fields["span_id"],
            event_name=fields["event_name"],
        )
        if body:
            record.body.string_value = body
        add_attributes(record.attributes, fields["attributes"])
    read = ExportLogsServiceRequest.FromString(writer.to_bytes())
    assert writer.records == len(records)
    told = [
        (s.scope.name, s.scope.version, [*s.log_records])
        for g in read.resource_logs
        for s in g.scope_logs
    ]
    meant = [(s.scope.name, s.scope.version, [*s.log_records]) for s in group.scope_logs]
    assert repr(told) == repr(meant)
    if records:
        assert repr(read.resource_logs[0].resource) == repr(group.resource)


def test_values_that_look_alike_stay_what_they_are() -> None:
    """1, 1.0, True and '1' are four values, and lists and maps are JSON text."""
    writer = LogWriter()
    values = [1, True, 1.0, "1", [1, "a"], {"b": None}, 2**70, "\ud800"]
    writer.add((), "", attributes=[(f"v{place}", value) for place, value in enumerate(values)])
    read = ExportLogsServiceRequest.FromString(writer.to_bytes())
    (record,) = read.resource_logs[0].scope_logs[0].log_records
    kinds: list[tuple[str, Any]] = []
    for attribute in record.attributes:
        kind = str(attribute.value.WhichOneof("value"))
        kinds.append((kind, getattr(attribute.value, kind)))
    assert kinds == [
        ("int_value", 1),
        ("bool_value", True),
        ("double_value", 1.0),
        ("string_value", "1"),
        ("string_value", '[1,"a"]'),
        ("string_value", '{"b":null}'),
        ("string_value", str(2**70)),
        ("string_value", "?"),
    ]
