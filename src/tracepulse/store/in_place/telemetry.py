"""The questions of `Telemetry`, where no roll-ups answer them: from raw rows, and few of those."""

from collections import defaultdict
from typing import Any

import numpy as np

from tracepulse.errors import BadQuestion
from tracepulse.model.bins import LogBins, SpanBins
from tracepulse.model.log_pattern import KnownShape
from tracepulse.model.question import Window
from tracepulse.store.engine import Engine
from tracepulse.store.in_place.columns import Role
from tracepulse.store.in_place.detect import Found
from tracepulse.store.in_place.recent import BIN_NS, RecentBins
from tracepulse.store.in_place.sources import Sources
from tracepulse.store.queries.statements import TABLES
from tracepulse.store.queries.telemetry import DataSetSummary, Telemetry

__all__ = ["InPlaceTelemetry"]

_SERVED = ("Server", "Consumer")
_RESOURCES = {
    "resource": "ResourceAttributes",
    "version_of_resource": "resource['service.version']",
    "pod_of_resource": "resource['k8s.pod.name']",
    "address_of_resource": (
        "if(resource['k8s.pod.ip'] != '', resource['k8s.pod.ip'], resource['host.ip'])"
    ),
}


class InPlaceTelemetry(Telemetry):
    """Asks the tables of others; what roll-ups would hold is kept here once it has been read."""

    keeps_edges = False
    """Who calls whom is found among the spans of the window."""
    keeps_shapes = False
    """Nothing is stored here: a template is what lines of one shape have in common."""

    def __init__(self, engine: Engine, sources: Sources) -> None:
        super().__init__(engine, {**TABLES, **_RESOURCES})
        self._sources = sources
        self._span_bins = RecentBins[SpanBins](super().span_bins)
        self._log_bins = RecentBins[LogBins](super().log_bins)

    def span_bins(self, window: Window, data_set: str = "") -> SpanBins:
        """Return calls of operations by 5-second bin; only what is new is read."""
        if data_set:
            return super().span_bins(window, data_set)
        return self._span_bins.read(window)

    def log_bins(self, window: Window, data_set: str = "") -> LogBins:
        """Return log lines by 5-second bin; only what is new is read."""
        if data_set:
            return super().log_bins(window, data_set)
        return self._log_bins.read(window)

    def service_names(self, window: Window, data_set: str = "") -> tuple[str, ...]:
        """Return the services that sent spans or lines, by name; counted among the rows."""
        found = {row["service"] for row in self.coverage(window, data_set)}
        return tuple(sorted(found - {""}))

    def rates(self, window: Window) -> list[dict[str, Any]]:
        """Return calls, errors and lines by service and 5-second bin, from the bins."""
        totals: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        spans, lines = self.span_bins(window), self.log_bins(window)
        served = np.isin(spans.kind, _SERVED) | spans.entry
        for place in range(len(spans.calls)):
            total = totals[spans.service[place], int(spans.bin_start_unix_ns[place])]
            total[0] += int(spans.calls[place]) if served[place] else 0
            total[1] += int(spans.errors[place]) if served[place] else 0
        for place in range(len(lines.lines)):
            total = totals[lines.service[place], int(lines.bin_start_unix_ns[place])]
            total[2] += int(lines.lines[place])
        return [
            {"service": service, "bin_unix_ns": at, "calls": c, "errors": e, "lines": n}
            for (service, at), (c, e, n) in sorted(totals.items())
        ]

    def known_shapes(self, service: str = "", data_set: str = "") -> tuple[KnownShape, ...]:
        """
        Refuse: shapes are kept while telemetry is stored, which is done by others here.

        Raises:
            BadQuestion: always.
        """
        raise BadQuestion("log patterns are not found where telemetry is read in place")

    def data_sets(self) -> tuple[DataSetSummary, ...]:
        """Return how much there is; all of it is one data set, the live one."""
        summaries = []
        for role in (Role.LOGS, Role.TRACES):
            found = self._sources.bare(role)
            row = None if found is None else self._extent(found)
            if row is not None and row["records"]:
                summaries.append(DataSetSummary("", role.value, *row.values()))
        return tuple(summaries)

    def first_telemetry_unix_ns(self) -> int | None:
        """Return the bin in which telemetry began, 0 where that is long ago; None without any."""
        try:
            first = min((each.first_unix_ns for each in self.data_sets()), default=None)
        except BadQuestion:
            # Not the extremes of the column that partitions are made by, and too many rows to look.
            return 0
        return None if first is None else first // BIN_NS * BIN_NS

    def _extent(self, found: Found) -> dict[str, Any]:
        """
        Return records, first and last instant.

        Of the column that partitions are made by, the engine knows count and extremes without
        reading rows; of logs that is the second, so the rows of that second tell the instant.
        """
        coarse = "TimestampTime" in found.columns and "TimestampTime" not in found.computed
        first, last = (
            (_edge(found, "min"), _edge(found, "max"))
            if coarse
            else ("min(Timestamp)", "max(Timestamp)")
        )
        sql = (
            "SELECT count() AS records,"  # noqa: S608 - names from the system tables, quoted
            f" toUnixTimestamp64Nano(toDateTime64({first}, 9)) AS first_unix_ns,"
            f" toUnixTimestamp64Nano(toDateTime64({last}, 9)) AS last_unix_ns FROM {found.source}"
        )
        row: dict[str, Any] = self._engine.query(sql).to_pylist()[0]
        return row


def _edge(found: Found, which: str) -> str:
    return (
        f"(SELECT {which}(Timestamp) FROM {found.source}"  # noqa: S608 - as above
        f" WHERE TimestampTime = (SELECT {which}(TimestampTime) FROM {found.source}))"
    )
