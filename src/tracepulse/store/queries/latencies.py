"""Questions about how long routes take, and what pages measured, by minute."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracepulse.model.latency import MinuteCounts
from tracepulse.model.question import Window
from tracepulse.store.engine import QueryLimits
from tracepulse.store.queries.statements import Filters, Queries, integers, window_parameters

__all__ = ["LatencyQueries", "RouteExample", "RouteVersion"]

_LIMITS = QueryLimits(time_s=60, memory_bytes=1024**3, rows=16_000_000)
_FINE = 32
"""Buckets for each doubling where the spans themselves are read: 2.2%."""


@dataclass(frozen=True, slots=True)
class RouteVersion:
    """A version that answered requests of a route."""

    version: str
    requests: int
    first_unix_ns: int
    last_unix_ns: int


@dataclass(frozen=True, slots=True)
class RouteExample:
    """A trace of a route, and its root; '' where the root is not stored."""

    trace_id: str
    root_service: str
    root_name: str


class LatencyQueries(Queries):
    """What can be asked of lengths."""

    def served_minutes(
        self, window: Window, limit: int, service: str = "", route: str = ""
    ) -> Mapping[tuple[str, str], MinuteCounts]:
        """Return live requests by (service, route), of the routes with the most; steps of 5 min."""
        filters = Filters()
        if service:
            filters.add("ServiceName = {service:String}", service=service)
            filters.add("SpanName = {route:String}", route=route)
        parameters = {**window_parameters(window), "data_set": "", "limit": limit}
        table = self._ask("served_minutes", parameters, filters, limits=_LIMITS)
        return _by_series(table, "service", "route")

    def vital_minutes(
        self, window: Window, service: str = "", data_set: str = ""
    ) -> Mapping[tuple[str, str], MinuteCounts]:
        """Return page views by (service, name of the vital) and value; steps of 5 minutes."""
        filters = Filters()
        if service:
            filters.add("ServiceName = {service:String}", service=service)
        parameters = {**window_parameters(window), "data_set": data_set}
        table = self._ask("vital_minutes", parameters, filters, limits=_LIMITS)
        return _by_series(table, "service", "name")

    def route_minutes(
        self, service: str, route: str, window: Window, data_set: str = ""
    ) -> Mapping[str, MinuteCounts]:
        """Return requests of a route by version, '' where none is said; steps of a minute."""
        filters = Filters()
        if service:
            filters.add("ServiceName = {service:String}", service=service)
        parameters = {**window_parameters(window), "data_set": data_set, "route": route}
        table = self._ask("route_minutes", parameters, filters, limits=_LIMITS)
        versions = np.array(table.column("version").to_pylist(), dtype=object)
        minute, bucket, held = (integers(table, name) for name in ("minute", "bucket", "held"))
        return {
            version: MinuteCounts(minute[mine], bucket[mine], held[mine], _FINE)
            for version in sorted(set(versions.tolist()))
            for mine in (versions == version,)
        }

    def route_versions(
        self, service: str, route: str, window: Window, data_set: str = ""
    ) -> tuple[RouteVersion, ...]:
        """Return the versions that answered, by when they were first seen."""
        parameters = {
            **window_parameters(window), "data_set": data_set, "service": service, "route": route,
        }  # fmt: skip
        rows = self._ask("route_versions", parameters, limits=_LIMITS).to_pylist()
        return tuple(RouteVersion(**row) for row in rows)

    def route_examples(
        self, service: str, route: str, window: Window, least_ns: int, limit: int = 3
    ) -> tuple[RouteExample, ...]:
        """Return live traces in which the route took as long or little longer, by id."""
        parameters = {
            **window_parameters(window),
            "data_set": "",
            "service": service,
            "route": route,
            "least_ns": least_ns,
            "limit": limit,
        }
        rows = self._ask("route_examples", parameters, limits=_LIMITS).to_pylist()
        return tuple(RouteExample(**row) for row in rows)


def _by_series(table: pa.Table, *names: str) -> dict[tuple[str, str], MinuteCounts]:
    first, second = (table.column(name).to_pylist() for name in names)
    minutes, buckets, counts = (_lists(table, name) for name in ("minutes", "buckets", "counts"))
    return {
        (one, other): MinuteCounts(minutes[n], buckets[n], counts[n])
        for n, (one, other) in enumerate(zip(first, second, strict=True))
    }


def _lists(table: pa.Table, name: str) -> list[NDArray[np.int64]]:
    """Return a column of lists of whole numbers."""
    column: Any = table.column(name)
    return [np.asarray(each.values.to_numpy(), np.int64) for each in column]
