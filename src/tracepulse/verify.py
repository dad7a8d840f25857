"""Did a fix help? The store is read, the derivation compares."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tracepulse.derive.latency_blocks import block_values, block_width
from tracepulse.derive.regression_rises import METRICS, VITALS
from tracepulse.derive.verification import Verdict, Verification, verify_beside, verify_since
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.model.latency import MinuteCounts, SeriesName
from tracepulse.model.question import Window
from tracepulse.store.queries.latencies import LatencyQueries

__all__ = ["Checked", "FixQuestion", "check_fix"]

_MINUTE_NS = 60_000_000_000
_HISTORY_MINUTES = 8 * 1440
_AFTER_MINUTES = 4 * 1440
"""Longer after a fix other things have changed."""


@dataclass(frozen=True, slots=True)
class FixQuestion:
    """Which series, and what was fixed: since an instant, or in version B against A."""

    series: SeriesName
    now_minute: int
    """Of a data set its end, if that is earlier."""
    fixed_minute: int | None = None
    onset_minute: int | None = None
    """Where the fix is of a regression: since when it is slow."""
    versions: tuple[str, str] | None = None
    data_set: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer, and how many requests there were."""

    found: Verification
    fixed_minute: int
    requests_before: int
    requests_after: int
    a_minute: float
    """Requests since the fix, for each minute."""


def check_fix(telemetry: LatencyQueries, question: FixQuestion) -> Checked:
    """
    Compare the time after a fix with the time before it, or two versions.

    Raises:
        NotFound: there is no such series in that time.
        BadQuestion: the fix lies in the future.
    """
    by_version = _read(telemetry, question)
    if not by_version:
        raise NotFound(
            f"nothing was measured of {question.series.metric} of"
            f" {question.series.service or 'any service'} {question.series.route[:100]!r} in that time"
        )
    if question.versions is not None:
        return _by_version(by_version, question, question.versions)
    assert question.fixed_minute is not None
    return _since(_together(by_version.values()), question, question.fixed_minute)


def _read(telemetry: LatencyQueries, question: FixQuestion) -> dict[str, MinuteCounts]:
    fixed = question.fixed_minute
    if fixed is not None and fixed > question.now_minute:
        raise BadQuestion("the fix is later than now: `fixed_at` must have passed")
    # A data set may lie anywhere; its own times bound what is read.
    begin = (question.now_minute if fixed is None else fixed) - _HISTORY_MINUTES
    end = question.now_minute
    if fixed is not None:
        end = min(end, fixed + _AFTER_MINUTES)
    window = Window(max(0, begin) * _MINUTE_NS, max(end, begin + 1) * _MINUTE_NS)
    name = question.series
    if name.metric in VITALS:
        found = telemetry.vital_minutes(window, name.service, question.data_set)
        held = [each for (_, vital), each in found.items() if vital == name.metric]
        return {"": _together(held)} if held else {}
    return dict(telemetry.route_minutes(name.service, name.route, window, question.data_set))


def _since(counts: MinuteCounts, question: FixQuestion, fixed: int) -> Checked:
    # What is not over yet does not count, and a data set ends where it ends.
    end = question.now_minute
    if question.data_set:
        end = min(end, int(counts.minute.max()) + 1)
    before, after = _requests(counts, 0, fixed), _requests(counts, fixed, end)
    begin = int(counts.minute.min())
    width = block_width(counts, begin, max(fixed, begin + 1)) or block_width(counts, begin, end)
    if width is None:
        found = _too_few("fewer than some twenty requests an hour")
    else:
        series = block_values(counts, _quantile(question), width, begin, end)
        found = verify_since(series, fixed, question.onset_minute)
    return Checked(found, fixed, before, after, after / max(end - fixed, 1))


def _by_version(
    by_version: dict[str, MinuteCounts], question: FixQuestion, versions: tuple[str, str]
) -> Checked:
    for each in versions:
        if each not in by_version:
            said = ", ".join(repr(name[:40]) for name in sorted(by_version)[:10])
            raise NotFound(f"no request of version {each[:60]!r} in that time; there are {said}")
    usual, fixed = (by_version[each] for each in versions)
    first, end = int(fixed.minute.min()), int(max(usual.minute.max(), fixed.minute.max())) + 1
    end = min(end, question.now_minute)
    begin = max(first, int(usual.minute.min()))
    both_end = min(int(usual.minute.max()), int(fixed.minute.max())) + 1
    widths = (
        [block_width(each, begin, both_end) for each in (usual, fixed)] if begin < both_end else []
    )
    chosen = [each for each in widths if each is not None]
    if len(chosen) == 2 and both_end - begin >= 3 * max(chosen):
        width = max(chosen)
        one, other = (
            block_values(each, _quantile(question), width, begin, end) for each in (usual, fixed)
        )
        found = verify_beside(one, other)
    else:
        return _since(_together((usual, fixed)), question, first)
    after = _requests(fixed, begin, end)
    return Checked(found, first, _requests(usual, begin, end), after, after / max(end - begin, 1))


def _quantile(question: FixQuestion) -> float:
    return {**METRICS, **VITALS}[question.series.metric]


def _requests(counts: MinuteCounts, begin: int, end: int) -> int:
    inside = (counts.minute >= begin) & (counts.minute < end)
    return int(counts.count[inside].sum())


def _together(several: Iterable[MinuteCounts]) -> MinuteCounts:
    held = list(several)
    return MinuteCounts(
        np.concatenate([each.minute for each in held]),
        np.concatenate([each.bucket for each in held]),
        np.concatenate([each.count for each in held]),
        held[0].per_doubling,
    )


def _too_few(reason: str) -> Verification:
    return Verification(Verdict.NOT_KNOWN, reason, None, None, None, None, 0, None, 0.0)
