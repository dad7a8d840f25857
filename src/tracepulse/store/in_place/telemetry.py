"""The questions of `Telemetry`, where no roll-ups answer them: from raw rows, and few of those."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar

import numpy as np

from tracepulse.model.bins import LogBins, SpanBins
from tracepulse.model.question import Window
from tracepulse.store.engine import Engine
from tracepulse.store.in_place.columns import Role
from tracepulse.store.in_place.detect import Found
from tracepulse.store.in_place.sources import Sources
from tracepulse.store.queries.telemetry import DataSetSummary, Telemetry

__all__ = ["UNSETTLED_NS", "InPlaceTelemetry"]

_BIN_NS = 5_000_000_000
UNSETTLED_NS = 120_000_000_000
"""How far back bins are read again, for rows that come late; later ones are not counted."""
_KEPT_NS = 3_600_000_000_000
_SERVED = ("Server", "Consumer")

_Bins = TypeVar("_Bins", SpanBins, LogBins)


class InPlaceTelemetry(Telemetry):
    """Asks the tables of others; what roll-ups would hold is kept here once it has been read."""

    keeps_edges = False

    def __init__(self, engine: Engine, sources: Sources) -> None:
        super().__init__(engine)
        self._sources = sources
        self._span_bins = _Recent[SpanBins](super().span_bins)
        self._log_bins = _Recent[LogBins](super().log_bins)

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
        """Return the bin in which telemetry began; None without any."""
        first = min((each.first_unix_ns for each in self.data_sets()), default=None)
        return None if first is None else first // _BIN_NS * _BIN_NS

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


class _Recent(Generic[_Bins]):
    """The bins of the last hour, of which only the newest are asked for again."""

    def __init__(self, ask: Callable[[Window], _Bins]) -> None:
        self._ask_for: Callable[[Window], _Bins] = ask
        self._lock = threading.Lock()
        self._held: _Bins | None = None
        self._start = self._end = 0

    def read(self, window: Window) -> _Bins:
        """Return the bins that begin in a window."""
        with self._lock:
            start = window.start_unix_ns // _BIN_NS * _BIN_NS
            settled = (self._end - UNSETTLED_NS) // _BIN_NS * _BIN_NS
            if self._held is None or not self._start <= start <= settled:
                if self._held is not None and window.end_unix_ns < settled:
                    return self._ask_for(window)  # long ago: not worth forgetting the present for
                self._held = self._ask_for(Window(start, window.end_unix_ns))
                self._start, self._end = start, window.end_unix_ns
            elif window.end_unix_ns > settled:
                end = max(self._end, window.end_unix_ns)
                fresh = self._ask_for(Window(settled, end))
                self._start = max(self._start, end - _KEPT_NS)
                self._held = _joined(_between(self._held, self._start, settled), fresh)
                self._end = end
            return _between(self._held, window.start_unix_ns, window.end_unix_ns)


def _between(bins: _Bins, start_unix_ns: int, end_unix_ns: int) -> _Bins:
    at = bins.bin_start_unix_ns
    # As the statements have it: bounds are whole seconds.
    kept = (at >= start_unix_ns // 10**9 * 10**9) & (at < end_unix_ns // 10**9 * 10**9)
    if kept.all():
        return bins
    return replace(bins, **{each.name: getattr(bins, each.name)[kept] for each in fields(bins)})


def _joined(before: _Bins, after: _Bins) -> _Bins:
    return replace(
        before,
        **{
            each.name: np.concatenate((getattr(before, each.name), getattr(after, each.name)))
            for each in fields(before)
        },
    )
