"""
Which rises are one regression: those at one time, of services that one flow joins.

    checkout  POST /pay   p95  x1.8   12:05 [12:00, 12:10)   --+
    payment   charge      p50  x2.4   12:05 [12:05, 12:10)   --+--> one regression, payment leads
    payment   charge      p95  x2.2   12:05 [12:05, 12:15)   --+

A caller waits for what it calls, so the service farthest down leads.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tracepulse.derive.limits.regressions import (
    REGRESSION_CHANGE_EARLY_NS,
    REGRESSION_SLACK_NS,
    REGRESSION_STAYS_NS,
)
from tracepulse.model.change import Change
from tracepulse.model.regression import Regression, RegressionState, Rise

__all__ = ["join_rises", "nearest_change", "reached_services", "settled"]


def reached_services(edges: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Return for each caller what its requests reach, itself among it."""
    below: dict[str, set[str]] = {}
    for caller, callee in edges:
        if caller and callee:
            below.setdefault(caller, set()).add(callee)
    reached = {}
    for service in below:
        seen, waiting = {service}, [service]
        while waiting:
            new = below.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        reached[service] = frozenset(seen)
    return reached


def join_rises(
    known: Sequence[Regression],
    rises: Iterable[Rise],
    reached: Mapping[str, frozenset[str]],
    now_unix_ns: int,
) -> tuple[Regression, ...]:
    """
    Return the regressions that are new or gained a rise, by onset and id.

    Args:
        known: whatever state they are in; a rise that one of them holds is not told again.
        rises: in any order.
        reached: as `reached_services` returns it.
    """
    joined = {each.regression_id: each for each in known}
    changed: set[str] = set()
    for rise in sorted(
        rises, key=lambda each: (each.seen_unix_ns, each.first_unix_ns, each.series)
    ):
        mine = next((r for r in joined.values() if _belongs(rise, r, reached)), None)
        if mine is None:
            new = _new(rise, now_unix_ns)
            joined[new.regression_id] = new
            changed.add(new.regression_id)
        elif not any(_is_same(rise, each) for each in mine.rises):
            joined[mine.regression_id] = _with(mine, rise, reached)
            changed.add(mine.regression_id)
    found = (joined[name] for name in changed)
    return tuple(sorted(found, key=lambda each: (each.onset_unix_ns, each.regression_id)))


def _belongs(rise: Rise, to: Regression, reached: Mapping[str, frozenset[str]]) -> bool:
    return any(
        _overlap(rise, each) and _related(rise.series.service, each.series.service, reached)
        for each in to.rises
    )


def _is_same(one: Rise, other: Rise) -> bool:
    return one.series == other.series and _overlap(one, other)


def _overlap(one: Rise, other: Rise) -> bool:
    return (
        one.first_unix_ns < other.last_unix_ns + REGRESSION_SLACK_NS
        and other.first_unix_ns < one.last_unix_ns + REGRESSION_SLACK_NS
    )


def _related(one: str, other: str, reached: Mapping[str, frozenset[str]]) -> bool:
    """Say whether one's requests reach the other, or both reach a third: its fault then."""
    return bool(reached.get(one, {one}) & reached.get(other, {other}))


def _new(rise: Rise, now_unix_ns: int) -> Regression:
    told = f"{rise.series.service}\0{rise.series.route}\0{rise.series.metric}\0{rise.onset_unix_ns}"
    return Regression(
        f"reg_{hashlib.sha256(told.encode()).hexdigest()[:12]}",
        RegressionState.OPEN,
        rise.onset_unix_ns,
        rise.first_unix_ns,
        rise.last_unix_ns,
        now_unix_ns,
        (rise,),
    )


def _with(regression: Regression, rise: Rise, reached: Mapping[str, frozenset[str]]) -> Regression:
    rises = (*regression.rises, rise)
    services = {each.series.service for each in rises}

    def place(each: Rise) -> tuple[int, float, object]:
        service = each.series.service
        above = len(reached.get(service, frozenset({service})) & services)
        return (above, -each.ratio, each.series)

    ordered = tuple(sorted(rises, key=place))
    lead = ordered[0]
    return replace(
        regression,
        rises=ordered,
        onset_unix_ns=lead.onset_unix_ns,
        first_unix_ns=lead.first_unix_ns,
        last_unix_ns=lead.last_unix_ns,
    )


def settled(
    regression: Regression, falls: Iterable[tuple[int, float]], now_unix_ns: int
) -> Regression:
    """
    Return a regression with what became of it.

    Args:
        falls: of the leading series: when it fell, and to what value.
    """
    if regression.state is not RegressionState.OPEN:
        return regression
    lead = regression.lead
    middle = (lead.before * lead.after) ** 0.5
    undone = sorted(at for at, value in falls if at > lead.onset_unix_ns and value <= middle)
    if undone:
        return replace(regression, state=RegressionState.OVER, over_unix_ns=undone[0])
    if now_unix_ns - lead.onset_unix_ns > REGRESSION_STAYS_NS:
        return replace(regression, state=RegressionState.STAYED)
    return regression


def nearest_change(
    regression: Regression, changes: Iterable[Change], reached: Mapping[str, frozenset[str]]
) -> Change | None:
    """
    Return the change reported nearest to the onset, of a service that rose or that it reaches.

    One of the leading service goes before others; a little after the last possible onset is too late.
    """
    lead = regression.lead.series.service
    below = frozenset[str]().union(
        *(reached.get(s, frozenset({s})) for s in {r.series.service for r in regression.rises})
    )
    near = [
        each
        for each in changes
        if each.service in below
        and regression.first_unix_ns - REGRESSION_CHANGE_EARLY_NS
        <= each.at_unix_ns
        < regression.last_unix_ns
    ]
    return min(
        near,
        key=lambda each: (
            each.service != lead,
            abs(each.at_unix_ns - regression.onset_unix_ns),
            each.change_id,
        ),
        default=None,
    )
