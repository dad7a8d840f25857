"""What is going on: live rates, recent incidents, what waits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Asker, Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.incidents import IncidentSummary, summary
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.model.incident import IncidentState
from tracepulse.model.question import Window

__all__ = ["router"]

router = APIRouter(tags=["overview"])

_S = 1_000_000_000
STEP_S = 5
_BINS = 180
_RATE_BINS = 12
"""Rates are over the last minute that is complete."""
_UNSETTLED_BINS = 1
"""The bin in which we are, whose telemetry is still on its way."""
_RECENT = 10
_OPEN = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)
_MAX_OPEN = 1_000


class ServiceRates(Shape):
    """What one service did in the last complete minute."""

    service: str
    calls_per_s: float
    errors_per_s: float
    error_ratio: float | None = Field(description="Null when there were no calls.")
    log_lines_per_s: float


class RateSeries(Shape):
    """All services together, in steps of five seconds, over the last 15 minutes."""

    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    step_s: int
    calls_per_s: list[float]
    errors_per_s: list[float]
    log_lines_per_s: list[float]


class RecentIncidents(Shape):
    """Incidents at a glance."""

    open: int
    recent: list[IncidentSummary] = Field(description="At most ten, newest onset first.")


class JournalShape(Shape):
    """What was received and is not yet in the store."""

    waiting_records: int
    waiting_bytes: int


class DataSetShape(Shape):
    """How much of one signal is stored."""

    data_set: str = Field(description="Empty for live telemetry.")
    signal: str
    records: int
    first_unix_ns: str = instant_field()
    first_at: str = text_instant_field()
    last_unix_ns: str = instant_field()
    last_at: str = text_instant_field()


class Overview(Shape):
    """The state of the system that is watched."""

    now_unix_ns: str = instant_field()
    now_at: str = text_instant_field()
    services: list[ServiceRates] = Field(description="Seen in the last 15 minutes, by name.")
    series: RateSeries
    incidents: RecentIncidents
    journal: JournalShape
    received: dict[str, int] = Field(description="Records since the start, by signal.")


class ServiceNames(Shape):
    """Services that are known."""

    services: list[str] = Field(description="Sorted.")


class DataSets(Shape):
    """What is stored, by data set and signal."""

    data_sets: list[DataSetShape]


@router.get(
    "/api/overview", summary="What is going on", response_model=Overview, responses=failures()
)
async def get_overview(asker: Reader) -> Response:
    """Return live rates by service, recent incidents and what waits to be stored."""
    return await asker.json(lambda: _overview(asker, asker.now_unix_ns()))


@router.get(
    "/api/services",
    summary="Services seen in the last 15 minutes",
    response_model=ServiceNames,
    responses=failures(),
)
async def get_services(asker: Reader) -> Response:
    """Return the names of services that sent traces or logs."""
    stretch = _last_quarter(asker.now_unix_ns())

    def answer() -> dict[str, Any]:
        rows = asker.services.telemetry.rates(stretch)
        return {"services": sorted({row["service"] for row in rows})}

    return await asker.json(answer)


@router.get(
    "/api/data-sets",
    summary="What is stored",
    response_model=DataSets,
    responses=failures(),
)
async def get_data_sets(asker: Reader) -> Response:
    """Return how much is stored of each signal, live and by imported data set."""

    def answer() -> dict[str, Any]:
        return {
            "data_sets": [
                {
                    "data_set": each.data_set,
                    "signal": each.signal,
                    "records": each.records,
                    **instant("first", each.first_unix_ns),
                    **instant("last", each.last_unix_ns),
                }
                for each in asker.services.telemetry.data_sets()
            ]
        }

    return await asker.json(answer)


def _last_quarter(now_unix_ns: int) -> Window:
    step_ns = STEP_S * _S
    end = now_unix_ns // step_ns * step_ns + step_ns
    return Window(end - _BINS * step_ns, end)


def _overview(asker: Asker, now_unix_ns: int) -> dict[str, Any]:
    services = asker.services
    stretch = _last_quarter(now_unix_ns)
    rows = services.telemetry.rates(stretch)
    backlog = services.operation.backlog()
    return {
        **instant("now", now_unix_ns),
        "services": _by_service(rows, stretch),
        "series": _series(rows, stretch),
        "incidents": {
            "open": len(services.state.incidents(_OPEN, _MAX_OPEN)),
            "recent": [summary(each) for each in services.state.incidents(limit=_RECENT)],
        },
        "journal": {
            "waiting_records": backlog.waiting_records,
            "waiting_bytes": backlog.waiting_bytes,
        },
        "received": dict(services.operation.received()),
    }


def _by_service(rows: Iterable[Mapping[str, Any]], stretch: Window) -> list[dict[str, Any]]:
    end = stretch.end_unix_ns - _UNSETTLED_BINS * STEP_S * _S
    start = end - _RATE_BINS * STEP_S * _S
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        total = totals[row["service"]]
        if start <= row["bin_unix_ns"] < end:
            for place, name in enumerate(("calls", "errors", "lines")):
                total[place] += row[name]
    seconds = _RATE_BINS * STEP_S
    return [
        {
            "service": service,
            "calls_per_s": calls / seconds,
            "errors_per_s": errors / seconds,
            "error_ratio": errors / calls if calls else None,
            "log_lines_per_s": lines / seconds,
        }
        for service, (calls, errors, lines) in sorted(totals.items())
    ]


def _series(rows: Iterable[Mapping[str, Any]], stretch: Window) -> dict[str, Any]:
    sums = {name: [0] * _BINS for name in ("calls", "errors", "lines")}
    for row in rows:
        place = (row["bin_unix_ns"] - stretch.start_unix_ns) // (STEP_S * _S)
        if 0 <= place < _BINS:
            for name, values in sums.items():
                values[place] += row[name]
    return {
        **instant("start", stretch.start_unix_ns),
        "step_s": STEP_S,
        "calls_per_s": [value / STEP_S for value in sums["calls"]],
        "errors_per_s": [value / STEP_S for value in sums["errors"]],
        "log_lines_per_s": [value / STEP_S for value in sums["lines"]],
    }
