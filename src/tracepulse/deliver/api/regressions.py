"""Regressions: routes and pages that became slower and stayed so."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.instants import rfc3339
from tracepulse.model.regression import Coverage, Regression, RegressionState, Rise

__all__ = ["router"]

router = APIRouter(tags=["regressions"])
_AROUND_NS = 3_600_000_000_000


class RiseShape(Shape):
    """One series that rose."""

    service: str
    route: str = Field(description="Name of the serving span; empty for a page's web vitals.")
    metric: str = Field(description="p50 or p95 of the latency; lcp, inp, cls or ttfb (p75).")
    before: float = Field(description="Usual value before; ns, of cls its score.")
    after: float
    ratio: float = Field(description="After by before.")
    low_ratio: float = Field(description="Interval of the ratio, 95%.")
    high_ratio: float
    onset_unix_ns: str = instant_field()
    onset_at: str = text_instant_field()
    first_at: str = Field(description="The onset lies in [first, last).")
    last_at: str


class WhyLink(Shape):
    """What to ask of `/api/why` to see what the requests wait for since."""

    route: str
    service: str
    before: str
    after: str
    since: str
    until: str


class RegressionShape(Shape):
    """One cause, as far as can be told: rises of related services at one time."""

    regression_id: str = Field(examples=["reg_7f3a90b1c2d4"])
    state: str = Field(description="open; over: half of it is undone; stayed: the usual level now.")
    onset_unix_ns: str = instant_field()
    onset_at: str = text_instant_field()
    first_at: str = Field(description="The onset lies in [first, last).")
    last_at: str
    found_at: str
    over_at: str | None
    rises: list[RiseShape] = Field(description="The leading one first.")
    version_before: str = Field(description="Of most requests; empty where none is said.")
    version_after: str
    change_id: str = Field(description="The reported change nearest to the onset; or empty.")
    trace_ids: list[str] = Field(description="Of requests as slow as is usual since.")
    why: WhyLink | None = Field(description="None for pages, and where no root is stored.")


class CoverageShape(Shape):
    """What the last look could judge."""

    looked_at: str
    judged: int = Field(description="Series with enough requests and a day of history.")
    too_new: int = Field(description="Series that are not a day old.")
    too_few: int = Field(description="Routes that are asked for less than some 20 times an hour.")
    error: str = Field(description="Why the last look failed; empty when it did not.")


class RegressionList(Shape):
    """Regressions, newest onset first."""

    regressions: list[RegressionShape]
    complete: bool = Field(description="False when there are more than the limit.")
    coverage: CoverageShape | None = Field(description="None before the first look.")


@router.get(
    "/api/regressions",
    summary="Regressions",
    response_model=RegressionList,
    responses=failures(),
)
async def list_regressions(
    asker: Reader,
    state: Annotated[
        str, Query(description="open, over or stayed; several with commas; empty is any.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Return what became slower and stayed so, newest onset first."""
    states = [_state(each.strip()) for each in state.split(",") if each.strip()]

    def answer() -> dict[str, Any]:
        found = asker.services.state.regressions(states, limit + 1)
        coverage = asker.services.regression_coverage()
        return {
            "regressions": [_regression(each) for each in found[:limit]],
            "complete": len(found) <= limit,
            "coverage": None if coverage is None else _coverage(coverage),
        }

    return await asker.json(answer)


@router.get(
    "/api/regressions/{regression_id}",
    summary="One regression",
    response_model=RegressionShape,
    responses=failures(404),
)
async def get_regression(
    asker: Reader, regression_id: Annotated[str, Path(examples=["reg_7f3a90b1c2d4"])]
) -> Response:
    """Return one regression."""

    def answer() -> dict[str, Any]:
        found = asker.services.state.regression(regression_id)
        if found is None:
            raise NotFound(
                f"there is no regression {regression_id[:64]!r}; /api/regressions lists them"
            )
        return _regression(found)

    return await asker.json(answer)


def _state(text: str) -> RegressionState:
    try:
        return RegressionState(text.lower())
    except ValueError:
        raise BadQuestion(f"state {text[:40]!r}: use open, over or stayed") from None


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "looked_at": rfc3339(coverage.at_unix_ns),
        "judged": coverage.judged,
        "too_new": coverage.too_new,
        "too_few": coverage.too_few,
        "error": coverage.error,
    }


def _regression(found: Regression) -> dict[str, Any]:
    return {
        "regression_id": found.regression_id,
        "state": found.state.value,
        **instant("onset", found.onset_unix_ns),
        "first_at": rfc3339(found.first_unix_ns),
        "last_at": rfc3339(found.last_unix_ns),
        "found_at": rfc3339(found.found_unix_ns),
        "over_at": None if found.over_unix_ns is None else rfc3339(found.over_unix_ns),
        "rises": [_rise(each) for each in found.rises],
        "version_before": found.version_before,
        "version_after": found.version_after,
        "change_id": found.change_id,
        "trace_ids": list(found.trace_ids),
        "why": _why(found),
    }


def _rise(rise: Rise) -> dict[str, Any]:
    return {
        "service": rise.series.service,
        "route": rise.series.route,
        "metric": rise.series.metric,
        "before": rise.before,
        "after": rise.after,
        "ratio": rise.ratio,
        "low_ratio": rise.low_ratio,
        "high_ratio": rise.high_ratio,
        **instant("onset", rise.onset_unix_ns),
        "first_at": rfc3339(rise.first_unix_ns),
        "last_at": rfc3339(rise.last_unix_ns),
    }


def _why(found: Regression) -> dict[str, str] | None:
    if not found.entry_route:
        return None
    # What lies within the interval of the onset may belong to either side.
    return {
        "route": found.entry_route,
        "service": found.entry_service,
        "before": rfc3339(found.first_unix_ns),
        "after": rfc3339(found.last_unix_ns),
        "since": rfc3339(found.first_unix_ns - _AROUND_NS),
        "until": rfc3339(found.last_unix_ns + _AROUND_NS),
    }
