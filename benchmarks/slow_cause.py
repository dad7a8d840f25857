"""
How often the place that was slowed is named, and how often nothing is where nothing was.

    python benchmarks/slow_cause.py [--quick] [--seed 11] [--shop] [--json]

Made-up systems (`benchmarks/generator/slow_nodes.py`), 400 requests before and after an instant, or
800 of which the slowest twentieth are set against the rest. Keys:

  top1                    share of slowed systems where the node named is the one slowed (bar 0.95)
  abstains_when_nothing   share of unchanged systems where nothing is named (bar 0.98)
  by_shape                both by shape: right, wrong, nothing named
  worst_tenth_top1        top1 over the tenth of systems with the smallest slowing
  largest_difference      share where the slowed node has the largest difference, named or not

With --shop the demo shop is really run as well, for some four minutes, with each of eight operations
slowed in turn (`shop_slow_cause.py`; null where the shop cannot be run):

  shop_top1                    share of operations that are named
  shop_abstains_when_nothing   share of routes of which nothing is named while nothing is slowed
  shop_by_operation            what was named

The last line is one JSON object.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from benchmarks.generator.slow_nodes import SHAPES, SlowCase, slow_case

from tracepulse.derive.cohort_blame import cohort_blame, node_table, request_times
from tracepulse.derive.cohort_difference import (
    CohortDifference,
    NodeDifference,
    Split,
    cohort_difference,
)
from tracepulse.derive.span_codes import span_codes

SLOWEST = 0.95
SHOP_ROUNDS, SHOP_STRETCH_S = 4, 6.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one system."""

    shape: str
    named: bool
    right: bool
    largest_right: bool
    excess_ratio: float


def explained(case: SlowCase) -> CohortDifference:
    """Return the difference of a case's two cohorts."""
    codes, _, nodes = span_codes(case.columns)
    start, length = request_times(codes)
    if case.changed_unix_ns is None:
        group = (length > np.quantile(length, SLOWEST)).astype(np.int64)
        split = Split.TAIL
    else:
        group = (start >= case.changed_unix_ns).astype(np.int64)
        split = Split.CHANGE
    table = node_table(nodes)
    blame = cohort_blame(codes, table, group, 2, count_calls=split is Split.TAIL)
    return cohort_difference(blame, table, split)


def outcome(case: SlowCase) -> Outcome:
    """Judge one case."""
    found = explained(case)
    excess = found.slow_ns / found.usual_ns - 1.0 if found.usual_ns else 0.0
    return Outcome(
        case.shape,
        found.finding is not None,
        _is_true(case, found.finding),
        _is_true(case, found.nodes[0] if found.nodes else None),
        excess,
    )


def _is_true(case: SlowCase, node: NodeDifference | None) -> bool:
    if node is None or case.truth is None:
        return node is None and case.truth is None
    if case.truth.resource:
        return case.truth.resource in node.resource.split()
    named = (node.service, node.operation)
    return named == (case.truth.service, case.truth.operation) and node.category != "network"


def measure(systems: int, seed: int) -> dict[str, Any]:
    """Return all figures over so many systems of each shape, and five times as many unchanged."""
    done: list[Outcome] = []
    for shape in SHAPES:
        count = systems * 5 if shape == "nothing" else systems
        done += [outcome(slow_case(shape, seed * 1_000 + number)) for number in range(count)]
    slowed = [each for each in done if each.shape != "nothing"]
    unchanged = [each for each in done if each.shape == "nothing"]
    hardest = sorted(slowed, key=lambda each: each.excess_ratio)[: max(1, len(slowed) // 10)]
    return {
        "slowed_systems": len(slowed),
        "unchanged_systems": len(unchanged),
        "top1": _share([each.right for each in slowed]),
        "abstains_when_nothing": _share([not each.named for each in unchanged]),
        "worst_tenth_top1": _share([each.right for each in hardest]),
        "largest_difference": _share([each.largest_right for each in slowed]),
        "by_shape": {
            shape: _counts([each for each in done if each.shape == shape]) for shape in SHAPES
        },
    }


def _share(values: list[bool]) -> float:
    return round(sum(values) / len(values), 4)


def _counts(done: list[Outcome]) -> dict[str, int]:
    return {
        "right": sum(each.right for each in done),
        "wrong": sum(each.named and not each.right for each in done),
        "not_named": sum(not each.named for each in done),
    }


def _shop() -> dict[str, Any]:
    """Return the shop's figures, or null where it cannot be run."""
    from benchmarks.shop_slow_cause import measure_shop
    from examples.shop.errors import ShopError

    try:
        return measure_shop(SHOP_ROUNDS, SHOP_STRETCH_S)
    except ShopError as error:
        print(f"the shop cannot be run: {error}", file=sys.stderr)
        return {"shop_top1": None, "shop_abstains_when_nothing": None}


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 systems a shape instead of 40")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--shop", action="store_true", help="run the demo shop as well")
    parser.add_argument("--data", type=Path, help="not used: everything is made up")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    given = parser.parse_args()
    found = {"seed": given.seed} | measure(6 if given.quick else 40, given.seed)
    if given.shop:
        found |= _shop()
    if not given.json:
        for name, value in found.items():
            print(f"{name:24} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
