"""Verification of a fix: did a route or page become faster by it?"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import DataSet
from tracepulse.deliver.api.services import Services
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.derive.limits.regressions import VERIFY_ERROR_RATIO
from tracepulse.derive.regression_rises import METRICS, VITALS, unit_value
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.instants import parse_instant
from tracepulse.model.latency import SeriesName
from tracepulse.verify import Checked, FixQuestion, check_fix

__all__ = ["router"]

router = APIRouter(tags=["regressions"])
_MINUTE_NS = 60_000_000_000


class VerifyShape(Shape):
    """What came of a fix."""

    verdict: str = Field(description="verified, no effect, regressed or not known yet.")
    reason: str
    service: str
    route: str
    metric: str
    fixed_unix_ns: str = instant_field()
    fixed_at: str = text_instant_field()
    before: float | None = Field(description="Usual value before; ns, of cls its score.")
    after: float | None
    ratio: float | None = Field(description="After by before; below 1 is faster.")
    low_ratio: float | None = Field(description="Interval of the ratio.")
    high_ratio: float | None
    confidence_ratio: float = Field(description="Of the intervals of all looks together.")
    requests_before: int
    requests_after: int
    look_minutes: int = Field(description="Time after the fix on which the answer rests.")
    more_minutes: int | None = Field(
        description="Wait so long for the look that decides, if what is seen goes on; null where it"
        " is decided or no look would."
    )
    more_requests: int | None = Field(description="About so many come in that time.")
    rests_on: str = Field(description="What the interval was taken from, in words.")


@router.get(
    "/api/verify",
    summary="Whether a fix helped",
    response_model=VerifyShape,
    responses=failures(404),
)
async def get_verify(
    asker: Reader,
    route: Annotated[str, Query(description="Name of the root or serving span.")] = "",
    service: Annotated[str, Query(description="Of that span, or of the page.")] = "",
    metric: Annotated[
        str, Query(description="p50 or p95 of the latency; lcp, inp, cls or ttfb. Default: p95.")
    ] = "",
    fixed_at: Annotated[str, Query(description="RFC 3339, Unix ns, or relative (`-2h`).")] = "",
    version_a: Annotated[str, Query(description="Or: this `service.version` …")] = "",
    version_b: Annotated[str, Query(description="… against this one, with the fix.")] = "",
    regression: Annotated[
        str, Query(description="The route, metric and onset of this regression.")
    ] = "",
    incident: Annotated[
        str, Query(description="The route of this incident; fixed when it was resolved.")
    ] = "",
    data_set: DataSet = "",
) -> Response:
    """Return whether requests are faster since a fix, or how long to wait until it is known."""
    now = asker.now_unix_ns()
    if bool(version_a) != bool(version_b):
        raise BadQuestion("give both version_a and version_b")
    if metric and metric not in {**METRICS, **VITALS}:
        raise BadQuestion(f"metric {metric[:20]!r}: use {', '.join((*METRICS, *VITALS))}")
    fixed = parse_instant(fixed_at, now, "fixed_at") if fixed_at else None

    def answer() -> dict[str, Any]:
        series, onset, known = _meant(
            asker.services, SeriesName(service, route, metric), regression, incident
        )
        at = fixed if fixed is not None else known
        if at is None and not version_a:
            raise BadQuestion("give fixed_at, or version_a and version_b")
        question = FixQuestion(
            series,
            now // _MINUTE_NS,
            # From the next whole minute on.
            None if version_a or at is None else -(-at // _MINUTE_NS),
            None if onset is None else onset // _MINUTE_NS,
            (version_a, version_b) if version_a else None,
            data_set,
        )
        return _answer(check_fix(asker.services.telemetry, question), series)

    return await asker.json(answer)


def _meant(
    services: Services, asked: SeriesName, regression: str, incident: str
) -> tuple[SeriesName, int | None, int | None]:
    """Return the series, since when it was slow, and when that ended, as far as they are known."""
    onset = ended = None
    service, route, metric = asked.service, asked.route, asked.metric
    if regression:
        found = services.state.regression(regression)
        if found is None:
            raise NotFound(
                f"there is no regression {regression[:64]!r}; /api/regressions lists them"
            )
        lead = found.lead
        service, route = lead.series.service, lead.series.route
        metric, onset, ended = metric or lead.series.metric, found.onset_unix_ns, found.over_unix_ns
    elif incident:
        known = services.state.incident(incident)
        if known is None:
            raise NotFound(f"there is no incident {incident[:64]!r}; /api/incidents lists them")
        service = service or known.entry_service or known.faulty_service
        route = route or known.entry_operation or known.faulty_operation
        onset, ended = known.onset_unix_ns, known.resolved_unix_ns
        if not route:
            raise BadQuestion("no route of that incident is known: give route and service")
    metric = metric or "p95"
    if metric in VITALS and not service:
        raise BadQuestion("give service: the page's")
    if metric not in VITALS and not route:
        raise BadQuestion("give route, regression or incident")
    return SeriesName(service, "" if metric in VITALS else route, metric), onset, ended


def _answer(checked: Checked, series: SeriesName) -> dict[str, Any]:
    found = checked.found

    def value(level: float | None) -> float | None:
        return None if level is None else unit_value(series.metric, level)

    low = high = ratio = None
    if found.difference is not None and found.half_width is not None:
        ratio = 2.0**found.difference
        low, high = (2.0 ** (found.difference + s * found.half_width) for s in (-1, 1))
    more = found.more_minutes
    return {
        "verdict": found.verdict.value,
        "reason": found.reason,
        "service": series.service,
        "route": series.route,
        "metric": series.metric,
        **instant("fixed", checked.fixed_minute * _MINUTE_NS),
        "before": value(found.before),
        "after": value(found.after),
        "ratio": ratio,
        "low_ratio": low,
        "high_ratio": high,
        "confidence_ratio": 1.0 - VERIFY_ERROR_RATIO,
        "requests_before": checked.requests_before,
        "requests_after": checked.requests_after,
        "look_minutes": found.look_minutes,
        "more_minutes": more,
        "more_requests": None if more is None else round(more * checked.a_minute),
        "rests_on": _rests_on(found.placebos, found.look_minutes),
    }


def _rests_on(placebos: float, look_minutes: int) -> str:
    if not look_minutes:
        return "nothing yet"
    if placebos:
        return f"the same difference at {placebos:.0f} independent earlier instants"
    return "the scatter of the blocks, with room for a daily cycle that is not known"
