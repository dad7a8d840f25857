"""
How right findings by shape are: what is named where it is, and what is named where it is not.

    python benchmarks/findings.py [--quick] [--seed 41] [--cases 5] [--data DIR] [--json]

Made-up requests (`benchmarks/generator/shaped_requests.py`): every shape implanted in several ways,
and as many cases of what only looks like it. Keys, by shape:

  precision   findings of the shape that are the one implanted, of all findings of it in any case
  recall      cases with the shape implanted in which it is named, at its place
  worst       recall of the way of implanting it that is found least often
  cases       with the shape implanted

and over all of them `precision`, `recall`, `worst_tenth_recall` (the tenth of cases in which it costs
least), `quiet_cases` (share of cases without a shape in which nothing at all is named), `false`
(what was named though it was not there, by case). `real` is what is named in recorded traces of two
demo systems without a fault, under `DIR/nezha/fault_free`: routes with 30 requests or more, findings
a route, and each finding; null without the data. `unrelated` is what is named in the systems of
`benchmarks/generator/slow_nodes.py`, which know nothing of shapes: how many of them, and by shape.

The last line is one JSON object.
"""

import argparse
import csv
import json
import lzma
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from benchmarks.generator.shaped_requests import SHAPES, ShapedCase, shaped_case
from benchmarks.generator.slow_nodes import SHAPES as SLOWED
from benchmarks.generator.slow_nodes import slow_case

from tracepulse.derive.cohort_blame import request_times
from tracepulse.derive.finding_input import finding_input_of
from tracepulse.derive.finding_rules import sightings
from tracepulse.derive.findings import Finding, FindingSums, findings
from tracepulse.model.span import SpanColumns
from tracepulse.testing import DrawnSpan, span_columns


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case."""

    shape: str
    variant: str
    is_there: bool
    named: tuple[Finding, ...]
    right: tuple[bool, ...]
    """Of each that is named: it is the implanted one."""
    cost_ratio: float
    """How much longer the mean request is than the shortest tenth: a guess at what the shape costs."""


def found_in(columns: SpanColumns) -> tuple[Finding, ...]:
    """Return findings of requests, of which the slowest twentieth are the slow cohort."""
    given = finding_input_of(columns)
    start, length = request_times(given.codes)
    sums = FindingSums()
    sums.add(given, sightings(given))
    group = (length > np.quantile(length, 0.95)).astype(np.int64)
    return findings(sums, start, length, group)


def outcome(case: ShapedCase) -> Outcome:
    """Judge one case."""
    named = found_in(case.columns)
    right = tuple(_is_planted(case, each) for each in named)
    length = case.columns.duration_ns[case.columns.parent_span_id == ""]
    low = float(np.quantile(length, 0.1))
    cost = float(length.mean()) / low - 1.0
    return Outcome(case.shape, case.variant, case.planted is not None, named, right, cost)


def _is_planted(case: ShapedCase, found: Finding) -> bool:
    if case.planted is None or found.shape != case.planted.shape:
        return False
    place = " ".join((found.service, found.operation, *found.calls))
    return all(name in place for name in case.planted.names)


def measure(seeds: range) -> dict[str, Any]:
    """Return all figures over cases of these seeds."""
    done = [
        outcome(shaped_case(shape, variant, seed))
        for shape, (ways, misses) in SHAPES.items()
        for variant in (*ways, *misses)
        for seed in seeds
    ]
    there = [each for each in done if each.is_there]
    absent = [each for each in done if not each.is_there]
    hardest = sorted(there, key=lambda each: each.cost_ratio)[: max(1, len(there) // 10)]
    verdicts = [
        (named.shape, right)
        for each in done
        for named, right in zip(each.named, each.right, strict=True)
    ]
    wrong = Counter(
        f"{each.shape}/{each.variant}: {named.shape}"
        for each in done
        for named, right in zip(each.named, each.right, strict=True)
        if not right
    )
    missed = Counter(f"{each.shape}/{each.variant}" for each in there if not any(each.right))
    return {
        "cases": len(done),
        "precision": _share([right for _, right in verdicts]),
        "recall": _share([any(each.right) for each in there]),
        "worst_tenth_recall": _share([any(each.right) for each in hardest]),
        "quiet_cases": _share([not each.named for each in absent]),
        "by_shape": {
            shape: {
                "precision": _share([right for name, right in verdicts if name == shape]),
                "recall": _share([any(e.right) for e in there if e.shape == shape]),
                "worst": min(
                    _share([any(e.right) for e in there if (e.shape, e.variant) == (shape, way)])
                    or 0.0
                    for way in SHAPES[shape][0]
                ),
                "cases": sum(each.shape == shape for each in there),
            }
            for shape in SHAPES
        },
        "false": dict(sorted(wrong.items())),
        "missed": dict(sorted(missed.items())),
    }


def measure_real(folder: Path) -> dict[str, Any] | None:
    """Return what is named in recorded traces without a fault."""
    files = sorted(folder.glob("nezha/fault_free/*/traces/*.csv.xz"))
    routes: dict[str, tuple[Finding, ...]] = {}
    for path in files:
        of_trace: dict[str, list[DrawnSpan]] = defaultdict(list)
        with lzma.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                of_trace[row["TraceID"]].append(_recorded(row))
        of_route: dict[tuple[str, str], list[DrawnSpan]] = defaultdict(list)
        for spans in of_trace.values():
            roots = [(each.service, each.name) for each in spans if not each.parent_span_id]
            if len(roots) == 1:
                of_route[roots[0]] += spans
        for (service, name), spans in sorted(of_route.items()):
            columns = span_columns(spans)
            if (columns.parent_span_id == "").sum() >= 30:
                routes[f"{path.parts[-3]} {service} {name}"] = found_in(columns)
    told = {
        f"{route}: {each.shape} {each.service} {each.operation} {' > '.join(each.calls)}": round(
            each.per_request_ns / 1e6, 2
        )
        for route, found in routes.items()
        for each in found
    }
    if not files:
        return None
    return {"routes": len(routes), "a_route": round(len(told) / max(len(routes), 1), 2), "ms": told}


def measure_unrelated(systems: int, seed: int) -> dict[str, Any]:
    """Return what is named in systems that were made up for another purpose."""
    shapes = [each for each in SLOWED if each != "nested"]
    named = [
        found_in(slow_case(shape, seed * 100 + number, 100).columns)
        for shape in shapes
        for number in range(systems)
    ]
    return {
        "systems": len(named),
        "with_any": sum(bool(each) for each in named),
        "by_shape": dict(Counter(found.shape for each in named for found in each)),
    }


def _recorded(row: dict[str, str]) -> DrawnSpan:
    start, end = int(row["StartTimeUnixNano"]), int(row["EndTimeUnixNano"])
    pod = row["PodName"]
    return DrawnSpan(
        row["SpanID"],
        "" if row["ParentID"] == "root" else row["ParentID"],
        start,
        end - start,
        service=pod.rsplit("-", 2)[0],
        name=row["OperationName"],
        trace_id=row["TraceID"],
        resource={"service.instance.id": pod},
    )


def _share(values: list[bool]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 cases of each way instead of 5")
    parser.add_argument("--cases", type=int, default=5, help="of each way")
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    given = parser.parse_args()
    first = given.seed * 1_000
    found = {"seed": given.seed} | measure(
        range(first, first + (2 if given.quick else given.cases))
    )
    found["unrelated"] = measure_unrelated(1 if given.quick else 5, given.seed)
    found["real"] = measure_real(given.data)
    if not given.json:
        for name, value in found.items():
            print(f"{name:24} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
