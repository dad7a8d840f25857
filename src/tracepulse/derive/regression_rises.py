"""Rises and falls of one series as records, with instants and values in their units."""

from collections.abc import Mapping

from tracepulse.derive.shifts import Shifted, find_shifts
from tracepulse.model.latency import BlockValues, SeriesName
from tracepulse.model.regression import Rise

__all__ = ["METRICS", "VITALS", "falls_of", "rise_of", "rises_of", "unit_value"]

MINUTE_NS = 60_000_000_000
METRICS: Mapping[str, float] = {"p50": 0.5, "p95": 0.95}
"""Of a route's latency, by name."""
VITALS: Mapping[str, float] = {"lcp": 0.75, "inp": 0.75, "cls": 0.75, "ttfb": 0.75}
"""Of a page's; three quarters of the visitors fare no worse, as web vitals are judged."""
_CLS_SCALE = 1e6


def unit_value(metric: str, level: float) -> float:
    """Return a level (log2) as ns, or as score for CLS."""
    value = 2.0**level - 1.0
    return float(value / _CLS_SCALE if metric == "cls" else value)


def rises_of(
    name: SeriesName, series: BlockValues, seen_from_minute: int
) -> tuple[tuple[Rise, ...], tuple[tuple[int, float], ...]]:
    """
    Return the rises that could be told since a minute, and all falls as (instant, value).

    Args:
        series: with all its history.
    """
    found = find_shifts(series)
    rises = tuple(
        rise_of(name, series, each)
        for each in found
        if each.doublings > 0 and series.begin + each.seen * series.width >= seen_from_minute
    )
    return rises, falls_of(name, series, found)


def falls_of(
    name: SeriesName, series: BlockValues, found: tuple[Shifted, ...]
) -> tuple[tuple[int, float], ...]:
    """Return when a series fell, and to what."""
    return tuple(
        (_instant(series, each.onset), unit_value(name.metric, each.after))
        for each in found
        if each.doublings < 0
    )


def rise_of(name: SeriesName, series: BlockValues, shift: Shifted) -> Rise:
    """Return one shift as a record."""
    return Rise(
        name,
        unit_value(name.metric, shift.before),
        unit_value(name.metric, shift.after),
        2.0**shift.doublings,
        2.0 ** (shift.doublings - shift.half_width),
        2.0 ** (shift.doublings + shift.half_width),
        _instant(series, shift.onset),
        _instant(series, shift.first),
        _instant(series, shift.last + 1),
        _instant(series, shift.seen),
    )


def _instant(series: BlockValues, block: int) -> int:
    return (series.begin + block * series.width) * MINUTE_NS
