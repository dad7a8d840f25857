"""Questions that the roll-ups answer: what detection and the overview read."""

from typing import Any

import numpy as np

from tracepulse.model.bins import LogBins, SpanBins
from tracepulse.model.question import Window
from tracepulse.store.queries.statements import Queries, integers, strings, window_parameters

__all__ = ["RollupQueries"]


class RollupQueries(Queries):
    """What can be asked of 5-second bins."""

    def span_bins(self, window: Window, data_set: str = "") -> SpanBins:
        """Return calls of operations by 5-second bin; internal spans are left out."""
        table = self._ask("span_bins", {**window_parameters(window), "data_set": data_set})
        return SpanBins(
            bin_start_unix_ns=integers(table, "bin_start_unix_ns"),
            service=strings(table, "service"),
            operation=strings(table, "operation"),
            kind=strings(table, "kind"),
            entry=integers(table, "entry").astype(np.bool_),
            calls=integers(table, "calls"),
            errors=integers(table, "errors"),
            refused=integers(table, "refused"),
            first_error_unix_ns=integers(table, "first_error_unix_ns"),
            first_refused_unix_ns=integers(table, "first_refused_unix_ns"),
        )

    def log_bins(self, window: Window, data_set: str = "") -> LogBins:
        """Return log lines by 5-second bin."""
        table = self._ask("log_bins", {**window_parameters(window), "data_set": data_set})
        return LogBins(
            bin_start_unix_ns=integers(table, "bin_start_unix_ns"),
            service=strings(table, "service"),
            severity_number=integers(table, "severity_number"),
            template_id=strings(table, "template_id"),
            template=strings(table, "template"),
            lines=integers(table, "lines"),
            first_unix_ns=integers(table, "first_unix_ns"),
            trust=strings(table, "trust"),
        )

    def first_telemetry_unix_ns(self) -> int | None:
        """Return when live telemetry began, as far as the roll-ups reach; None without any."""
        table = self._ask("first_telemetry", {})
        first = int(table.column("first_unix_ns")[0].as_py())
        return first or None

    def rates(self, window: Window) -> list[dict[str, Any]]:
        """Return calls, errors and lines by service and 5-second bin."""
        return list(self._ask("rates", window_parameters(window)).to_pylist())
