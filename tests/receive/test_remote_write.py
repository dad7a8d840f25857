"""Prometheus' remote write 1.0 and 2.0: what is kept, and what the sender is answered."""

import math
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from tests.receive.prometheus_messages import (
    HistogramMessage,
    RequestV2,
    WriteRequest,
    packed,
    request_1,
    request_2,
)
from tests.receive.protocol_port import ProtocolPort

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.access import Scope
from tracepulse.receive.native_histograms import HistogramRefused, write_histogram
from tracepulse.receive.prometheus_series import Data, MetricType, SeriesMemory
from tracepulse.receive.remote_write_1 import write_remote_1
from tracepulse.receive.remote_write_2 import write_remote_2

PATH = "/api/v1/write"
V1 = {"content_type": "application/x-protobuf", "content_encoding": "snappy"}
V2 = {**V1, "content_type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
NOW_MS = 1_700_000_000_000
STALE = struct.unpack("<d", bytes.fromhex("020000000000f07f"))[0]
TOTAL = {
    "__name__": "http_requests_total",
    "instance": "10.0.0.7:9090",
    "job": "shop/checkout",
    "method": "GET",
}


def _points(body: bytes) -> dict[tuple[str, ...], tuple[str, Any]]:
    """Return each number point by resource, metric, labels and time: what kind it is and its value."""
    found: dict[tuple[str, ...], tuple[str, Any]] = {}
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        owner = [a.value.string_value for a in resource.resource.attributes]
        for metric in resource.scope_metrics[0].metrics:
            kind = str(metric.WhichOneof("data"))
            for point in getattr(metric, kind).data_points:
                labels = sorted(f"{a.key}={a.value.string_value}" for a in point.attributes)
                key = (*owner, metric.name, *labels, str(point.time_unix_nano))
                assert key not in found
                found[key] = kind, None if point.flags else point.as_double
    return found


def _metrics(body: bytes) -> dict[str, Metric]:
    request = ExportMetricsServiceRequest.FromString(body)
    return {m.name: m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics}


@pytest.mark.parametrize(("make", "headers"), [(request_1, V1), (request_2, V2)])
def test_samples_are_kept_and_counted_for_the_sender(
    make: Callable[..., Any], headers: dict[str, str]
) -> None:
    """204 with how many were written; labels are attributes, job and instance name the resource."""
    port = ProtocolPort()
    gauge = {"__name__": "memory_bytes", "job": "shop/checkout", "instance": "10.0.0.7:9090"}
    request = make((TOTAL, [(17.5, NOW_MS - 1_000), (18.0, NOW_MS)]), (gauge, [(0.0, NOW_MS)]))
    answer = port.post(PATH, packed(request), **headers)
    assert (204, "3", "0", "0") == (
        answer.status_code,
        *(
            answer.headers[f"x-prometheus-remote-write-{what}-written"]
            for what in ("samples", "histograms", "exemplars")
        ),
    )
    ((signal, body, receipt, records),) = port.sink.kept
    assert ("metrics", "prometheus", 3) == (signal, receipt.origin, records)
    own = ("checkout", "10.0.0.7:9090")
    where = ("instance=10.0.0.7:9090", "job=shop/checkout")
    labels = (*where, "method=GET")
    assert {
        (*own, "http_requests_total", *labels, f"{NOW_MS - 1_000}000000"): ("sum", 17.5),
        (*own, "http_requests_total", *labels, f"{NOW_MS}000000"): ("sum", 18.0),
        (*own, "memory_bytes", *where, f"{NOW_MS}000000"): ("gauge", 0.0),
    } == _points(body)
    total = _metrics(body)["http_requests_total"].sum
    assert (True, 2) == (total.is_monotonic, total.aggregation_temporality)


VALUES = st.one_of(
    st.floats(allow_nan=False), st.just(0.0), st.just(STALE), st.integers(0, 100).map(float)
)
SERIES = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(["job", "instance", "le", "ä", "method"]), st.text(max_size=6)
        ),
        st.sampled_from(["up", "x_total", "x_bucket", "y"]),
        st.lists(st.tuples(VALUES, st.integers(1, 2**41)), max_size=3),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(SERIES)
def test_both_versions_and_any_memory_keep_the_same(series: list[Any]) -> None:
    """What is known of series from before changes nothing but the time it takes."""
    given_series = [({"__name__": name, **labels}, samples) for labels, name, samples in series]
    memory = SeriesMemory()
    first, again = (
        write_remote_1(request_1(*given_series).SerializeToString(), memory).converted().body
        for _ in range(2)
    )
    fresh = write_remote_1(request_1(*given_series).SerializeToString(), SeriesMemory())
    other = write_remote_2(request_2(*given_series).SerializeToString(), SeriesMemory())
    assert first == again == fresh.converted().body == other.converted().body
    count = sum(len(samples) for _, samples in given_series)
    assert count == fresh.samples == other.samples
    expected = [
        (str(at * 1_000_000), None if _bits(value) == _bits(STALE) else value)
        for _, samples in given_series
        for value, at in samples
    ]
    request = ExportMetricsServiceRequest.FromString(first)
    read = [
        (str(p.time_unix_nano), None if p.flags else p.as_double)
        for r in request.resource_metrics
        for m in r.scope_metrics[0].metrics
        for p in (m.sum.data_points or m.gauge.data_points)
    ]
    assert sorted(map(str, expected)) == sorted(map(str, read))


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


def test_the_end_of_a_series_is_kept_as_no_value() -> None:
    """Prometheus' stale marker is OTLP's point without a recorded value; any other NaN is a value."""
    body = request_1((TOTAL, [(STALE, NOW_MS), (math.nan, NOW_MS + 1)])).SerializeToString()
    first, second = _points(write_remote_1(body, SeriesMemory()).converted().body).values()
    assert ("sum", None) == first
    assert math.isnan(second[1])


def test_metadata_tells_the_kind_and_the_unit() -> None:
    """A counter without the usual ending is a counter; it is remembered for the requests after it."""
    memory = SeriesMemory()
    plain = request_1(({"__name__": "hits"}, [(1.0, NOW_MS)]), ({"__name__": "t_sum"}, [(1.0, 1)]))
    body = plain.SerializeToString()
    before = _metrics(write_remote_1(body, memory).converted().body)
    assert ["gauge", "sum"] == [before[name].WhichOneof("data") for name in ("hits", "t_sum")]
    told = WriteRequest()
    told.metadata.add(type=MetricType.COUNTER, metric_family_name="hits", help="All.", unit="1")
    told.metadata.add(type=MetricType.GAUGE, metric_family_name="t_sum")
    assert 0 == write_remote_1(told.SerializeToString(), memory).samples
    after = _metrics(write_remote_1(body, memory).converted().body)
    assert ["sum", "gauge"] == [after[name].WhichOneof("data") for name in ("hits", "t_sum")]
    assert ("All.", "1") == (after["hits"].description, after["hits"].unit)


def test_version_2_brings_metadata_and_beginnings_along() -> None:
    """Type, unit and the instant from which a counter counts stand with each series."""
    request = request_2(({"__name__": "hits"}, [(5.0, NOW_MS)]))
    request.symbols.append("By")
    series = request.timeseries[0]
    series.metadata.type, series.metadata.unit_ref = MetricType.COUNTER, len(request.symbols) - 1
    series.created_timestamp = NOW_MS - 60_000
    made = write_remote_2(request.SerializeToString(), SeriesMemory()).converted().body
    (metric,) = _metrics(made).values()
    (point,) = metric.sum.data_points
    assert ("By", 5.0, (NOW_MS - 60_000) * 10**6) == (
        metric.unit,
        point.as_double,
        point.start_time_unix_nano,
    )


def _histogram(**fields: Any) -> Any:
    return HistogramMessage(timestamp=NOW_MS, sum=12.5, **fields)


def test_a_native_histogram() -> None:
    """Runs of buckets are laid out in full, shifted by one, in each of the two directions."""
    given_one = _histogram(count_int=11, schema=3, zero_threshold=0.001, zero_count_int=1)
    for offset, length in ((-2, 2), (3, 1)):
        given_one.positive_spans.add(offset=offset, length=length)
    given_one.positive_deltas.extend([1, 2, -1])
    given_one.negative_spans.add(offset=1, length=1)
    given_one.negative_deltas.append(4)
    request = request_1((TOTAL, []))
    request.timeseries[0].histograms.append(given_one)
    port = ProtocolPort()
    answer = port.post(PATH, packed(request), **V1)
    assert (204, "0", "1") == (
        answer.status_code,
        answer.headers["x-prometheus-remote-write-samples-written"],
        answer.headers["x-prometheus-remote-write-histograms-written"],
    )
    (metric,) = _metrics(port.sink.kept[0][1]).values()
    assert 2 == metric.exponential_histogram.aggregation_temporality
    (point,) = metric.exponential_histogram.data_points
    assert (11, 12.5, 3, 1, 0.001, NOW_MS * 10**6) == (
        point.count,
        point.sum,
        point.scale,
        point.zero_count,
        point.zero_threshold,
        point.time_unix_nano,
    )
    assert (-3, [1, 3, 0, 0, 0, 2]) == (point.positive.offset, list(point.positive.bucket_counts))
    assert (0, [4]) == (point.negative.offset, list(point.negative.bucket_counts))
    assert {"instance": "10.0.0.7:9090", "job": "shop/checkout", "method": "GET"} == {
        a.key: a.value.string_value for a in point.attributes
    }


def test_a_native_histogram_of_custom_buckets() -> None:
    """It has bounds of its own; the last bucket is without one."""
    given_one = _histogram(count_float=6.0, schema=-53, custom_values=[0.1, 0.5, 1.0])
    given_one.positive_spans.add(offset=1, length=3)
    given_one.positive_counts.extend([1.0, 2.0, 3.0])
    request = request_2((TOTAL, []))
    request.timeseries[0].histograms.append(given_one)
    written = write_remote_2(request.SerializeToString(), SeriesMemory())
    (metric,) = _metrics(written.converted().body).values()
    (point,) = metric.histogram.data_points
    assert (6, [0.1, 0.5, 1.0], [0, 1, 2, 3]) == (
        point.count,
        list(point.explicit_bounds),
        list(point.bucket_counts),
    )


@pytest.mark.parametrize(
    ("fields", "spans", "reason"),
    [
        ({"schema": 99}, [], "native_histogram_schema"),
        ({"count_float": 1.5}, [], "native_histogram_of_fractions"),
        ({"positive_deltas": [1]}, [], "native_histogram_buckets"),
        ({"positive_deltas": [-1]}, [(0, 1)], "native_histogram_buckets"),
        ({"positive_deltas": [1, 1]}, [(0, 1), (10**6, 1)], "native_histogram_buckets"),
        ({"schema": -53, "positive_deltas": [1, 1]}, [(0, 2)], "native_histogram_buckets"),
    ],
)
def test_a_histogram_that_cannot_be_kept_is_counted(
    fields: dict[str, Any], spans: list[tuple[int, int]], reason: str
) -> None:
    """It costs itself alone, and the sender is told 400, since it would be the same again."""
    given_one = _histogram(**fields)
    for offset, length in spans:
        given_one.positive_spans.add(offset=offset, length=length)
    with pytest.raises(HistogramRefused) as refused:
        write_histogram(memoryview(given_one.SerializeToString()), (), 0)
    assert reason == refused.value.reason
    request = request_1((TOTAL, [(1.0, NOW_MS)]))
    request.timeseries[0].histograms.append(given_one)
    written = write_remote_1(request.SerializeToString(), SeriesMemory())
    assert (1, 0, {reason: 1}) == (written.samples, written.histograms, written.rejected)


@pytest.mark.parametrize(
    "hostile",
    [
        {"schema": -53, "positive_spans": [{"offset": 2**31 - 1, "length": 1}],
         "positive_deltas": [1]},
        {"schema": 0, "positive_deltas": [1] * 5_000},
        {"schema": 0, "positive_spans": [{}] * 5_000},
        {"schema": 0, "positive_counts": [1.0] * 5_000},
        {"schema": -53, "custom_values": [1.0] * 20_000},
    ],
)  # fmt: skip
def test_a_histogram_takes_no_more_room_than_it_has_buckets(hostile: dict[str, Any]) -> None:
    """What a histogram claims of its buckets is checked before any room is made for them."""
    message = memoryview(HistogramMessage(**hostile).SerializeToString())
    tracemalloc.start()
    with pytest.raises(HistogramRefused):
        write_histogram(message, (("__name__", "h"),), 0)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 2_000_000


def test_a_count_of_more_than_64_bits() -> None:
    """Ten bytes of a number hold 70 bits, of which protobuf keeps 64."""
    too_large = b"\x08" + b"\xff" * 9 + b"\x7f"
    kind, point = write_histogram(memoryview(too_large), (("__name__", "h"),), 0)
    assert (Data.EXPONENTIAL_HISTOGRAM, True) == (kind, b"\x21" + b"\xff" * 8 in point)


def test_a_bad_series_costs_itself_alone() -> None:
    """The others are kept; the sender is told how many, and not to send the rest again."""
    request = request_2((TOTAL, [(1.0, NOW_MS)]), ({"job": "a"}, [(1.0, NOW_MS), (2.0, NOW_MS)]))
    lost = request.timeseries.add()
    lost.labels_refs.extend([1, 4_000])
    lost.samples.add(value=1.0, timestamp=NOW_MS)
    port = ProtocolPort()
    answer = port.post(PATH, packed(request), **V2)
    assert (400, "1") == (
        answer.status_code,
        answer.headers["x-prometheus-remote-write-samples-written"],
    )
    assert "series_without_name" in answer.text
    assert [1] == [records for *_, records in port.sink.kept]
    assert {"series_without_name": 2, "unreadable": 1} == port.counters.rejected_by_reason


def test_refusals() -> None:
    """Another message or packing 415, malformed 400, no key 401, a page's key 401, no room 503."""
    port = ProtocolPort(Scope.INGEST, Scope.BROWSER)
    body = packed(request_1((TOTAL, [(1.0, NOW_MS)])))
    key = {"authorization": "Bearer key-ingest"}
    assert 401 == port.post(PATH, body, **V1).status_code
    assert 401 == port.post(PATH, body, **V1, x_api_key="key-browser").status_code
    for kind in ("application/json", "application/x-protobuf;proto=other.Message", ""):
        assert 415 == port.post(PATH, body, **key, **{**V1, "content_type": kind}).status_code
    assert 415 == port.post(PATH, body, **key, **{**V1, "content_encoding": "br"}).status_code
    assert 400 == port.post(PATH, b"\x05nonsense", **key, **V1).status_code
    assert [] == port.sink.kept
    port.sink.full = True
    answer = port.post(PATH, body, **key, **V1)
    assert (503, "3") == (answer.status_code, answer.headers["retry-after"])
    port.sink.full = False
    assert 204 == port.post(PATH, body, **key, **V1).status_code


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_whatever_comes_only_the_sender_is_to_blame(data: st.DataObject) -> None:
    """A request with bytes changed, cut off or added gives points or an error of the sender."""
    whole = data.draw(st.sampled_from(MUTATED))
    body = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=4)):
        body[place] = data.draw(st.integers(0, 255))
    del body[data.draw(st.integers(len(body) // 2, len(body))) :]
    for write in (write_remote_1, write_remote_2):
        memory = SeriesMemory()
        for request in (MUTATED[0], bytes(body)):
            try:
                made = write(request, memory).converted().body
            except (MalformedBody, LimitExceeded):
                continue
            try:
                ExportMetricsServiceRequest.FromString(made)
            except DecodeError as error:
                pytest.fail(f"{bytes(body)!r}: {error}")


def _mutated() -> list[bytes]:
    series = [(TOTAL, [(1.5, NOW_MS)]), ({"__name__": "up"}, [(0.0, NOW_MS), (STALE, NOW_MS)])]
    requests = [request_1(*series), request_2(*series)]
    for request in requests:
        made = request.timeseries[1].histograms.add(count_int=1, schema=1, timestamp=NOW_MS)
        made.positive_spans.add(offset=3, length=1)
        made.positive_deltas.append(1)
    return [request.SerializeToString() for request in requests]


MUTATED = _mutated()


def test_what_is_remembered_is_bounded() -> None:
    """A sender of ever new series fills no memory."""
    memory = SeriesMemory(most_series=50)
    for batch in range(3):
        series = [({"__name__": f"x{i}", "id": f"{batch}"}, [(1.0, 1)]) for i in range(40)]
        made = write_remote_1(request_1(*series).SerializeToString(), memory)
        assert 40 == made.samples
        assert len(memory.known) <= 50


def test_long_texts_are_not_remembered() -> None:
    """However long names, help and values are, what is kept between requests stays small."""
    memory = SeriesMemory()
    tracemalloc.start()
    for turn in range(60):
        long = f"{turn}" * 50_000
        first = request_1(
            ({"__name__": f"a{long}"}, [(1.0, 1)]),
            ({"__name__": "b", long: "x"}, [(1.0, 1)]),
            ({"__name__": "c", "x": long}, [(1.0, 1)]),
        )
        first.metadata.add(type=1, metric_family_name=f"m{turn}", help=long, unit=long)
        assert 3 == write_remote_1(first.SerializeToString(), memory).samples
        second = request_2(({"__name__": f"d{turn}"}, [(1.0, 1)]))
        second.symbols.append(long)
        second.timeseries[0].metadata.help_ref = len(second.symbols) - 1
        assert 1 == write_remote_2(second.SerializeToString(), memory).samples
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 4_000_000


def test_texts_that_are_referred_to_many_times_do_not_fill_the_memory() -> None:
    """A text is sent once in version 2.0, and labels once for all samples of a series."""
    long = "x" * 200_000
    second = RequestV2(symbols=["", "__name__", "m", "id", long])
    for _ in range(1_000):
        second.timeseries.add(labels_refs=[1, 2, 3, 4]).samples.add(value=1, timestamp=NOW_MS)
    first = request_1(({"__name__": "m", "id": long}, [(1.0, NOW_MS + i) for i in range(1_000)]))
    for request, write in ((first, write_remote_1), (second, write_remote_2)):
        with pytest.raises(LimitExceeded):
            write(request.SerializeToString(), SeriesMemory())


def test_a_request_of_no_series_is_no_fault() -> None:
    """Version 1.0 sends metadata so, and nothing is written to the journal."""
    port = ProtocolPort()
    for request, headers in ((WriteRequest(), V1), (RequestV2(), V2)):
        assert 204 == port.post(PATH, packed(request), **headers).status_code
    assert [] == port.sink.kept
