"""Metrics: which there are, and one of them as series."""

import math
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import (
    Attributes,
    DataSet,
    Since,
    Until,
    attribute_filters,
    window,
)
from tracepulse.deliver.api.shapes import Shape, instant_field
from tracepulse.model.question import MetricQuestion, Window
from tracepulse.store.queries.metrics import MAX_POINTS, MetricSeries

__all__ = ["router"]

router = APIRouter(tags=["metrics"])

_POINTS = 360
"""Points of a series when no step is asked for: enough to draw, little to send."""
_MAX_NAMES = 1_000


class MetricListed(Shape):
    """A metric that one service sends."""

    name: str
    kind: str = Field(
        description="gauge, counter, sum, histogram, exponential_histogram or summary."
    )
    service: str
    unit: str
    points: int


class PointShape(Shape):
    """One step of a series."""

    unix_ns: str = instant_field()
    value: float | None = Field(
        description="Last of the step; for deltas and histograms their sum. Null when it is not a"
        " number."
    )
    count: int = Field(description="Of histograms and summaries; otherwise 0.")


class SeriesShape(Shape):
    """One metric of one service with one set of attributes."""

    kind: str
    service: str
    unit: str
    attributes: dict[str, str]
    points: list[PointShape]


class MetricList(Shape):
    """Metrics by name when no name was asked for, otherwise the series of that one."""

    metrics: list[MetricListed] | None = None
    series: list[SeriesShape] | None = None
    step_s: int | None = Field(default=None, description="Length of a step of `series`.")
    complete: bool = Field(
        description="False when there are more names, or points, than are listed."
    )


@router.get(
    "/api/metrics",
    summary="Metric names, or one metric's series",
    response_model=MetricList,
    response_model_exclude_unset=True,
    responses=failures(),
)
async def get_metrics(
    asker: Reader,
    name: Annotated[str, Query(description="Exactly; without it, what there is.")] = "",
    service: Annotated[str, Query(description="Exactly.")] = "",
    attr: Attributes = None,
    since: Since = None,
    until: Until = None,
    step_s: Annotated[
        int | None, Query(ge=1, description="Default: the time asked about in 360 parts or less.")
    ] = None,
    data_set: DataSet = "",
) -> Response:
    """Return the metrics that exist, or, with a name, the series of that metric."""
    if not name:
        return await asker.json(lambda: _names(asker, service, data_set))
    asked = window(since, until, data_set, asker.now_unix_ns())
    attributes = attribute_filters(attr)

    def answer() -> dict[str, Any]:
        stretch = asked
        if data_set and not (since and until):
            kept = asker.services.telemetry.metric_window(name, data_set)
            if kept is None:
                return {"series": [], "step_s": step_s or 60, "complete": True}
            start = asked.start_unix_ns if since else kept.start_unix_ns
            end = asked.end_unix_ns if until else kept.end_unix_ns
            stretch = Window(start, max(end, start + 1))
        step = step_s or _step_s(stretch)
        found = asker.services.telemetry.metric_series(
            MetricQuestion(stretch, name, data_set, service, attributes, step)
        )
        points = sum(len(each.points) for each in found)
        return {
            "series": [_series(each) for each in found],
            "step_s": step,
            "complete": points < MAX_POINTS,
        }

    return await asker.json(answer)


def _step_s(stretch: Window) -> int:
    """Return a step that gives `_POINTS` or fewer: a whole number of seconds that people use."""
    least = (stretch.end_unix_ns - stretch.start_unix_ns) / 1e9 / _POINTS
    for step in (1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 21_600, 86_400):
        if step >= least:
            return step
    return math.ceil(least / 86_400) * 86_400


def _names(asker: Reader, service: str, data_set: str) -> dict[str, Any]:
    found = asker.services.telemetry.metric_names(data_set, _MAX_NAMES)
    return {
        "metrics": [
            {
                "name": each.name,
                "kind": each.kind,
                "service": each.service,
                "unit": each.unit,
                "points": each.points,
            }
            for each in found
            if not service or each.service == service
        ],
        "complete": len(found) < _MAX_NAMES,
    }


def _series(series: MetricSeries) -> dict[str, Any]:
    return {
        "kind": series.kind,
        "service": series.service,
        "unit": series.unit,
        "attributes": dict(series.attributes),
        "points": [
            {
                "unix_ns": str(at),
                "value": value if math.isfinite(value) else None,
                "count": count,
            }
            for at, value, count in series.points
        ],
    }
