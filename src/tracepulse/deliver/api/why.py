"""Why requests of a route are slow: two cohorts, and what one waited for longer than the other."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.cohorts import Cohorts, CohortsAsked
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.shapes import Shape, finite
from tracepulse.derive.cohort_difference import (
    CohortDifference,
    NodeDifference,
    Split,
    cohort_difference,
)
from tracepulse.derive.separating import SeparatingAttribute, separating_attributes
from tracepulse.model.cohort import Request

__all__ = ["router"]

router = APIRouter(tags=["traces"])


class NodeShape(Shape):
    """What requests waited for, in both cohorts; times are means over all requests of each."""

    service: str = Field(description="Empty for a resource, whoever calls it.")
    operation: str
    category: str = Field(description="As of a blocking path; or resource, summed over callers.")
    resource: str = Field(description="Database, broker or host that sends no spans; else empty.")
    usual_ns: float
    slow_ns: float
    difference_ns: float
    low_ns: float | None = Field(description="Interval of the difference, for all nodes at once.")
    high_ns: float | None
    share_ratio: float = Field(description="Of the difference of the cohorts.")
    usual_requests: int = Field(description="Requests that it held up.")
    slow_requests: int


class AttributeShape(Shape):
    """A value that slow requests have more often."""

    key: str
    value: str
    usual_with: int
    usual_requests: int
    slow_with: int
    slow_requests: int


class WhyShape(Shape):
    """Two cohorts of requests beside each other."""

    split: str = Field(description="tail: by percentile; change: by instant or version.")
    usual: str = Field(description="Which requests the first cohort holds, in words.")
    slow: str
    usual_requests: int
    slow_requests: int
    usual_ns: float = Field(description="Mean length of a request.")
    slow_ns: float
    low_ns: float | None = Field(description="Interval of the difference.")
    high_ns: float | None
    confidence_ratio: float = Field(description="That all intervals of nodes hold at once.")
    compared: int = Field(description="Nodes that were compared.")
    finding: NodeShape | None = Field(description="What made the second cohort slower.")
    reason: str = Field(description="Why it is named, or why nothing is.")
    nodes: list[NodeShape] = Field(description="By difference, the largest first.")
    complete: bool = Field(description="False when there are more nodes than the limit.")
    sampled: bool = Field(description="True when there are more requests than were read.")
    attributes: list[AttributeShape]
    slow_trace_ids: list[str] = Field(description="Of the slowest requests of the second cohort.")


@router.get(
    "/api/why",
    summary="Why requests of a route are slow",
    response_model=WhyShape,
    responses=failures(404),
)
async def get_why(
    asked: CohortsAsked,
    limit: Annotated[int, Query(ge=1, le=1000, description="Nodes at most.")] = 20,
) -> Response:
    """Return what requests of the second cohort waited for longer than those of the first."""

    def answer() -> dict[str, Any]:
        read = asked.read()
        cohorts = read.cohorts
        blame, table = read.reader.blame(
            read.requests, cohorts.group, 2, count_calls=cohorts.split is Split.TAIL
        )
        found = cohort_difference(blame, table, cohorts.split)
        told = separating_attributes(
            [{**each.resource, **each.attributes} for each in read.requests], cohorts.group
        )
        return _answer(found, cohorts, told, limit) | {
            "sampled": read.sampled,
            "slow_trace_ids": _slowest(read.requests, cohorts.group),
        }

    return await asked.asker.json(answer)


def _slowest(requests: Sequence[Request], group: NDArray[np.int64]) -> list[str]:
    members = [requests[place] for place in np.flatnonzero(group == 1).tolist()]
    members.sort(key=lambda each: (-each.duration_ns, each.trace_id))
    return [each.trace_id for each in members[:5]]


def _answer(
    found: CohortDifference,
    cohorts: Cohorts,
    told: Sequence[SeparatingAttribute],
    limit: int,
) -> dict[str, Any]:
    return {
        "split": cohorts.split.value,
        "usual": cohorts.usual,
        "slow": cohorts.slow,
        "usual_requests": found.usual_requests,
        "slow_requests": found.slow_requests,
        "usual_ns": found.usual_ns,
        "slow_ns": found.slow_ns,
        "low_ns": finite(found.low_ns),
        "high_ns": finite(found.high_ns),
        "confidence_ratio": found.confidence_ratio,
        "compared": found.compared,
        "finding": None if found.finding is None else _node(found.finding),
        "reason": found.reason,
        "nodes": [_node(each) for each in found.nodes[:limit]],
        "complete": len(found.nodes) <= limit,
        "attributes": [
            {
                "key": each.key,
                "value": each.value,
                "usual_with": each.usual_with,
                "usual_requests": each.usual_requests,
                "slow_with": each.slow_with,
                "slow_requests": each.slow_requests,
            }
            for each in told
        ],
    }


def _node(node: NodeDifference) -> dict[str, Any]:
    return {
        "service": node.service,
        "operation": node.operation,
        "category": node.category,
        "resource": node.resource,
        "usual_ns": node.usual_ns,
        "slow_ns": node.slow_ns,
        "difference_ns": node.difference_ns,
        "low_ns": finite(node.low_ns),
        "high_ns": finite(node.high_ns),
        "share_ratio": node.share_ratio,
        "usual_requests": node.usual_requests,
        "slow_requests": node.slow_requests,
    }
