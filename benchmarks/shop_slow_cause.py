"""
Which place is named where one operation of the really running shop is slowed (see `slow_cause.py --shop`).

Requests of a route while the operation was delayed are set against those of the stretches before
each (`shop_delays.py`). Where nothing was changed, the later half of the requests without a
delay is set against the earlier one.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import reduce
from typing import Any

import numpy as np
from benchmarks.shop_delays import POINTS, SAME_DELAY, Point, run_shop
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import cohort_blame, node_table, request_times
from tracepulse.derive.cohort_difference import (
    CohortDifference,
    NodeDifference,
    Split,
    cohort_difference,
)
from tracepulse.derive.span_codes import span_codes
from tracepulse.model.span import SpanColumns

__all__ = ["measure_shop"]


def measure_shop(rounds: int, stretch_s: float) -> dict[str, Any]:
    """
    Run the shop and return the figures, by keys that begin with `shop_`.

    Raises:
        ShopError: the shop cannot be run here.
    """
    columns = run_shop(tuple(POINTS), rounds, stretch_s).columns
    told: dict[str, str] = {}
    for name, point in POINTS.items():
        place = SAME_DELAY.get(name, name)
        found = _compared(columns[place, False], columns[place, True], point.route)
        told[name] = _told(found, point)
    usual = reduce(_joined, [each for (_, is_on), each in columns.items() if not is_on])
    calm = {
        route: _unchanged(usual, route).finding
        for route in sorted({point.route for point in POINTS.values()})
    }
    right = [said == "right" for said in told.values()]
    return {
        "shop_operations": len(told),
        "shop_top1": round(sum(right) / len(right), 4),
        "shop_abstains_when_nothing": round(
            sum(finding is None for finding in calm.values()) / len(calm), 4
        ),
        "shop_by_operation": told,
        "shop_named_when_nothing": {
            route: _name(finding) for route, finding in calm.items() if finding is not None
        },
    }


def _compared(usual: SpanColumns, slowed: SpanColumns, route: str) -> CohortDifference:
    one, other = _of_route(usual, route), _of_route(slowed, route)
    later = set(other.trace_id.tolist())
    codes, trace_ids, nodes = span_codes(_joined(one, other))
    group = np.array([each in later for each in trace_ids], np.int64)
    table = node_table(nodes)
    return cohort_difference(cohort_blame(codes, table, group, 2), table, Split.CHANGE)


def _unchanged(usual: SpanColumns, route: str) -> CohortDifference:
    codes, _, nodes = span_codes(_of_route(usual, route))
    start, _ = request_times(codes)
    group = (start >= np.median(start)).astype(np.int64)
    table = node_table(nodes)
    return cohort_difference(cohort_blame(codes, table, group, 2), table, Split.CHANGE)


def _told(found: CohortDifference, point: Point) -> str:
    finding = found.finding
    if finding is None:
        return f"nothing named: {found.reason}"
    named = (finding.service, finding.operation)
    is_right = named == (point.service, point.operation)
    if is_right and (point.network is None or (finding.category == "network") == point.network):
        return "right"
    return f"wrong: {_name(finding)}"


def _name(node: NodeDifference) -> str:
    return " ".join(
        part for part in (node.service, node.operation, node.category, node.resource) if part
    )


def _of_route(columns: SpanColumns, route: str) -> SpanColumns:
    """Return the traces whose root is of a route."""
    roots = (columns.parent_span_id == "") & (columns.name == route)
    mine = set(columns.trace_id[roots].tolist())
    return _chosen(columns, np.array([each in mine for each in columns.trace_id], np.bool_))


def _chosen(columns: SpanColumns, rows: NDArray[np.bool_]) -> SpanColumns:
    places = np.flatnonzero(rows).tolist()
    return SpanColumns(**{name: _rows(value, places) for name, value in _values(columns).items()})


def _joined(one: SpanColumns, other: SpanColumns) -> SpanColumns:
    first, second = _values(one), _values(other)
    return SpanColumns(**{name: _both(value, second[name]) for name, value in first.items()})


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, np.ndarray):
        return np.concatenate([one, other])
    return (*one, *other) if one is not None else None


def _values(columns: SpanColumns) -> Mapping[str, Any]:
    return {each.name: getattr(columns, each.name) for each in fields(columns)}


def _rows(value: Any, places: list[int]) -> Any:
    if isinstance(value, np.ndarray):
        return value[places]
    return tuple(value[place] for place in places) if value else value
