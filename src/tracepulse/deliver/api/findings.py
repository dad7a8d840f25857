"""Findings by shape: what requests of a route waste time on, with traces as evidence."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.cohorts import CohortsAsked, ReadCohorts
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.shapes import Shape
from tracepulse.derive.finding_words import said
from tracepulse.derive.findings import Finding
from tracepulse.finding_reader import FindingReader

__all__ = ["router"]

router = APIRouter(tags=["traces"])


class FindingShape(Shape):
    """One shape of waste at one place; times are on the blocking path."""

    shape: str = Field(
        description="n_plus_one, serial_calls, retries, timeout_ladder, chatty_fan_out, waiting,"
        " cold_start, cache_miss_storm, render_blocking, late_resource, long_frames or"
        " slow_first_byte."
    )
    service: str
    operation: str = Field(description="That makes the calls, or waits.")
    calls: list[str] = Field(description="Statements without values, addresses, or names.")
    said: str = Field(description="What was seen, and what it may mean, in words.")
    requests: int = Field(description="That were looked at.")
    held_requests: int = Field(description="That it held up.")
    per_request_ns: float = Field(description="Mean over all requests: what mending it can save.")
    per_held_ns: float = Field(description="Mean over those that it held up.")
    usual_ns: float = Field(description="Per request of the usual cohort.")
    slow_ns: float
    share_ratio: float | None = Field(description="Of the difference of the cohorts.")
    calls_each: float = Field(description="Median number of calls in requests that it held up.")
    detail: dict[str, float] = Field(description="Numbers of the shape's own.")
    trace_ids: list[str] = Field(description="Held up longest, then one in the middle.")


class FindingsShape(Shape):
    """Findings of a route, the most costly first."""

    usual: str = Field(description="Which requests the first cohort holds, in words.")
    slow: str
    usual_requests: int
    slow_requests: int
    mean_ns: float = Field(description="Length of a request.")
    findings: list[FindingShape]
    complete: bool = Field(description="False when there are more than the limit.")
    sampled: bool = Field(description="True when there are more requests than were read.")


@router.get(
    "/api/findings",
    summary="What requests of a route waste time on, by shape",
    response_model=FindingsShape,
    responses=failures(404),
)
async def get_findings(
    asked: CohortsAsked,
    limit: Annotated[int, Query(ge=1, le=1000, description="Findings at most.")] = 20,
) -> Response:
    """Return loops of calls, calls in a row, retries, waits and the like, with evidence."""

    def answer() -> dict[str, Any]:
        read = asked.read()
        reader = FindingReader(read.reader.telemetry, read.reader.data_set)
        found = reader.findings(read.requests, read.cohorts.group)
        usual, slow = read.counts
        return {
            "usual": read.cohorts.usual,
            "slow": read.cohorts.slow,
            "usual_requests": usual,
            "slow_requests": slow,
            "mean_ns": sum(each.duration_ns for each in read.requests) / len(read.requests),
            "findings": [_finding(each, read) for each in found[:limit]],
            "complete": len(found) <= limit,
            "sampled": read.sampled,
        }

    return await asked.asker.json(answer)


def _finding(found: Finding, read: ReadCohorts) -> dict[str, Any]:
    return {
        "shape": found.shape,
        "service": found.service,
        "operation": found.operation,
        "calls": list(found.calls),
        "said": said(found),
        "requests": found.requests,
        "held_requests": found.held_requests,
        "per_request_ns": found.per_request_ns,
        "per_held_ns": found.per_held_ns,
        "usual_ns": found.usual_ns,
        "slow_ns": found.slow_ns,
        "share_ratio": found.share_ratio,
        "calls_each": found.calls_each,
        "detail": dict(found.detail),
        "trace_ids": read.trace_ids(found.evidence),
    }
