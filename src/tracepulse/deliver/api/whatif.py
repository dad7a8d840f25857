"""What if a place were faster, slower, gone or parallel; and which places are worth it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query
from numpy.typing import NDArray
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Asker, Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import (
    Attributes,
    DataSet,
    Since,
    Until,
    attribute_filters,
    window,
)
from tracepulse.deliver.api.shapes import Shape
from tracepulse.derive.what_if import Change
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.model.cohort import CohortQuestion, Request
from tracepulse.predict import Outcome, candidates, predicted
from tracepulse.why import CohortReader

__all__ = ["router"]

router = APIRouter(tags=["traces"])

MAX_REQUESTS = 20_000
_SEVERAL_CALLS = 1.5
"""Calls of a place a request, from which on making them parallel is offered."""
_DAY_NS = 86_400_000_000_000
_LENGTH = re.compile(r"(-?\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|%)")
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


class QuantileShape(Shape):
    """One percentile of the requests' lengths."""

    quantile: float
    before_ns: int
    after_ns: int
    low_ns: int | None = Field(description="95% interval of the predicted one; null: too few.")
    high_ns: int | None


class StationShape(Shape):
    """A place that requests were seen to wait for each other at."""

    service: str
    what: str = Field(description="workers, a resource, or the name of the spans that wait.")
    places: int
    asked_when_full: int = Field(description="Calls that came when all were taken.")
    expected_early: float = Field(
        description="Of these so many would have begun sooner without a limit; none did."
    )


class PredictionShape(Shape):
    """What one change would do."""

    node: str = Field(description="As `node` of /api/whatif takes it.")
    change: str = Field(description="In words.")
    requests: int
    touched: int = Field(description="Requests that have such a call.")
    sooner: int = Field(description="Requests that would end sooner.")
    later: int
    calls: int = Field(description="That are changed.")
    saved_per_request_ns: float = Field(description="Mean over all requests; below 0: longer.")
    saved_per_day_s: float | None = Field(
        description="Seconds of all requests a day at the rate seen; null where it is not known."
    )
    quantiles: list[QuantileShape]
    said: str = Field(description="What comes of it, or why nothing does.")
    learned_traces: int = Field(description="Traces that taught what waits for what.")
    least_traces: int | None = Field(
        description="The fewest that show such a call in sequence with one beside it; null: none."
    )
    stations: list[StationShape] = Field(description="Where waiting for others changes too.")


class WhatIfShape(PredictionShape):
    """What one change would do to the requests of a route."""

    sampled: bool = Field(description="True when there are more requests than were read.")
    queues: bool = Field(description="Whether waiting for other requests was played too.")


class OpportunitiesShape(Shape):
    """Standard changes of places that requests waited for, by the seconds saved a day."""

    requests: int
    sampled: bool
    queues: bool
    compared: int = Field(description="Changes that were played.")
    opportunities: list[PredictionShape]
    complete: bool = Field(description="False when there are more than the limit.")


@dataclass(frozen=True, slots=True)
class _Asked:
    asker: Asker
    question: CohortQuestion

    def read(self) -> "_Read":
        telemetry = self.asker.services.telemetry
        question = self.question
        chosen = telemetry.cohort_requests(question)
        if not chosen:
            raise NotFound(f"no requests of route {question.operation[:100]!r} begin in that time")
        reader = CohortReader(telemetry, question.data_set)
        everyone = CohortQuestion(question.window, question.data_set, limit=question.limit)
        others = telemetry.cohort_requests(everyone)
        sampled = len(chosen) > MAX_REQUESTS
        if len(others) > MAX_REQUESTS:
            return _Read(reader, chosen, np.ones(len(chosen), np.bool_), sampled, False)
        meant = {each.trace_id for each in chosen}
        cohort = np.array([each.trace_id in meant for each in others], np.bool_)
        return _Read(reader, others, cohort, sampled, True)


@dataclass(frozen=True, slots=True)
class _Read:
    reader: CohortReader
    requests: Sequence[Request]
    """Of the cohort, and all others where these are few enough to be played too."""
    cohort: NDArray[np.bool_]
    sampled: bool
    queues: bool

    def outcomes(self, changes: Sequence[Change]) -> list[Outcome]:
        return predicted(self.reader, self.requests, self.cohort, changes, together=self.queues)

    def per_day(self) -> float | None:
        """Return how many requests a day there are, at the rate at which these came."""
        start = [
            self.requests[place].start_unix_ns for place in np.flatnonzero(self.cohort).tolist()
        ]
        if self.sampled or len(start) < 2 or start[-1] == start[0]:
            return None
        return (len(start) - 1) * _DAY_NS / (start[-1] - start[0])


def _asked(
    asker: Reader,
    route: Annotated[str, Query(description="Name of the requests' root span; empty: all.")] = "",
    service: Annotated[str, Query(description="Of the root span.")] = "",
    attr: Attributes = None,
    since: Since = None,
    until: Until = None,
    data_set: DataSet = "",
) -> _Asked:
    now = asker.now_unix_ns()
    return _Asked(
        asker,
        CohortQuestion(
            window(since, until, data_set, now),
            data_set,
            service,
            route,
            attribute_filters(attr),
            MAX_REQUESTS + 1,
        ),
    )


Asked = Annotated[_Asked, Depends(_asked)]


@router.get(
    "/api/whatif",
    summary="What if a place were faster, slower, gone or parallel",
    response_model=WhatIfShape,
    responses=failures(404),
)
async def get_whatif(
    asked: Asked,
    node: Annotated[
        str,
        Query(
            description="`service: operation`, or with what it calls `service: operation -> resource`,"
            " or `-> resource` whoever calls it. With ` (network)` behind: the way to those that answer."
        ),
    ],
    faster: Annotated[
        str,
        Query(description="By a share such as `50%`, or a length such as `20ms`; below 0 slower."),
    ] = "",
    to: Annotated[str, Query(description="Calls that work longer take so long: `20ms`.")] = "",
    removed: Annotated[bool, Query(description="Gone, with all below.")] = False,
    parallel: Annotated[
        bool, Query(description="Calls run beside their like; a single one beside the one before.")
    ] = False,
) -> Response:
    """Return how long requests would take, every one played again with the change."""
    change = _change(node, faster, to, removed, parallel)

    def answer() -> dict[str, Any]:
        read = asked.read()
        (found,) = read.outcomes([change])
        if not found.calls:
            raise NotFound(f"no call of {node[:200]!r} in these requests: see /api/opportunities")
        told = _told(found, read.per_day())
        return told | {"sampled": read.sampled, "queues": read.queues}

    return await asked.asker.json(answer)


@router.get(
    "/api/opportunities",
    summary="Places where making things faster gains most",
    response_model=OpportunitiesShape,
    responses=failures(404),
)
async def get_opportunities(
    asked: Asked,
    limit: Annotated[int, Query(ge=1, le=100, description="At most so many.")] = 20,
) -> Response:
    """Return places by what is gained where each is halved, or its calls made side by side."""

    def answer() -> dict[str, Any]:
        read = asked.read()
        group = np.where(read.cohort, 0, -1)
        blame, table = read.reader.blame(read.requests, group, 1)
        offered = candidates(blame, table, 2 * limit)
        found = read.outcomes([each.change for each in offered])
        per_day = read.per_day()
        gaining = [each for each in found if each.prediction.saved_ns > 0 and _is_offered(each)]
        gaining.sort(key=lambda each: (-each.prediction.saved_ns, _node_text(each.change)))
        return {
            "requests": int(read.cohort.sum()),
            "sampled": read.sampled,
            "queues": read.queues,
            "compared": len(offered),
            "opportunities": [_told(each, per_day) for each in gaining[:limit]],
            "complete": len(gaining) <= limit,
        }

    return await asked.asker.json(answer)


def _is_offered(found: Outcome) -> bool:
    """Tell whether a gain is worth showing: single calls in a row may well need each other."""
    several = found.calls >= _SEVERAL_CALLS * found.prediction.touched
    return several or not found.change.parallel


def _change(node: str, faster: str, to: str, removed: bool, parallel: bool) -> Change:
    """Return what was asked for; raises BadQuestion."""
    if sum((bool(faster), bool(to), removed, parallel)) != 1:
        raise BadQuestion("give one of faster, to, removed and parallel")
    text = node.strip()
    place, _, resource = text.removesuffix(" (network)").rpartition("-> ")
    if not place and not text.startswith("-> "):
        place, resource = resource, ""
    service, colon, operation = place.strip().partition(": ")
    if not resource.strip() and not colon:
        raise BadQuestion(f"node {node[:100]!r}: write `service: operation` or `-> resource`")
    named: dict[str, Any] = {
        "service": service.strip(),
        "operation": operation.strip(),
        "resource": resource.strip(),
        # A call that is gone is gone whoever answers it; work of its own is of one kind or the other.
        "network": None if removed or parallel else text.endswith(" (network)"),
    }
    if faster:
        value, unit = _length(faster, "faster")
        if unit == "%":
            if value > 100:
                raise BadQuestion("faster: by 100% at most")
            return Change(**named, faster_ratio=value / 100)
        return Change(**named, by_ns=-round(value * _UNITS[unit]))
    if to:
        value, unit = _length(to, "to")
        if unit == "%" or value < 0:
            raise BadQuestion(f"to {to[:20]!r}: write a length such as 20ms")
        return Change(**named, to_ns=round(value * _UNITS[unit]))
    return Change(**named, removed=removed, parallel=parallel)


def _length(text: str, name: str) -> tuple[float, str]:
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise BadQuestion(
            f"{name} {text[:20]!r}: write a share such as 50% or a length such as 20ms"
        )
    return float(found[1]), found[2]


def _told(found: Outcome, per_day: float | None) -> dict[str, Any]:
    told = found.prediction
    saved = told.saved_per_request_ns
    return {
        "node": _node_text(found.change),
        "change": _change_text(found.change),
        "requests": told.requests,
        "touched": told.touched,
        "sooner": told.sooner,
        "later": told.later,
        "calls": found.calls,
        "saved_per_request_ns": saved,
        "saved_per_day_s": None if per_day is None else saved * per_day / 1e9,
        "quantiles": [
            {
                "quantile": each.quantile,
                "before_ns": each.before_ns,
                "after_ns": each.after_ns,
                "low_ns": each.low_ns,
                "high_ns": each.high_ns,
            }
            for each in told.quantiles
        ],
        "said": told.said(found.calls),
        "learned_traces": found.learned_traces,
        "least_traces": found.least_traces,
        "stations": [
            {
                "service": each.service,
                "what": each.what,
                "places": each.places,
                "asked_when_full": each.asked_when_full,
                "expected_early": each.expected_early,
            }
            for each in found.stations
        ],
    }


def _node_text(change: Change) -> str:
    place = f"{change.service}: {change.operation}" if change.service else ""
    resource = f"-> {change.resource}" if change.resource else ""
    network = "(network)" if change.network and change.service else ""
    return " ".join(part for part in (place, resource, network) if part)


_WORDS: tuple[tuple[Callable[[Change], bool], str], ...] = (
    (lambda change: change.removed, "removed"),
    (lambda change: change.parallel, "made parallel"),
    (lambda change: change.faster_ratio == 0.5, "halved"),
)


def _change_text(change: Change) -> str:
    for holds, words in _WORDS:
        if holds(change):
            return words
    if change.to_ns is not None:
        return f"{change.to_ns:,} ns at most"
    if change.by_ns:
        return f"{abs(change.by_ns):,} ns {'faster' if change.by_ns < 0 else 'slower'}"
    way = "faster" if change.faster_ratio >= 0 else "slower"
    return f"{abs(change.faster_ratio):.0%} {way}"
