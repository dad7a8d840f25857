"""Shifts that last: found, with their onset; and nothing found where nothing shifted."""

from dataclasses import replace

import numpy as np
import pytest

from tracepulse.derive.latency_blocks import block_values, block_width
from tracepulse.derive.regression_rises import rise_of
from tracepulse.derive.regressions import (
    join_rises,
    nearest_change,
    reached_services,
    settled,
)
from tracepulse.derive.shifts import Shifted, find_shifts, is_apart_now
from tracepulse.derive.verification import Verdict, verify_beside, verify_since
from tracepulse.model.change import Change
from tracepulse.model.latency import BlockValues, MinuteCounts, SeriesName
from tracepulse.model.regression import RegressionState, Rise

DAY = 288
"""Blocks of five minutes."""
BEGIN = 28_000_000
MINUTE_NS = 60_000_000_000


def series(blocks: int, seed: int = 1, level: float = 24.0) -> BlockValues:
    """Return a series that does nothing but scatter by a twentieth of a doubling."""
    value = level + 0.05 * np.random.default_rng(seed).standard_normal(blocks)
    return BlockValues(BEGIN, 5, value, np.full(blocks, 100))


def shifted(blocks: int, at: int, by: float, until: int | None = None) -> BlockValues:
    """Return a series that shifts by so many doublings."""
    plain = series(blocks)
    value = plain.value.copy()
    value[at:until] += by
    return replace(plain, value=value)


def test_a_rise_is_found_with_its_onset() -> None:
    """A rise by half is told within the hour, its onset to the block."""
    (found,) = find_shifts(shifted(2 * DAY, 400, 0.585))
    assert 400 == found.onset
    assert found.first <= 400 <= found.last
    assert found.seen <= 400 + 12
    assert 0.585 == pytest.approx(found.doublings, abs=found.half_width)


def test_nothing_is_found_where_nothing_shifted() -> None:
    """Scatter, an hourly job and half an hour of trouble are no shifts."""
    assert find_shifts(series(3 * DAY)) == ()
    jobs = series(3 * DAY)
    jobs.value[(np.arange(3 * DAY) % DAY) < 20] += 1.0
    assert find_shifts(jobs) == ()
    assert find_shifts(shifted(2 * DAY, 400, 2.0, 406)) == ()


def test_a_day_of_history_is_needed() -> None:
    """Before a series is a day old nobody can tell what it does of itself."""
    assert find_shifts(shifted(DAY, 200, 1.0)) == ()


def test_a_fall_is_a_shift_and_the_next_rise_is_found_again() -> None:
    """What straddles a shift does not hide the same shift a day later."""
    value = series(4 * DAY)
    value.value[400:520] += 1.0
    value.value[800:] += 1.0
    found = find_shifts(value)
    assert [400, 520, 800] == [each.onset for each in found]
    assert [True, False, True] == [each.doublings > 0 for each in found]


def test_a_glance_sees_what_the_whole_look_finds() -> None:
    """Whenever a shift can be told, the cheap look at the latest blocks says it is worth it."""
    whole = shifted(2 * DAY, 400, 0.585)
    (found,) = find_shifts(whole)
    now = replace(whole, value=whole.value[: found.seen])
    assert is_apart_now(now)
    assert not is_apart_now(series(2 * DAY))


def counts(requests: int, seed: int = 3) -> MinuteCounts:
    """Return six hours of so many requests a minute."""
    rng = np.random.default_rng(seed)
    minute = np.repeat(np.arange(BEGIN, BEGIN + 360), requests)
    length = np.exp(16.0 + 0.3 * rng.standard_normal(len(minute)))
    bucket = np.floor(np.log2(length + 1) * 8).astype(np.int64)
    return MinuteCounts(minute, bucket, np.ones(len(minute), np.int64))


def test_blocks_hold_enough_requests_and_give_their_quantile() -> None:
    """Blocks are as short as traffic allows; their medians lie near that of the lengths."""
    assert [5, 20, None] == [
        block_width(each, BEGIN, BEGIN + 360)
        for each in (
            counts(10),
            counts(1),
            MinuteCounts(np.array([BEGIN]), np.array([9]), np.array([1])),
        )
    ]
    median = block_values(counts(10), 0.5, 5, BEGIN, BEGIN + 360).value
    assert 72 == len(median)
    assert 16.0 / np.log(2) == pytest.approx(float(np.median(median)), abs=0.03)


def test_the_order_of_counts_does_not_matter() -> None:
    """Rows in another order give the same bytes."""
    given = counts(5)
    order = np.random.default_rng(5).permutation(len(given.minute))
    mixed = MinuteCounts(given.minute[order], given.bucket[order], given.count[order])
    one, other = (block_values(each, 0.95, 5, BEGIN, BEGIN + 360) for each in (given, mixed))
    assert one.value.tobytes() == other.value.tobytes()


@pytest.mark.parametrize(
    ("by", "verdict"),
    [(-0.5, Verdict.VERIFIED), (0.5, Verdict.REGRESSED), (0.0, Verdict.NO_EFFECT)],
)
def test_a_fix_is_judged(by: float, verdict: Verdict) -> None:
    """Faster, slower and neither are told apart."""
    found = verify_since(shifted(3 * DAY, 2 * DAY, by), BEGIN + 2 * DAY * 5)
    assert verdict is found.verdict
    assert found.difference is not None
    assert found.half_width is not None
    assert abs(found.difference - by) <= found.half_width


def test_asking_often_changes_nothing() -> None:
    """The first answer stands, and before it there is how long to wait for it."""
    fixed = BEGIN + 2 * DAY * 5
    given = shifted(3 * DAY, 2 * DAY, -0.25)
    asked = [verify_since(given, fixed, until=fixed + 5 * n) for n in range(0, DAY, 12)]
    decided = [each for each in asked if each.verdict is not Verdict.NOT_KNOWN]
    waiting = asked[: len(asked) - len(decided)]
    assert decided == asked[len(waiting) :]
    assert {decided[0]} == set(decided)
    assert all(each.more_minutes for each in waiting)


def test_two_versions_beside_each_other_share_what_the_day_does() -> None:
    """A rise of both versions at once is none of the new one's."""
    day = np.linspace(0.0, 2.0, 60)
    usual, fixed = series(60, 1), series(60, 2)
    together = replace(usual, value=usual.value + day), replace(fixed, value=fixed.value + day)
    assert Verdict.REGRESSED is not verify_beside(*together).verdict
    slower = replace(together[1], value=together[1].value + 0.4)
    assert Verdict.REGRESSED is verify_beside(together[0], slower).verdict


def test_a_fix_with_nothing_before_it_is_not_known() -> None:
    """No time before is no answer."""
    assert Verdict.NOT_KNOWN is verify_since(series(20), BEGIN).verdict


def rise(service: str, minute: int, ratio: float = 2.0, metric: str = "p50") -> Rise:
    """Return a rise of a service's only route."""
    shift = Shifted(minute, minute - 1, minute, minute + 12, 20.0, 20.0 + np.log2(ratio), 0.1, 0.2)
    return rise_of(SeriesName(service, "GET /", metric), series(2000), shift)


def test_rises_at_one_time_along_a_flow_are_one_regression() -> None:
    """The service farthest down leads; another time or another flow is another regression."""
    reached = reached_services([("", "shop"), ("shop", "pay"), ("pay", "bank"), ("blog", "cms")])
    rises = [rise("shop", 100), rise("pay", 101), rise("pay", 100, 3.0, "p95")]
    apart = [rise("cms", 100), rise("shop", 300)]
    found = join_rises((), [*rises, *apart], reached, 1)
    assert [("cms", 1), ("pay", 3), ("shop", 1)] == sorted(
        (each.lead.series.service, len(each.rises)) for each in found
    )
    assert found == join_rises((), [*apart, *reversed(rises)], reached, 1)
    assert () == join_rises(found, [*rises, *apart], reached, 2)


def test_a_regression_is_over_when_half_of_it_is_undone() -> None:
    """A fall that leaves most of the rise is no end of it."""
    (found,) = join_rises((), [rise("pay", 100)], {}, 1)
    later = found.onset_unix_ns + 60 * MINUTE_NS
    assert found == settled(found, [(later, found.lead.after * 0.95)], later)
    ended = settled(found, [(later, found.lead.before)], later)
    assert (RegressionState.OVER, later) == (ended.state, ended.over_unix_ns)


def test_the_nearest_change_of_a_service_that_it_reaches_is_told() -> None:
    """A change of a service nobody waits for, or long after, is not."""
    reached = reached_services([("shop", "pay")])
    (found,) = join_rises((), [rise("shop", 100)], reached, 1)
    at = found.onset_unix_ns
    changes = [
        Change("late", "deploy", "pay", at + 3600 * 10**9),
        Change("other", "deploy", "blog", at),
        Change("near", "deploy", "pay", at - 60 * 10**9),
        Change("early", "deploy", "pay", at - 7200 * 10**9),
    ]
    change = nearest_change(found, changes, reached)
    assert change is not None
    assert "near" == change.change_id
