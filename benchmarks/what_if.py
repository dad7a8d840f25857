"""
How near predictions come to what is then measured: one place of a system is made slower or faster.

    python benchmarks/what_if.py [--quick] [--seed 5] [--data DIR] [--json]

From the traces of a run with a known delay the times without it are predicted, and the other way
round; p50 and p95 of the route are compared with those of the other run. The demo shop is really
run (`shop_delays.py`); other systems are simulated (`generator/loaded_systems.py`). Keys:

  median_abs_error_ratio   of |predicted - true| / true, over every operation of the shop, p50 and
                           p95, both ways (bar 0.10)
  p90_abs_error_ratio      the same at its 90th percentile (bar 0.25)
  shop_*, simulated_*      mean, and mean of the worst tenth; by topology; `unchanged` is the error of
                           saying that nothing would change
  shop_repeat_*            by how much the shop without any delay differs from itself: less cannot be had
  waiting_*, alone_*       simulated systems with queues, pools and locks only; `alone` where each request
                           is played without the others that it waited for
  effect_*                 |predicted - true| / |true change|, where the true change is over a tenth

The last line is one JSON object. Without the shop's Node packages (`make setup`) its keys are null.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from benchmarks.generator.loaded_systems import TOPOLOGIES, LoadedPair, Slower, loaded_pair
from benchmarks.shop_delays import POINTS, SAME_DELAY, run_shop
from benchmarks.what_if_drawing import drawing
from examples.shop.errors import ShopError

from tracepulse.derive.cohort_blame import node_table
from tracepulse.derive.span_codes import span_codes
from tracepulse.derive.what_if import Change, replays
from tracepulse.model.span import SpanColumns

QUANTILES = (0.5, 0.95)
WAITING = ("queueing", "pool", "lock")
"""Topologies in which requests wait for each other."""
QUICK_POINTS = ("charge", "reserve", "look")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One prediction of one quantile, beside the truth."""

    topology: str
    way: str
    """`faster` or `slower`."""
    quantile: float
    given_ns: float
    predicted_ns: float
    true_ns: float

    @property
    def error(self) -> float:
        """Of the true value."""
        return abs(self.predicted_ns - self.true_ns) / self.true_ns

    @property
    def unchanged_error(self) -> float:
        """Of saying that nothing changes."""
        return abs(self.given_ns - self.true_ns) / self.true_ns

    @property
    def effect_error(self) -> float | None:
        """Of the true change; None where that is too small to tell."""
        change = abs(self.given_ns - self.true_ns)
        if change < 0.1 * self.true_ns:
            return None
        return abs(self.predicted_ns - self.true_ns) / change


def outcomes(pair: LoadedPair, *, together: bool = True) -> list[Outcome]:
    """Return predictions both ways; not `together`, each request is played alone."""
    found = []
    for way, given, other, by_ns in (
        ("faster", pair.slowed, pair.without, -pair.slower.by_ns),
        ("slower", pair.without, pair.slowed, pair.slower.by_ns),
    ):
        before, after = predicted(given, pair.route, pair.slower, by_ns, together=together)
        truth = lengths(other, pair.route)
        for quantile in QUANTILES:
            told = [float(np.quantile(each, quantile)) for each in (before, after, truth)]
            found.append(Outcome(pair.topology, way, quantile, *told))
    return found


def predicted(
    columns: SpanColumns, route: str, slower: Slower, by_ns: int, *, together: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lengths of a route's requests as they are, and as predicted."""
    codes, trace_ids, nodes = span_codes(columns)
    roots = columns.parent_span_id == ""
    of_route = set(columns.trace_id[roots & (columns.name == route)].tolist())
    cohort = np.array([each in of_route for each in trace_ids], np.bool_)
    change = Change(
        service=slower.service, operation=slower.operation, network=slower.network, by_ns=by_ns
    )
    found = replays(codes, node_table(nodes), together=together).ask(change, cohort)
    return found.before_ns, found.after_ns


def lengths(columns: SpanColumns, route: str) -> NDArray[np.int64]:
    """Return how long the requests of a route took."""
    chosen = (columns.parent_span_id == "") & (columns.name == route)
    found: NDArray[np.int64] = columns.duration_ns[chosen]
    return found


def figures(prefix: str, found: Sequence[Outcome]) -> dict[str, Any]:
    """Return what is said of some outcomes."""
    errors = np.sort([each.error for each in found])
    effects = np.sort([each.effect_error for each in found if each.effect_error is not None])
    tenth = max(1, len(errors) // 10)
    return {
        f"{prefix}predictions": len(errors),
        f"{prefix}median_abs_error_ratio": _round(np.median(errors)),
        f"{prefix}p90_abs_error_ratio": _round(np.quantile(errors, 0.9)),
        f"{prefix}mean_abs_error_ratio": _round(errors.mean()),
        f"{prefix}worst_tenth_abs_error_ratio": _round(errors[-tenth:].mean()),
        f"{prefix}unchanged_median_abs_error_ratio": _round(
            np.median([each.unchanged_error for each in found])
        ),
        f"{prefix}effect_median_error_ratio": _round(np.median(effects)) if len(effects) else None,
        f"{prefix}effect_p90_error_ratio": (
            _round(np.quantile(effects, 0.9)) if len(effects) else None
        ),
    }


def by_topology(found: Sequence[Outcome]) -> dict[str, Any]:
    """Return the median and the largest errors of each topology."""
    told = {}
    for topology in sorted({each.topology for each in found}):
        errors = [each.error for each in found if each.topology == topology]
        effects = [
            each.effect_error
            for each in found
            if each.topology == topology and each.effect_error is not None
        ]
        told[topology] = {
            "median": _round(np.median(errors)),
            "p90": _round(np.quantile(errors, 0.9)),
            "largest": _round(max(errors)),
            "effect_median": _round(np.median(effects)) if effects else None,
        }
    return told


def simulated(
    systems: int,
    seed: int,
    requests: int,
    topologies: Sequence[str] = TOPOLOGIES,
    *,
    together: bool = True,
) -> list[Outcome]:
    """Return the outcomes of so many systems of each topology."""
    return [
        each
        for topology in topologies
        for number in range(systems)
        for each in outcomes(
            loaded_pair(topology, seed * 1_000 + number, requests), together=together
        )
    ]


def shop(names: Sequence[str], rounds: int, stretch_s: float) -> tuple[list[Outcome], list[float]]:
    """Return the outcomes of the shop's operations, each delayed in turn, and the shop's own noise."""
    run = run_shop(names, rounds, stretch_s).columns
    return shop_outcomes(names, run), repeats(run)


def shop_outcomes(
    names: Sequence[str], run: Mapping[tuple[str, bool], SpanColumns]
) -> list[Outcome]:
    """Return the outcomes of what the shop sent."""
    found = []
    for name in names:
        point = POINTS[name]
        slower = Slower(
            point.service, point.operation, int(point.delay_ms * 1_000_000), point.network
        )
        usual, slowed = (run[SAME_DELAY.get(name, name), is_on] for is_on in (False, True))
        found += outcomes(LoadedPair(point.topology, point.route, usual, slowed, slower))
    return found


def repeats(run: Mapping[tuple[str, bool], SpanColumns]) -> list[float]:
    """Return by how much the shop without a delay differs from itself, stretches against others."""
    usual = [columns for (_, is_on), columns in sorted(run.items()) if not is_on]
    found = []
    for route in sorted({point.route for point in POINTS.values()}):
        for quantile in QUANTILES:
            told = [float(np.quantile(lengths(each, route), quantile)) for each in usual]
            found += [abs(one - other) / other for one, other in pairwise(told)]
    return found


def _round(value: Any) -> float:
    return round(float(value), 4)


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few systems, few operations")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--data", type=Path, help="not used: everything is run or made up")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    parser.add_argument("--draw", type=Path, metavar="FILE", help="write a drawing, SVG")
    parser.add_argument("--no-shop", action="store_true", help="simulated systems only")
    given = parser.parse_args()
    rounds, stretch_s = (2, 2.2) if given.quick else (5, 3.0)
    real: list[Outcome] = []
    noise: list[float] = []
    missing = ""
    try:
        if given.no_shop:
            raise ShopError("--no-shop was given")
        real, noise = shop(QUICK_POINTS if given.quick else list(POINTS), rounds, stretch_s)
    except ShopError as reason:
        missing = str(reason)
    systems, requests = (1, 500) if given.quick else (8, 1_200)
    made_up = simulated(systems, given.seed, requests)
    alone = simulated(systems, given.seed, requests, WAITING, together=False)
    found: dict[str, Any] = {
        "median_abs_error_ratio": _round(np.median([each.error for each in real]))
        if real
        else None,
        "p90_abs_error_ratio": (
            _round(np.quantile([each.error for each in real], 0.9)) if real else None
        ),
        "seed": given.seed,
    }
    if real:
        found |= figures("shop_", real) | {"shop_by_topology": by_topology(real)}
        found["shop_repeat_median_abs_difference_ratio"] = _round(np.median(noise))
        found["shop_repeat_p90_abs_difference_ratio"] = _round(np.quantile(noise, 0.9))
    else:
        found["shop_missing"] = missing
    found |= figures("simulated_", made_up)
    found["simulated_by_topology"] = by_topology(made_up)
    found |= figures("waiting_", [each for each in made_up if each.topology in WAITING])
    found |= figures("alone_", alone)
    if given.draw is not None:
        given.draw.write_text(drawing(made_up, real), encoding="utf-8")
    if not given.json:
        for name, value in found.items():
            print(f"{name:40} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
