"""The benchmark data keep their promises: same seed same bytes, nothing repeated, real shape."""

import io
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.data import Body, Spec, log_bodies, metric_bodies, trace_bodies
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

HOUR_NS = 3_600_000_000_000
SPEC = Spec(seed=7, spans=30_000, logs=20_000, metric_interval_ns=12 * HOUR_NS)
KINDS = {"gauge", "sum", "histogram", "exponential_histogram", "summary"}


@pytest.fixture(scope="module")
def traces() -> list[Body]:
    """All trace requests of the specification."""
    return list(trace_bodies(SPEC))


@pytest.fixture(scope="module")
def logs() -> list[Body]:
    """All log requests of the specification."""
    return list(log_bodies(SPEC))


def _text(attributes: list[KeyValue], key: str) -> str:
    return next((pair.value.string_value for pair in attributes if pair.key == key), "")


def _spans(bodies: list[Body]) -> Iterator[tuple[str, Span]]:
    for body in bodies:
        for group in ExportTraceServiceRequest.FromString(body.payload).resource_spans:
            service = _text(list(group.resource.attributes), "service.name")
            for scope in group.scope_spans:
                for span in scope.spans:
                    yield service, span


def _lines(bodies: list[Body]) -> Iterator[LogRecord]:
    for body in bodies:
        for group in ExportLogsServiceRequest.FromString(body.payload).resource_logs:
            for scope in group.scope_logs:
                yield from scope.log_records


def test_same_seed_same_bytes(traces: list[Body], logs: list[Body]) -> None:
    """A specification yields equal bodies however often and in whatever order it is asked."""
    again = (list(metric_bodies(SPEC)), list(log_bodies(SPEC)), list(trace_bodies(SPEC)))
    assert again == (list(metric_bodies(SPEC)), logs, traces)


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _delimited(bodies: Iterator[Body]) -> bytes:
    """Return the payloads as ClickHouse's `Protobuf` framing: length, message, length, message."""
    framed = io.BytesIO()
    for body in bodies:
        framed.write(_varint(len(body.payload)) + body.payload)
    return framed.getvalue()


def test_command_line_writes_the_same_bytes(tmp_path: Path) -> None:
    """Another process, told the same by flags, writes the same bodies, each after its length."""
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "data.py"
    arguments = ["--seed", "3", "--spans", "3000", "--logs", "3000", "--out", str(tmp_path)]
    arguments += ["--metric-interval-s", "43200", "--records-per-request", "700"]
    spec = Spec(seed=3, spans=3000, logs=3000, metric_interval_ns=12 * HOUR_NS)

    subprocess.run([sys.executable, str(script), *arguments], check=True, capture_output=True)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "traces.pb": _delimited(trace_bodies(spec, 700)),
        "logs.pb": _delimited(log_bodies(spec, 700)),
        "metrics.pb": _delimited(metric_bodies(spec)),
    }


def test_other_seed_other_data(traces: list[Body]) -> None:
    """No request of one seed comes out of another."""
    other = {body.payload for body in trace_bodies(replace(SPEC, seed=8))}
    assert other.isdisjoint(body.payload for body in traces)


def test_counts_are_exact(traces: list[Body], logs: list[Body]) -> None:
    """The counts told are the counts asked for, and the counts on the wire."""
    assert sum(body.records for body in traces) == SPEC.spans == sum(1 for _ in _spans(traces))
    assert sum(body.records for body in logs) == SPEC.logs == sum(1 for _ in _lines(logs))


def test_body_size_is_about_what_was_asked(traces: list[Body]) -> None:
    """Requests hold about as many records as asked for."""
    small = [body.records for body in trace_bodies(SPEC, spans_per_body=100)]
    assert sum(small) == SPEC.spans
    assert (min(small), max(small)) == (100, 100)
    assert all(abs(body.records - 2000) <= 1 for body in traces)


def test_nothing_is_repeated(traces: list[Body], logs: list[Body]) -> None:
    """Span ids, whole spans and whole log lines are all different."""
    spans = [span for _, span in _spans(traces)]
    assert len({span.span_id for span in spans}) == SPEC.spans
    assert len({line.SerializeToString() for line in _lines(logs)}) == SPEC.logs
    assert {(len(span.trace_id), len(span.span_id)) for span in spans} == {(16, 8)}


def test_shape_of_the_system(traces: list[Body]) -> None:
    """There are at least 40 services, 300 operations and all kinds of span."""
    found = list(_spans(traces))
    assert len({service for service, _ in found}) >= 40
    assert len({(service, span.name) for service, span in found}) >= 300
    assert {span.kind for _, span in found} == {1, 2, 3, 4, 5}


def test_trace_sizes_follow_a_power_law(traces: list[Body]) -> None:
    """Halves of traces are small, yet a large share of spans sits in large traces."""
    sizes = sorted(Counter(span.trace_id for _, span in _spans(traces)).values())
    large = sum(size for size in sizes if size >= 100)
    assert sizes[len(sizes) // 2] <= 5
    assert sizes[-1] >= 500
    assert large >= SPEC.spans // 5


def test_traces_are_whole_trees(traces: list[Body]) -> None:
    """Every parent is a span of the same trace, and each trace has one root."""
    spans = [span for _, span in _spans(traces)]
    trace_of = {span.span_id: span.trace_id for span in spans}
    children = [span for span in spans if span.parent_span_id]
    assert all(trace_of[span.parent_span_id] == span.trace_id for span in children)
    assert len(spans) - len(children) == len({span.trace_id for span in spans})


def test_errors_carry_stack_traces(traces: list[Body], logs: list[Body]) -> None:
    """One to five in a hundred spans fail; exceptions have stack traces of a kibibyte."""
    spans = [span for _, span in _spans(traces)]
    failed = [span for span in spans if span.status.code == Status.STATUS_CODE_ERROR]
    stacks = [
        _text(list(event.attributes), "exception.stacktrace")
        for span in failed
        for event in span.events
    ]
    lines = [_text(list(line.attributes), "exception.stacktrace") for line in _lines(logs)]
    assert 0.01 <= len(failed) / SPEC.spans <= 0.05
    assert min(len(stack) for stack in stacks) >= 1024
    assert min(len(stack) for stack in lines if stack) >= 1024
    assert len(stacks) >= SPEC.spans // 400


def test_logs_belong_to_spans(traces: list[Body], logs: list[Body]) -> None:
    """Most lines name a span that was generated, and lie within it."""
    spans = {span.span_id: span for _, span in _spans(traces)}
    lines = [line for line in _lines(logs) if line.span_id]
    assert all(spans[line.span_id].trace_id == line.trace_id for line in lines)
    assert all(
        spans[line.span_id].start_time_unix_nano
        <= line.time_unix_nano
        <= spans[line.span_id].end_time_unix_nano
        for line in lines
    )
    assert 0.8 <= len(lines) / SPEC.logs < 1


def test_time_range_is_covered(traces: list[Body]) -> None:
    """Traces start in the range asked for, and fill all of it."""
    starts = [span.start_time_unix_nano for _, span in _spans(traces) if not span.parent_span_id]
    assert SPEC.start_unix_ns <= min(starts)
    assert max(starts) < SPEC.end_unix_ns
    assert max(starts) - min(starts) > 47 * HOUR_NS
    assert [body.first_unix_ns for body in traces] == sorted(body.first_unix_ns for body in traces)


def test_judges_stand_apart() -> None:
    """Nothing of the product imports the data it is judged by."""
    sources = Path(__file__).resolve().parents[2] / "src"
    importers = [
        path
        for path in sources.rglob("*.py")
        if re.search(r"^\s*(from|import) benchmarks", path.read_text(), re.M)
    ]
    assert importers == []


def test_metrics_of_all_five_kinds() -> None:
    """Each export has points of every kind, as many as it says, no two exports alike."""
    bodies = list(metric_bodies(SPEC))
    assert len({body.payload for body in bodies}) == len(bodies) == 4
    for body in bodies:
        kinds: Counter[str] = Counter()
        for group in ExportMetricsServiceRequest.FromString(body.payload).resource_metrics:
            for metric in group.scope_metrics[0].metrics:
                kind = metric.WhichOneof("data")
                assert kind is not None
                kinds[kind] += len(getattr(metric, kind).data_points)
        assert set(kinds) == KINDS
        assert kinds.total() == body.records
