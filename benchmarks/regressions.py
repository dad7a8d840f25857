"""
How often a shift of latency is found, how soon, and how often one is told where there is none.

    python benchmarks/regressions.py [--quick] [--seed 11] [--json]

Made-up series of a route (`benchmarks/generator/latency_series.py`), eleven families; watched block by
block as the server does, both quantiles (p50, p95). Keys:

  false_alarms_per_series_week        rises told in series in which nothing was changed; the first day of
                                      a series, in which nothing can be told, does not count as time
  worst_family_false_alarms_…         the same in the family with the most
  worst_decile_false_alarms_…         the same over the tenth of series with the most
  detected                            share of slowings by a half or more that were told within 12 hours
  median_delay_minutes                of those, from the first slow request; p90_delay_minutes beside it
  by_factor                           both by how much slower all requests became
  onset_inside                        share of those found whose interval holds the true onset
  by_family                           false alarms per series-week and share detected
  not_judged                          share of series that say "not enough data": too few requests

and fixes at a known instant, with three hours, a day or four days of history, asked about until a day
later (`nothing` was fixed; all requests `faster` or `slower`; a regression of one to five hours `rolled
back`):

  verified_right                      share of those faster by a third or more, or rolled back, that are verified
  verified_wrong                      share of those not faster that are verified
  regressed_wrong, no_effect_wrong    the same of the other two answers
  median_look_minutes                 time after the fix on which "verified" rests
  by_fix                              what was answered, by what was done

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

from benchmarks.generator.latency_series import (
    DAY,
    FAMILIES,
    LatencySeries,
    Shift,
    latency_series,
)

from tracepulse.derive.latency_blocks import block_values, block_width
from tracepulse.derive.shifts import find_shifts
from tracepulse.derive.verification import Verdict, verify_since
from tracepulse.model.latency import MinuteCounts

QUANTILES = (0.5, 0.95)
FACTORS = (1.2, 1.35, 1.5, 2.0, 3.0)
LARGE = 1.5
WITHIN_MINUTES = 720
NULL_DAYS, SHIFT_DAYS = 8, 6
_ONE = 360
"""Rises of both quantiles within six hours are one regression."""


FIXES = (
    ("nothing", 1.0),
    ("faster", 0.65),
    ("slower", 1.25),
    ("nothing", 1.0),
    ("rolled back", 1.6),
    ("faster", 0.8),
    ("slower", 1.6),
    ("faster", 0.5),
)
HISTORY_DAYS = (0.125, 1.0, 4.0)


@dataclass(frozen=True, slots=True)
class Fixed:
    """What was answered of one fix."""

    done: str
    factor: float
    verdict: Verdict
    look_minutes: int

    @property
    def truth(self) -> int:
        """Return -1 where requests became faster, 1 where slower."""
        return {"nothing": 0, "faster": -1, "slower": 1, "rolled back": -1}[self.done]


@dataclass(frozen=True, slots=True)
class Told:
    """One regression of a series, in minutes from its begin."""

    seen: int
    first: int
    last: int
    rose: float


def told(series: LatencySeries) -> list[Told]:
    """Return the regressions that a watch of the series would have told, by when."""
    counts = MinuteCounts(series.minute, series.bucket, series.count)
    begin, end = series.begin, series.begin + series.minutes
    width = block_width(counts, begin, end)
    if width is None:
        return []
    found = []
    for quantile in QUANTILES:
        blocks = block_values(counts, quantile, width, begin, end)
        start = blocks.begin - begin
        found += [
            Told(
                each.seen * width + start,
                each.first * width + start,
                (each.last + 1) * width + start,
                each.doublings,
            )
            for each in find_shifts(blocks)
            if each.doublings > 0
        ]
    found.sort(key=lambda each: (each.seen, each.first))
    kept: list[Told] = []
    for one in found:
        if not kept or one.seen - kept[-1].seen > _ONE:
            kept.append(one)
    return kept


def measure(series: int, seed: int) -> dict[str, Any]:
    """Return all figures over so many unchanged and so many changed series of each family."""
    alarms: dict[str, list[int]] = {family: [] for family in FAMILIES}
    delays: list[tuple[str, float, float | None, bool]] = []
    too_few = 0
    rng = np.random.default_rng(seed)
    for number in range(series):
        for family in FAMILIES:
            unchanged = latency_series(family, seed * 100_000 + number, NULL_DAYS)
            alarms[family].append(len(told(unchanged)))
            too_few += _width(unchanged) is None
    for number in range(series):
        for family in FAMILIES:
            factor = float(FACTORS[number % len(FACTORS)])
            at = int(rng.integers(2 * DAY, (SHIFT_DAYS - 1) * DAY))
            kind = "ramp" if number % 7 == 6 else "level"
            changed = latency_series(
                family, seed * 100_000 + 50_000 + number, SHIFT_DAYS, (Shift(at, factor, kind),)
            )
            hits = [each for each in told(changed) if at <= each.seen <= at + WITHIN_MINUTES]
            inside = bool(hits) and hits[0].first <= at <= hits[0].last
            delays.append((family, factor, hits[0].seen - at if hits else None, inside))
    not_judged = round(too_few / (series * len(FAMILIES)), 4)
    return _figures(alarms, delays) | {"not_judged": not_judged}


def _width(series: LatencySeries) -> int | None:
    counts = MinuteCounts(series.minute, series.bucket, series.count)
    return block_width(counts, series.begin, series.begin + series.minutes)


def fixes(series: int, seed: int) -> list[Fixed]:
    """Return what is answered of so many fixes of each family and kind."""
    rng = np.random.default_rng([seed, 7])
    answered = []
    for number in range(series * len(FIXES)):
        done, factor = FIXES[number % len(FIXES)]
        for family in FAMILIES:
            days = HISTORY_DAYS[int(rng.integers(0, len(HISTORY_DAYS)))]
            at = int(days * DAY) + int(rng.integers(0, 5))
            shifts: tuple[Shift, ...] = () if factor == 1.0 else (Shift(at, factor),)
            if done == "rolled back":
                begin = max(0, at - int(rng.integers(60, 300)))
                shifts = (Shift(begin, factor, until=at),)
            made = latency_series(family, seed * 100_000 + 90_000 + number, days + 1.1, shifts)
            counts = MinuteCounts(made.minute, made.bucket, made.count)
            end = made.begin + made.minutes
            width = block_width(counts, made.begin, made.begin + at)
            if width is None:
                answered.append(Fixed(done, factor, Verdict.NOT_KNOWN, 0))
                continue
            blocks = block_values(counts, QUANTILES[number % 2], width, made.begin, end)
            found = verify_since(blocks, made.begin + at)
            answered.append(Fixed(done, factor, found.verdict, found.look_minutes))
    return answered


def fix_figures(answered: list[Fixed]) -> dict[str, Any]:
    """Return how often answers are right and wrong."""
    improved = [e for e in answered if e.truth < 0 and not 0.65 < e.factor < 1.0]
    verified = [e for e in answered if e.verdict is Verdict.VERIFIED]
    looks = [e.look_minutes for e in verified if e.truth < 0]
    return {
        "fixes": len(answered),
        "verified_right": _share([e.verdict is Verdict.VERIFIED for e in improved]),
        "verified_wrong": _share([e.verdict is Verdict.VERIFIED for e in answered if e.truth >= 0]),
        "regressed_wrong": _share(
            [e.verdict is Verdict.REGRESSED for e in answered if e.truth <= 0]
        ),
        "no_effect_wrong": _share(
            [e.verdict is Verdict.NO_EFFECT for e in answered if e.truth != 0]
        ),
        "median_look_minutes": float(np.median(looks)) if looks else None,
        "by_fix": {
            f"{done} {factor}": {
                each.value: sum(e.verdict is each for e in answered if (e.done, e.factor) == key)
                for each in Verdict
            }
            for key in sorted(set(FIXES))
            for done, factor in (key,)
        },
    }


def _figures(
    alarms: dict[str, list[int]], delays: list[tuple[str, float, float | None, bool]]
) -> dict[str, Any]:
    weeks = (NULL_DAYS - 1) / 7.0
    every = np.array([each for found in alarms.values() for each in found]) / weeks
    worst = np.sort(every)[::-1][: max(1, len(every) // 10)]
    by_family = {family: float(np.mean(found)) / weeks for family, found in alarms.items()}
    large = [each for each in delays if each[1] >= LARGE]
    took = [each[2] for each in large if each[2] is not None]
    return {
        "series_weeks": round(len(every) * weeks, 1),
        "false_alarms_per_series_week": round(float(every.mean()), 4),
        "worst_family_false_alarms_per_series_week": round(max(by_family.values()), 4),
        "worst_decile_false_alarms_per_series_week": round(float(worst.mean()), 4),
        "detected": _share([each[2] is not None for each in large]),
        "median_delay_minutes": float(np.median(took)) if took else None,
        "p90_delay_minutes": float(np.quantile(took, 0.9)) if took else None,
        "onset_inside": _share([each[3] for each in delays if each[2] is not None]),
        "by_factor": {str(factor): _of_factor(delays, factor) for factor in FACTORS},
        "by_family": {
            family: {
                "false_alarms": round(by_family[family], 4),
                "detected": _share([each[2] is not None for each in large if each[0] == family]),
            }
            for family in FAMILIES
        },
    }


def _of_factor(
    delays: list[tuple[str, float, float | None, bool]], factor: float
) -> dict[str, float | None]:
    took = [each[2] for each in delays if each[1] == factor]
    found = [each for each in took if each is not None]
    return {
        "detected": _share([each is not None for each in took]),
        "median_delay_minutes": float(np.median(found)) if found else None,
    }


def _share(values: list[bool]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few series of each family")
    parser.add_argument("--series", type=int, help="unchanged and changed series of each family")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--draw", action="store_true", help="draw build/benchmarks/regressions.svg")
    parser.add_argument("--data", type=Path, help="not used: everything is made up")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    given = parser.parse_args()
    series = given.series or (8 if given.quick else 100)
    found = {"seed": given.seed} | measure(series, given.seed)
    found |= fix_figures(fixes(-(-series // 4), given.seed))
    if given.draw:
        import matplotlib as mpl
        from benchmarks.figures import bars

        mpl.rcParams.update({"svg.hashsalt": "tracepulse", "svg.fonttype": "none"})
        by_family = found["by_family"]
        bars(
            "regressions",
            [
                (
                    "false alarms per series-week",
                    {name: each["false_alarms"] for name, each in by_family.items()},
                    {},
                ),
                (
                    "share found within 12 h, by how much slower",
                    {name: each["detected"] or 0.0 for name, each in found["by_factor"].items()},
                    {},
                ),
            ],
        )
    if not given.json:
        for name, value in found.items():
            print(f"{name:44} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
