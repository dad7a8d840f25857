"""Questions about metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracepulse.model.question import MetricQuestion, Window
from tracepulse.store.queries.statements import Filters, Queries, window_parameters

__all__ = ["MAX_POINTS", "MetricName", "MetricQueries", "MetricSeries"]

MAX_POINTS = 100_000
"""Points of all series of a metric in one answer."""


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One series of a metric."""

    kind: str
    service: str
    unit: str
    attributes: Mapping[str, str]
    points: tuple[tuple[int, float, int], ...]
    """(step in Unix ns, value or sum, count), by step."""


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric that exists."""

    kind: str
    name: str
    service: str
    unit: str
    points: int


class MetricQueries(Queries):
    """What can be asked of metrics."""

    def metric_series(self, question: MetricQuestion) -> tuple[MetricSeries, ...]:
        """Return the series of a metric, by kind, service and attributes."""
        filters = Filters()
        if question.service:
            filters.add("service = {service:String}", service=question.service)
        filters.attributes(question.attributes, ("attributes", "ResourceAttributes"))
        table = self._ask(
            "metric_series",
            {
                **window_parameters(question.window),
                "name": question.name,
                "data_set": question.data_set,
                "step_ns": question.step_s * 1_000_000_000,
                "limit": MAX_POINTS,
            },
            filters,
        )
        series: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], list[Any]] = {}
        for row in table.to_pylist():
            key = (row["kind"], row["service"], row["unit"], tuple(sorted(row["attributes"])))
            series.setdefault(key, []).append((row["step_unix_ns"], row["value"], row["count"]))
        return tuple(
            MetricSeries(kind, service, unit, dict(attributes), tuple(points))
            for (kind, service, unit, attributes), points in sorted(series.items())
        )

    def metric_window(self, name: str, data_set: str = "") -> Window | None:
        """Return the stretch in which a metric has points; None when it has none."""
        table = self._ask("metric_window", {"name": name, "data_set": data_set})
        (row,) = table.to_pylist()
        return Window(row["first_unix_ns"], row["last_unix_ns"] + 1) if row["points"] else None

    def metric_names(self, data_set: str = "", limit: int = 1000) -> tuple[MetricName, ...]:
        """Return which metrics there are, by name."""
        table = self._ask("metric_names", {"data_set": data_set, "limit": limit})
        return tuple(MetricName(**row) for row in table.to_pylist())
