"""What telemetry other than spans says of who calls whom: lines of proxies, and a mesh's metrics."""

from dataclasses import dataclass
from typing import Any

from tracepulse.model.flow_graph import (
    AccessHop,
    AskedFor,
    CloseLook,
    LooseEnd,
    MeshSeries,
    SpokenOf,
)
from tracepulse.model.question import Window
from tracepulse.store.engine import Parameter, QueryLimits
from tracepulse.store.queries.statements import Queries, window_parameters

__all__ = ["EntryRoute", "FlowEvidenceQueries"]

_MOST_HOPS = 100_000
"""Ways by writer and address. Those with the fewest calls are left out beyond."""
_MOST_ROUTES, _MOST_LOGGERS = 50, 1_000
_MOST_SERIES = 200_000
_BASELINE_NS = 600 * 10**9
"""How long before a window a series' last value counts as what it began with: two scrapes of the
slowest interval in use."""
_MESH_METRICS = (
    "istio_requests_total",
    "istio_requests",
    "istio_tcp_connections_opened_total",
    "istio_tcp_connections_opened",
    "istio_request_duration_milliseconds_bucket",
)
"""Those that Istio counts requests in; the Collector may take `_total` off."""
_LIMITS = QueryLimits(time_s=30, memory_bytes=1024**3, rows=200_000_000)
_LAYOUT = (
    r'^(?:\[[^\]]*\] )?"([^"]*)" (\d{1,3}) (\S+) .*?\d+ \d+ (\d+) (?:-|\d+) "[^"]*" ".*?" "([^"]*)"'
    r' "([^"]*)" "([^"]*)" (\S+) (\S+) (\S+) (\S+) (\S+)'
)
"""
Request line, code, flags, length in ms, request id, authority, upstream host, cluster, the proxy's
address upstream, its own and the other side's downstream, server name. The lazy parts step over
what versions differ in, and over quotes within a user agent.
"""


_MOST_WAYS = 50_000
_LINK_LOOK_NS = 3_600 * 10**9
"""How long before a span that links to it another may have begun: queues are late."""


def _counted(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its lengths as pairs."""
    return {**row, "lengths": tuple(zip(*row["lengths"].values(), strict=True))}


@dataclass(frozen=True, slots=True)
class EntryRoute:
    """One kind of request from outside."""

    service: str
    operation: str
    requests: int
    trace_ids: tuple[str, ...]
    """Some of them."""


class FlowEvidenceQueries(Queries):
    """What can be asked of proxies and meshes."""

    def access_hops(self, window: Window, data_set: str = "") -> tuple[AccessHop, ...]:
        """Return what lines of access logs say, counted, most frequent first."""
        table = self._ask(
            "access_hops",
            {
                **window_parameters(window),
                "data_set": data_set,
                "layout": _LAYOUT,
                "limit": _MOST_HOPS,
            },
            limits=_LIMITS,
        )
        return tuple(AccessHop(**_counted(row)) for row in table.to_pylist())

    def close_look(self, window: Window, data_set: str = "") -> CloseLook:
        """Return what spans say of names, gaps and links; of a stretch that is not too long."""
        parameters: dict[str, Parameter] = {
            **window_parameters(window),
            "before": max(0, window.start_unix_ns - _LINK_LOOK_NS),
            "data_set": data_set,
            "limit": _MOST_WAYS,
        }

        def rows(name: str) -> list[dict[str, Any]]:
            table = self._ask(name, parameters, limits=_LIMITS)
            return [_counted(row) for row in table.to_pylist()]

        return CloseLook(
            spoken=tuple(
                SpokenOf(**{**row, "root": bool(row["root"])}) for row in rows("close_facts")
            ),
            asked=tuple(AskedFor(**row) for row in rows("close_calls")),
            gaps=tuple(
                LooseEnd(**{k: v for k, v in row.items() if k != "said"}, caller=row["said"])
                for row in rows("close_gaps")
            ),
            links=tuple(LooseEnd(**row) for row in rows("close_links")),
        )

    def mesh_series(self, window: Window, data_set: str = "") -> tuple[MeshSeries, ...]:
        """Return what a mesh's counters of requests grew by, by metric and labels."""
        table = self._ask(
            "mesh_series",
            {
                **window_parameters(window),
                "before": max(0, window.start_unix_ns - _BASELINE_NS),
                "data_set": data_set,
                "names": list(_MESH_METRICS),
                "limit": _MOST_SERIES,
            },
            limits=_LIMITS,
        )
        return tuple(
            MeshSeries(**{**row, "labels": dict(row["labels"])}) for row in table.to_pylist()
        )

    def service_names(self, window: Window, data_set: str = "") -> tuple[str, ...]:
        """Return the services that sent spans or lines, as the roll-ups have them, by name."""
        table = self._ask("service_names", {**window_parameters(window), "data_set": data_set})
        return tuple(table.column("service").to_pylist())

    def entry_routes(
        self, window: Window, data_set: str = "", service: str = "", operation: str = ""
    ) -> tuple[EntryRoute, ...]:
        """Return the routes by which requests come in, most frequent first, with traces of each."""
        table = self._ask(
            "entry_traces",
            {
                **window_parameters(window),
                "data_set": data_set,
                "service": service,
                "operation": operation,
                "limit": _MOST_ROUTES,
            },
            limits=_LIMITS,
        )
        return tuple(
            EntryRoute(**{**row, "trace_ids": tuple(row["trace_ids"])}) for row in table.to_pylist()
        )

    def loggers(
        self, window: Window, data_set: str = "", service: str = ""
    ) -> tuple[tuple[str, str, int, int], ...]:
        """Return service, logger, lines and error lines, most lines first."""
        table = self._ask(
            "loggers",
            {
                **window_parameters(window),
                "data_set": data_set,
                "service": service,
                "limit": _MOST_LOGGERS,
            },
            limits=_LIMITS,
        )
        return tuple(tuple(row.values()) for row in table.to_pylist())
