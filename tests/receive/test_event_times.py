"""Instants that cannot be right: moved to where they do no harm, and what the sender wrote is kept."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.otlp_requests import SECOND, attributes, log, logs, metrics, span, traces

from tracepulse.receive.admission import Admitted, admit
from tracepulse.receive.limits import (
    ANY_TIME,
    DAY_NS,
    MAX_AHEAD_NS,
    SERVER_LIMITS,
    TimeWindow,
    live_window,
)
from tracepulse.receive.wire import Fault, scan

NOW = 1_800_000_000 * SECOND
LIVE = live_window(NOW, retention_days=30)
EARLIEST, LATEST = NOW - 30 * DAY_NS, NOW + MAX_AHEAD_NS
YEAR_2500 = 16_725_225_600 * SECOND
ORIGINAL = "tracepulse.original_time_unix_nano"
ORIGINAL_END = "tracepulse.original_end_time_unix_nano"


def _values(pairs: Any) -> dict[str, Any]:
    return {p.key: getattr(p.value, p.value.WhichOneof("value")) for p in pairs}


def _span(item: Span, window: TimeWindow = LIVE) -> tuple[Span, Admitted]:
    admitted = admit(traces(item).SerializeToString(), "traces", SERVER_LIMITS, window)
    request = ExportTraceServiceRequest.FromString(admitted.body)
    return request.resource_spans[0].scope_spans[0].spans[0], admitted


def _log(item: LogRecord) -> tuple[LogRecord, Admitted]:
    admitted = admit(logs(item).SerializeToString(), "logs", SERVER_LIMITS, LIVE)
    request = ExportLogsServiceRequest.FromString(admitted.body)
    return request.resource_logs[0].scope_logs[0].log_records[0], admitted


def _metric(item: Metric, window: TimeWindow = LIVE) -> tuple[Metric, Admitted]:
    admitted = admit(metrics([item]).SerializeToString(), "metrics", SERVER_LIMITS, window)
    request = ExportMetricsServiceRequest.FromString(admitted.body)
    return request.resource_metrics[0].scope_metrics[0].metrics[0], admitted


def test_the_ends_of_the_window_belong_to_it() -> None:
    """As old as retention allows, and a day ahead, is taken as it is."""
    body = traces(
        span(start=EARLIEST), span(start=LATEST, duration=0), span(start=NOW)
    ).SerializeToString()
    assert Admitted(body, 3) == admit(body, "traces", SERVER_LIMITS, LIVE)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (1, EARLIEST),
        (EARLIEST - 1, EARLIEST),
        (YEAR_2500, LATEST - 5 * SECOND),
        (2**63 - 1, LATEST - 5 * SECOND),
        (2**64 - 5 * SECOND - 1, LATEST - 5 * SECOND),
    ],
)
def test_a_span_from_another_age_is_moved_whole(written: int, stored: int) -> None:
    """It keeps its length where that fits, what it was sent with, and is counted."""
    kept, admitted = _span(span(start=written, duration=5 * SECOND, route="/pay"))
    assert (stored, stored + 5 * SECOND) == (kept.start_time_unix_nano, kept.end_time_unix_nano)
    held = _values(kept.attributes)
    assert (str(written), str(written + 5 * SECOND), "/pay") == (
        held[ORIGINAL],
        held[ORIGINAL_END],
        held["route"],
    )
    assert Counter(time_clamped=1) == admitted.mended
    assert (1, 0) == (admitted.records, admitted.rejected_records)
    assert "1 mended: an instant before retention begins" in admitted.explanation()


def test_an_end_beyond_the_window_is_cut() -> None:
    """A start that can be right is left where it is."""
    kept, _ = _span(span(start=NOW, duration=YEAR_2500 - NOW))
    assert (NOW, LATEST) == (kept.start_time_unix_nano, kept.end_time_unix_nano)
    assert {ORIGINAL_END: str(YEAR_2500)} == _values(kept.attributes)


def test_events_move_with_their_span() -> None:
    """What happened in the middle of a span from 1970 stays in its middle."""
    item = span(start=100, duration=10)
    item.events.add(time_unix_nano=105, name="a")
    item.events.add(time_unix_nano=YEAR_2500, name="b")
    item.events.add(name="c")
    kept, _ = _span(item)
    assert [EARLIEST + 5, LATEST, EARLIEST] == [e.time_unix_nano for e in kept.events]
    assert {ORIGINAL: str(YEAR_2500)} == _values(kept.events[1].attributes)


def test_an_end_before_the_start_is_no_length_and_says_so() -> None:
    """The start is believed."""
    for window in (LIVE, ANY_TIME):
        item = span(start=NOW)
        item.end_time_unix_nano = NOW - 1
        kept, admitted = _span(item, window)
        assert (NOW, NOW) == (kept.start_time_unix_nano, kept.end_time_unix_nano)
        held = _values(kept.attributes)
        assert (True, str(NOW - 1)) == (held["tracepulse.end_before_start"], held[ORIGINAL_END])
        assert Counter(end_before_start=1) == admitted.mended


def test_a_span_without_times_happened_when_it_was_received() -> None:
    """One with an end alone happened then."""
    kept, admitted = _span(span(start=0, duration=0))
    assert (NOW, NOW) == (kept.start_time_unix_nano, kept.end_time_unix_nano)
    assert 1 == admitted.mended["time_missing"]
    kept, _ = _span(span(start=0, duration=NOW - 7))
    assert (NOW - 7, NOW - 7) == (kept.start_time_unix_nano, kept.end_time_unix_nano)


def test_an_import_keeps_its_age() -> None:
    """No instant that the tables can hold is touched; one past 2262 is moved, not wrapped."""
    old = traces(span(start=0), span(start=7), span(start=2**63 - 1, duration=0))
    body = old.SerializeToString()
    assert Admitted(body, 3) == admit(body, "traces", SERVER_LIMITS, ANY_TIME)
    kept, _ = _span(span(start=YEAR_2500), ANY_TIME)
    assert 2**63 - 1 == kept.end_time_unix_nano
    assert str(YEAR_2500) == _values(kept.attributes)[ORIGINAL]


def test_a_log_line_without_a_time_is_no_fault() -> None:
    """OTLP then means the instant at which it was observed, and the tables do it."""
    for item in (log(at=0), LogRecord(observed_time_unix_nano=NOW), LogRecord(time_unix_nano=NOW)):
        body = logs(item).SerializeToString()
        assert Admitted(body, 1) == admit(body, "logs", SERVER_LIMITS, LIVE)


def test_log_lines_of_another_age_are_moved() -> None:
    """Both of a line's times, each by itself."""
    kept, admitted = _log(log(at=YEAR_2500))
    assert (LATEST, LATEST) == (kept.time_unix_nano, kept.observed_time_unix_nano)
    assert str(YEAR_2500) == _values(kept.attributes)[ORIGINAL]
    assert Counter(time_clamped=1) == admitted.mended
    kept, _ = _log(LogRecord(observed_time_unix_nano=3))
    assert (0, EARLIEST) == (kept.time_unix_nano, kept.observed_time_unix_nano)
    assert {"tracepulse.original_observed_time_unix_nano": "3"} == _values(kept.attributes)


def _every_kind() -> list[tuple[Metric, Any]]:
    made = [Metric(name=kind) for kind in ("g", "s", "h", "e", "q")]
    return list(
        zip(
            made,
            [
                made[0].gauge.data_points,
                made[1].sum.data_points,
                made[2].histogram.data_points,
                made[3].exponential_histogram.data_points,
                made[4].summary.data_points,
            ],
            strict=True,
        )
    )


@pytest.mark.parametrize("which", range(5))
def test_points_of_every_kind_are_moved(which: int) -> None:
    """The other points of the metric are left alone."""
    item, points = _every_kind()[which]
    for at in (NOW, YEAR_2500, 0, 1):
        points.add(time_unix_nano=at, start_time_unix_nano=0)
    kept, admitted = _metric(item)
    held = getattr(kept, str(kept.WhichOneof("data"))).data_points
    assert [NOW, LATEST, NOW, EARLIEST] == [p.time_unix_nano for p in held]
    assert Counter(time_clamped=2, time_missing=1) == admitted.mended
    assert 4 == admitted.records


def test_a_moved_point_stays_in_its_series() -> None:
    """Attributes tell series apart, so what was written is kept beside them."""
    item = Metric(name="queue.length")
    item.gauge.data_points.add(
        time_unix_nano=YEAR_2500, as_int=3, attributes=attributes({"queue": "a"})
    )
    kept, _ = _metric(item)
    (point,) = kept.gauge.data_points
    assert {"queue": "a"} == _values(point.attributes)
    assert {ORIGINAL: str(YEAR_2500)} == _values(point.exemplars[0].filtered_attributes)


def test_a_series_may_have_started_before_retention() -> None:
    """A process that runs for a year counts since then; a start to come is not known."""
    item = Metric(name="requests")
    item.sum.data_points.add(time_unix_nano=NOW, start_time_unix_nano=NOW - 400 * DAY_NS)
    body = metrics([item]).SerializeToString()
    assert Admitted(body, 1) == admit(body, "metrics", SERVER_LIMITS, LIVE)
    item.sum.data_points[0].start_time_unix_nano = LATEST + 1
    kept, _ = _metric(item)
    assert 0 == kept.sum.data_points[0].start_time_unix_nano


def test_marks_of_a_span_with_all_its_attributes_stay() -> None:
    """At the limit it is another attribute that gives way, and is counted."""
    full: dict[str, Any] = {f"k{i}": i for i in range(SERVER_LIMITS.attributes_per_record)}
    kept, _ = _span(span(start=1, **full))
    assert str(1) == _values(kept.attributes)[ORIGINAL]
    assert (128, 2) == (len(kept.attributes), kept.dropped_attributes_count)


_instant = st.one_of(
    st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, EARLIEST - 1, EARLIEST, NOW, LATEST, LATEST + 1, 2**63, 2**64 - 1]),
)


@given(st.lists(st.tuples(_instant, _instant, _instant), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_is_written_ends_up_inside(times: list[tuple[int, int, int]]) -> None:
    """After a request of any instants at all nothing is left for the scan to find."""
    made = []
    for start, end, event in times:
        item = Span(trace_id=b"\1" * 16, span_id=b"\1" * 8)
        item.start_time_unix_nano, item.end_time_unix_nano = start, end
        item.events.add(time_unix_nano=event)
        made.append(item)
    for window in (LIVE, ANY_TIME):
        admitted = admit(traces(*made).SerializeToString(), "traces", SERVER_LIMITS, window)
        assert len(times) == admitted.records
        assert Fault(0) == scan(admitted.body, "traces", SERVER_LIMITS, window).faults
