"""Two cohorts of requests as endpoints are asked for them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import Depends, Query
from numpy.typing import NDArray

from tracepulse.deliver.api.asking import Asker, Reader
from tracepulse.deliver.api.questions import (
    Attributes,
    DataSet,
    Since,
    Until,
    attribute_filters,
    window,
)
from tracepulse.derive.cohort_difference import Split
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.instants import parse_instant
from tracepulse.model.cohort import CohortQuestion, Request
from tracepulse.why import CohortReader

__all__ = ["MAX_REQUESTS", "AskedCohorts", "Cohorts", "CohortsAsked", "ReadCohorts"]

MAX_REQUESTS = 20_000
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)")


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Which request is in which cohort: -1 is none."""

    group: NDArray[np.int64]
    split: Split
    usual: str
    slow: str


def _cohorts_of(
    requests: Sequence[Request],
    slow: str,
    instants: tuple[int | None, ...],
    versions: tuple[str, str],
) -> Cohorts:
    """Return which request is in which cohort; raises BadQuestion."""
    if any(versions):
        places = {version: place for place, version in enumerate(versions)}
        said = [each.resource.get("service.version", "") for each in requests]
        group = np.array([places.get(version, -1) for version in said], np.int64)
        return Cohorts(group, Split.CHANGE, f"version {versions[0]}", f"version {versions[1]}")
    start = np.array([each.start_unix_ns for each in requests], np.int64)
    before, after = instants
    if before is not None or after is not None:
        first_end = after if before is None else before
        second_start = before if after is None else after
        assert first_end is not None
        assert second_start is not None
        if second_start < first_end:
            raise BadQuestion("`after` is earlier than `before`: the cohorts would overlap")
        group = np.where(start < first_end, 0, np.where(start >= second_start, 1, -1))
        return Cohorts(group, Split.CHANGE, "before the instant", "from the instant on")
    percentile = _PERCENTILE.fullmatch(slow)
    if percentile is None or not 0 < float(percentile[1]) < 100:
        raise BadQuestion(f"slow {slow[:20]!r}: write a percentile such as p95")
    length = np.array([each.duration_ns for each in requests], np.int64)
    ordered = np.sort(length)
    limit = ordered[int(float(percentile[1]) / 100 * (len(ordered) - 1))]
    group = (length > limit).astype(np.int64)
    return Cohorts(group, Split.TAIL, f"up to {slow}", f"slower than {slow}")


@dataclass(frozen=True, slots=True)
class ReadCohorts:
    """Requests of a route, and which cohort each is in."""

    requests: tuple[Request, ...]
    """By start."""
    cohorts: Cohorts
    sampled: bool
    """There are more than were read."""
    reader: CohortReader

    @property
    def counts(self) -> tuple[int, int]:
        """How many requests the usual and the slow cohort have."""
        return int((self.cohorts.group == 0).sum()), int((self.cohorts.group == 1).sum())

    def trace_ids(self, numbers: Sequence[int]) -> list[str]:
        """Return the traces of requests by their number."""
        return [self.requests[number].trace_id for number in numbers]


@dataclass(frozen=True, slots=True)
class AskedCohorts:
    """Two cohorts of one route that were asked for."""

    asker: Asker
    question: CohortQuestion
    slow: str
    instants: tuple[int | None, ...]
    versions: tuple[str, str]

    def read(self) -> ReadCohorts:
        """
        Return the requests that are meant; asks the store.

        Raises:
            NotFound: there are none.
            BadQuestion: what tells the cohorts apart cannot be read.
        """
        telemetry = self.asker.services.telemetry
        requests = telemetry.cohort_requests(self.question)
        if not requests:
            route = self.question.operation[:100]
            raise NotFound(f"no requests of route {route!r} begin in that time")
        cohorts = _cohorts_of(requests, self.slow, self.instants, self.versions)
        reader = CohortReader(telemetry, self.question.data_set)
        return ReadCohorts(requests, cohorts, len(requests) > MAX_REQUESTS, reader)


def _asked_cohorts(
    asker: Reader,
    route: Annotated[str, Query(description="Name of the requests' root span.")],
    service: Annotated[str, Query(description="Of the root span.")] = "",
    slow: Annotated[
        str, Query(description="Slower than this percentile against the rest.")
    ] = "p95",
    before: Annotated[str, Query(description="Requests before this instant against …")] = "",
    after: Annotated[str, Query(description="… those from this one on; one may be left out.")] = "",
    version_a: Annotated[str, Query(description="Requests of this `service.version` …")] = "",
    version_b: Annotated[str, Query(description="… against those of this one.")] = "",
    attr: Attributes = None,
    since: Since = None,
    until: Until = None,
    data_set: DataSet = "",
) -> AskedCohorts:
    now = asker.now_unix_ns()
    question = CohortQuestion(
        window(since, until, data_set, now),
        data_set,
        service,
        route,
        attribute_filters(attr),
        MAX_REQUESTS + 1,
    )
    instants = tuple(parse_instant(text, now) if text else None for text in (before, after))
    if bool(version_a) != bool(version_b):
        raise BadQuestion("give both version_a and version_b")
    return AskedCohorts(asker, question, slow, instants, (version_a, version_b))


CohortsAsked = Annotated[AskedCohorts, Depends(_asked_cohorts)]
"""Parameters that every question about two cohorts takes."""
