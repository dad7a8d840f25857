"""Metrics of all five kinds, as a runtime and its instrumentation report them."""

from dataclasses import dataclass

import numpy as np
from benchmarks.generator.vocabulary import SERVICES
from benchmarks.generator.world import REPLICAS, SCHEMA_URL, world
from numpy.typing import NDArray
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
    Metric,
    ResourceMetrics,
    ScopeMetrics,
)

__all__ = ["MetricPoints", "metric_points"]

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_ROUTES = ("{id}", "", "{id}/state")
_RANDOM_PER_PROCESS = 128


def _attribute(point: object, key: str, value: str) -> None:
    pair = point.attributes.add()  # type: ignore[attr-defined]
    pair.key = key
    pair.value.string_value = value


@dataclass(slots=True, eq=False)
class MetricPoints:
    """Counters of every process, which go on counting from export to export."""

    bits: np.random.PCG64
    since_unix_ns: int
    cpu_s: NDArray[np.float64]
    """Processor seconds of each process so far."""
    buckets: NDArray[np.int64]
    """Requests so far by process, route and bucket of the latency histogram."""
    last_unix_ns: int

    def export(self, at_unix_ns: int) -> tuple[bytes, int]:
        """Return one request with every process's metrics, and how many points it has."""
        request = ExportMetricsServiceRequest()
        count = REPLICAS * len(SERVICES)
        raw = np.asarray(self.bits.random_raw(count * _RANDOM_PER_PROCESS), np.uint64)
        random = (raw >> np.uint64(11)).reshape(count, -1).astype(np.float64) / 2**53
        ids = np.asarray(self.bits.random_raw(count * 9), np.uint64).reshape(count, -1)
        points = 0
        for process in range(count):
            group = ResourceMetrics.FromString(world().resources[process])
            group.schema_url = SCHEMA_URL
            scope = group.scope_metrics.add()
            scope.scope.name = "io.opentelemetry.runtime"
            scope.scope.version = "1.45.2"
            points += self._process(scope, process, random[process], ids[process], at_unix_ns)
            request.resource_metrics.append(group)
        self.last_unix_ns = at_unix_ns
        return request.SerializeToString(deterministic=True), points

    def _process(
        self,
        scope: ScopeMetrics,
        process: int,
        random: NDArray[np.float64],
        ids: NDArray[np.uint64],
        at: int,
    ) -> int:
        self._sums(scope, process, random, at)
        self._gauges(scope, random, at)
        self._histograms(scope, process, random, ids, at)
        self._exponential(scope, process, random, at)
        self._summary(scope, random, at)
        return sum(
            len(getattr(metric, metric.WhichOneof("data") or "").data_points)
            for metric in scope.metrics
        )

    def _sums(
        self, scope: ScopeMetrics, process: int, random: NDArray[np.float64], at: int
    ) -> None:
        self.cpu_s[process] += random[0] * (at - self.last_unix_ns) / 1e9
        metric = scope.metrics.add(name="process.cpu.time", unit="s")
        metric.description = "Total CPU seconds broken down by different states."
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        for mode, share in (("user", 0.8), ("system", 0.2)):
            point = metric.sum.data_points.add(time_unix_nano=at)
            point.start_time_unix_nano = self.since_unix_ns
            point.as_double = self.cpu_s[process] * share
            _attribute(point, "cpu.mode", mode)
        metric = scope.metrics.add(name="db.client.connection.count", unit="{connection}")
        metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        for number, state in enumerate(("idle", "used")):
            point = metric.sum.data_points.add(
                time_unix_nano=at, as_int=int(random[1 + number] * 40)
            )
            point.start_time_unix_nano = self.since_unix_ns
            _attribute(point, "db.client.connection.state", state)

    def _gauges(self, scope: ScopeMetrics, random: NDArray[np.float64], at: int) -> None:
        metric = scope.metrics.add(name="system.cpu.utilization", unit="1")
        for core in range(2):
            point = metric.gauge.data_points.add(time_unix_nano=at, as_double=random[4 + core])
            _attribute(point, "cpu.logical_number", str(core))
        metric = scope.metrics.add(name="process.runtime.queue.length", unit="{task}")
        metric.gauge.data_points.add(time_unix_nano=at, as_int=int(random[6] * 1000))

    def _histograms(
        self,
        scope: ScopeMetrics,
        process: int,
        random: NDArray[np.float64],
        ids: NDArray[np.uint64],
        at: int,
    ) -> None:
        metric = scope.metrics.add(name="http.server.request.duration", unit="s")
        metric.description = "Duration of HTTP server requests."
        metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        noun = SERVICES[process // REPLICAS].noun
        for number, route in enumerate(_ROUTES):
            new = random[10 + number * 16 : 25 + number * 16] ** 3 * 200
            self.buckets[process, number] += new.astype(np.int64)
            counts = self.buckets[process, number]
            point = metric.histogram.data_points.add(time_unix_nano=at)
            point.start_time_unix_nano = self.since_unix_ns
            point.count = int(counts.sum())
            point.sum = float(counts @ np.array([*_BOUNDS_S, 12.0])) * 0.8
            point.bucket_counts.extend(counts.tolist())
            point.explicit_bounds.extend(_BOUNDS_S)
            point.min = random[60] / 1000
            point.max = 1 + random[61] * 10
            _attribute(point, "http.request.method", "GET")
            _attribute(point, "http.route", f"/api/v1/{noun}s/{route}".rstrip("/"))
            _attribute(point, "http.response.status_code", "200")
            exemplar = point.exemplars.add(time_unix_nano=at - int(random[62] * 1e9))
            exemplar.as_double = random[63]
            exemplar.trace_id = ids[number * 3 : number * 3 + 2].tobytes()
            exemplar.span_id = ids[number * 3 + 2 : number * 3 + 3].tobytes()

    def _exponential(
        self, scope: ScopeMetrics, process: int, random: NDArray[np.float64], at: int
    ) -> None:
        metric: Metric = scope.metrics.add(name="db.client.operation.duration", unit="s")
        metric.description = "Duration of database client operations."
        metric.exponential_histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
        counts = (random[80:100] ** 2 * 300).astype(np.int64)
        point = metric.exponential_histogram.data_points.add(time_unix_nano=at, scale=3)
        point.start_time_unix_nano = self.last_unix_ns
        point.zero_count = int(random[79] * 3)
        point.count = int(counts.sum()) + point.zero_count
        point.sum = float(counts.sum()) * 0.004 * (1 + random[78])
        point.positive.offset = -72
        point.positive.bucket_counts.extend(counts.tolist())
        database = SERVICES[process // REPLICAS].database or "other_sql"
        _attribute(point, "db.system.name", database)

    def _summary(self, scope: ScopeMetrics, random: NDArray[np.float64], at: int) -> None:
        metric = scope.metrics.add(name="process.runtime.gc.pause.quantiles", unit="s")
        point = metric.summary.data_points.add(time_unix_nano=at)
        point.start_time_unix_nano = self.since_unix_ns
        point.count = int(random[110] * 5000)
        point.sum = random[111] * 9
        for quantile, value in zip((0.0, 0.5, 0.99, 1.0), np.sort(random[112:116]), strict=True):
            point.quantile_values.add(quantile=quantile, value=float(value) / 50)


def metric_points(seed: int, since_unix_ns: int) -> MetricPoints:
    """Return every process's counters at zero."""
    count = REPLICAS * len(SERVICES)
    return MetricPoints(
        bits=np.random.PCG64(np.random.SeedSequence([seed, 1 << 20, 3])),
        since_unix_ns=since_unix_ns,
        cpu_s=np.zeros(count),
        buckets=np.zeros((count, len(_ROUTES), len(_BOUNDS_S) + 1), np.int64),
        last_unix_ns=since_unix_ns,
    )
