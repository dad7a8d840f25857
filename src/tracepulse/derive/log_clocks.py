"""
Clocks of hosts set right from logs: a caller's work encloses that of whom it calls, on every host.

    caller, host 1    |--------------------|             the callee can be moved to and fro by as
    callee, host 2         |-------|  <- window ->       much as its caller's work is longer
    siblings                                  |---|      give windows too, but not the same ones

Each pair of visits gives a window of possible offsets; the offset that most windows allow wins. No
offset is taken where none is needed, and never one within a host. First, offsets of more than a moment
are found as the lag at which mentions of the same keys on two hosts meet most often.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.log_episodes import Requests, clean_requests, find_requests, pause_ns
from tracepulse.derive.log_keys import Mentions
from tracepulse.derive.log_tokens import LineFacts, LogLines

__all__ = ["Clocks", "clock_offsets"]

MAX_HOSTS = 128
"""More are taken as they come: the comparison grows with the square of their number."""
REACH_NS = 10_000_000_000
LAG_BIN_NS = 20_000_000
SURE_OFF_NS = 300_000_000
"""A lag below may be the time that a call takes; one above must be the clock's."""
SURE_OFF_BINS = SURE_OFF_NS // LAG_BIN_NS
MIN_MEETINGS = 3.0
MAX_KEY_MENTIONS = 60
ROUNDS = 6
STAY_RATIO = 0.97
ALL_STAY_RATIO = 0.5
"""Clocks are right as a rule: so much of the support for other offsets keeps one, or all, so."""
MAX_POINTS = 400
FURTHER_WORTH = 2.0
MIN_WINDOWS = 5
STRAY_RATIO = 0.04
"""Of the windows of two services may be wrong: requests that were run together."""
MIN_LONGER_RATIO = 0.85
"""A caller lasts longer than whom it calls, whatever the clocks say."""
NARROW_NS = 20_000_000
"""A window much wider than this says little."""
GRAIN_NS = 1_000_000
"""Times are often written in milliseconds."""
MAX_WINDOWS = 300_000


@dataclass(frozen=True, slots=True)
class Clocks:
    """How far each host's clock is ahead."""

    ahead_ns: NDArray[np.int64]
    compared: NDArray[np.bool_]
    """False where nothing tells, and 0 is only a guess."""


def clock_offsets(lines: LogLines, facts: LineFacts, mentions: Mentions) -> Clocks:
    """Return the offset of each host against the others; only differences mean anything."""
    hosts = len(lines.hosts)
    ahead = np.zeros(hosts, np.int64)
    compared = np.zeros(hosts, np.bool_)
    if hosts < 2 or hosts > MAX_HOSTS or len(mentions.key) == 0:
        return Clocks(ahead, compared)
    ahead = _coarse(lines, mentions, hosts)
    far = bool(np.any(ahead))
    for _ in range(3):
        time_ns = lines.time_unix_ns - ahead[lines.host]
        requests = find_requests(
            lines, facts, mentions, time_ns, pause_ns(mentions, time_ns), by_host=True
        )
        requests = clean_requests(requests)
        change, compared = _fine(requests, hosts, ahead, far=far)
        ahead = ahead + change
    return Clocks(ahead, compared)


def _coarse(lines: LogLines, mentions: Mentions, hosts: int) -> NDArray[np.int64]:
    """Return offsets to a tenth of a second or so, 0 where the lag may as well be a call's."""
    bins = 2 * (REACH_NS // LAG_BIN_NS) + 1
    meetings = np.zeros((hosts, hosts, bins), np.float32)
    new = np.ones(len(mentions.key), np.bool_)
    new[1:] = mentions.key[1:] != mentions.key[:-1]
    begins = np.append(np.flatnonzero(new), len(mentions.key))
    _meet(lines.time_unix_ns, lines.host, mentions.line, begins, meetings)
    window = np.ones(5)
    links = []
    for first in range(hosts):
        for second in range(first + 1, hosts):
            near = np.convolve(meetings[first, second], window, mode="same")
            peak = int(np.argmax(near))
            # Chance meetings lie evenly over all lags, true ones in a heap.
            chance = float(np.median(near)) + float(near.mean())
            if near[peak] >= MIN_MEETINGS + 4 * chance:
                moment = slice(bins // 2 - SURE_OFF_BINS, bins // 2 + SURE_OFF_BINS + 1)
                off = near[peak] > 2 * near[moment].max()
                lag = (peak - bins // 2) * LAG_BIN_NS if off else 0
                links.append((-float(near[peak]), first, second, lag))
    ahead = np.zeros(hosts, np.int64)
    group = list(range(hosts))
    for _, first, second, lag in sorted(links):
        if group[first] == group[second]:
            continue
        # second's clock shows `lag` more than first's; move second's whole group along.
        shift = ahead[first] + lag - ahead[second]
        old, into = group[second], group[first]
        for host in range(hosts):
            if group[host] == old:
                ahead[host] += shift
                group[host] = into
    for one in sorted(set(group)):
        members = np.array([host for host in range(hosts) if group[host] == one])
        ahead[members] -= int(np.median(ahead[members]))
        if np.all(np.abs(ahead[members]) < SURE_OFF_NS):
            ahead[members] = 0
    return ahead


def _fine(
    requests: Requests, hosts: int, ahead: NDArray[np.int64], *, far: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return by how much to move each host, so that most callees lie within some caller."""
    ties = _ties(requests, hosts)
    compared = np.zeros(hosts, np.bool_)
    compared[np.unique(np.concatenate((ties.one, ties.other)))] = True
    tries = [
        _climb(ties, compared, start, ahead)
        for start in (np.zeros(hosts, np.int64), _grown(ties, hosts))
    ]
    change = max(tries, key=lambda each: _enclosed(ties, each))
    if not far and _enclosed(ties, -ahead) >= ALL_STAY_RATIO * _enclosed(ties, change):
        return -ahead, compared
    return change, compared


def _climb(
    ties: "_Ties",
    compared: NDArray[np.bool_],
    start: NDArray[np.int64],
    ahead: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Move one host after the other to where it stands best, until none moves."""
    change = start.copy()
    for _ in range(ROUNDS):
        moved = False
        for host in np.flatnonzero(compared):
            best = _best_for(ties, int(host), change, int(-ahead[host]))
            moved = moved or best != change[host]
            change[host] = best
        if not moved:
            break
    return change


def _grown(ties: "_Ties", hosts: int) -> NDArray[np.int64]:
    """Return offsets from bringing groups of hosts together, the pair with the plainest offset first."""
    change = np.zeros(hosts, np.int64)
    group = np.arange(hosts)
    known: dict[tuple[int, int], tuple[float, int]] = {}
    while True:
        pairs = {
            (int(min(pair)), int(max(pair)))
            for pair in zip(group[ties.one], group[ties.other], strict=True)
            if pair[0] != pair[1]
        }
        if not pairs:
            return change
        for pair in sorted(pairs - known.keys()):
            known[pair] = _meeting(ties, group, change, *pair)
        first, second = min(pairs, key=lambda pair: (-known[pair][0], pair))
        shift = known[first, second][1]
        change[group == second] += shift
        group[group == second] = first
        known = {pair: found for pair, found in known.items() if not {first, second} & {*pair}}


def _meeting(
    ties: "_Ties", group: NDArray[np.int64], change: NDArray[np.int64], first: int, second: int
) -> tuple[float, int]:
    """Return how plainly one offset between two groups wins, and by how much to move the second."""
    there = (group[ties.one] == first) & (group[ties.other] == second)
    back = (group[ties.one] == second) & (group[ties.other] == first)
    apart = change[ties.one] - change[ties.other]
    # Of the second's move m: low <= apart - m <= high, and turned round low <= apart + m <= high.
    low = np.concatenate(((apart - ties.high)[there], (ties.low - apart)[back]))
    high = np.concatenate(((apart - ties.low)[there], (ties.high - apart)[back]))
    weight = np.concatenate((ties.weight[there], ties.weight[back]))
    callee = np.concatenate((ties.callee[there], ties.callee[back]))
    points = np.unique((low + high) // 2)
    points = np.unique(np.concatenate((points, low)))
    held = (low[None, :] <= points[:, None]) & (points[:, None] <= high[None, :])
    worth = np.zeros(len(points))
    for one in np.unique(callee):
        mine = np.where(held[:, callee == one], weight[callee == one][None, :], 0.0)
        worth += mine.max(axis=1) + 0.2 * (mine.sum(axis=1) - mine.max(axis=1))
    best = int(np.argmax(worth))
    # What holds nothing of what the best holds is another opinion.
    other = worth[~(held & held[best][None, :]).any(axis=1)]
    inside = held[best]
    middle = (int(low[inside].max()) + int(high[inside].min())) // 2
    return float(worth[best] - 0.7 * other.max(initial=0.0)), middle


def _enclosed(ties: "_Ties", change: NDArray[np.int64]) -> float:
    """Return how many callees lie within some caller, and a little for each further one."""
    apart = change[ties.one] - change[ties.other]
    held = (ties.low <= apart) & (apart <= ties.high)
    if not held.any():
        return 0.0
    further = float(ties.weight[held].sum() / ties.weight.sum())
    return len(np.unique(ties.callee[held])) + FURTHER_WORTH * further


def _best_for(ties: "_Ties", host: int, change: NDArray[np.int64], without: int) -> int:
    """Return where one host's clock stands best, the others being as they are; no offset if as good."""
    mine, theirs = ties.one == host, ties.other == host
    near, far = change[ties.other[mine]], change[ties.one[theirs]]
    low = np.concatenate((ties.low[mine] + near, far - ties.high[theirs]))
    high = np.concatenate((ties.high[mine] + near, far - ties.low[theirs]))
    points = np.unique(np.concatenate((low, high)))
    if len(points) > MAX_POINTS:
        points = points[:: len(points) // MAX_POINTS + 1]
    trial = change.copy()
    worth = []
    for point in points:
        trial[host] = point
        worth.append(_enclosed(ties, trial))
    trial[host] = without
    best = int(np.argmax(worth))
    if _enclosed(ties, trial) >= STAY_RATIO * worth[best]:
        return without
    # From one end of the stretch in which all that holds here holds, to its middle.
    trial[host] = points[best]
    here = points[best]
    inside = (low <= here) & (here <= high)
    return (
        int((int(low[inside].max()) + int(high[inside].min())) // 2) if inside.any() else int(here)
    )


@dataclass(frozen=True, slots=True)
class _Ties:
    """Between what bounds offset[one] - offset[other] lies, by pairs of services on two hosts."""

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    weight: NDArray[np.float64]
    callee: NDArray[np.int64]
    """Which service on which host would be the one that is called."""


def _ties(requests: Requests, hosts: int) -> _Ties:
    visits = requests.visits
    found = np.empty((MAX_WINDOWS, 2), np.int64)
    rows_of = np.empty((MAX_WINDOWS, 2), np.int64)
    low = np.empty(MAX_WINDOWS, np.int64)
    high = np.empty(MAX_WINDOWS, np.int64)
    actor = visits.service.astype(np.int64) * hosts + visits.host
    count = _windows(
        requests.begins,
        actor,
        visits.host,
        visits.begin_ns,
        visits.end_ns,
        visits.knows,
        found,
        rows_of,
        low,
        high,
    )
    start, end = visits.begin_ns, visits.end_ns
    after = start[rows_of[:count, 1]] - end[rows_of[:count, 0]]
    before = start[rows_of[:count, 0]] - end[rows_of[:count, 1]]
    pair = found[:count, 0] * (int(actor.max(initial=0)) + 1) + found[:count, 1]
    order = np.argsort(pair, kind="stable")
    groups = np.flatnonzero(np.diff(pair[order], prepend=-1))
    rows = []
    for members in np.split(order, groups[1:]) if count else ():
        if len(members) < MIN_WINDOWS:
            continue
        lows, highs = low[members], high[members]
        longer = lows < highs
        if not longer.any() or longer.mean() < MIN_LONGER_RATIO:
            continue
        lowest = int(np.quantile(lows[longer], 1 - STRAY_RATIO)) - GRAIN_NS
        highest = int(np.quantile(highs[longer], STRAY_RATIO)) + GRAIN_NS
        if lowest > highest:  # no one offset fits: these two do not call each other
            continue
        # Who begins as soon as the other ends comes after it, however the clocks may stand.
        spread = min(_spread(lows), _spread(highs))
        if _spread(after[members]) < spread / 2 or _spread(before[members]) < spread / 2:
            continue
        one, other = found[members[0], 0] % hosts, found[members[0], 1] % hosts
        weight = min(len(members), 50) / (1 + (highest - lowest) / NARROW_NS)
        rows.append((int(one), int(other), lowest, highest, weight, int(found[members[0], 1])))
    bounds = np.array([row[:4] for row in rows], np.int64).reshape(-1, 4)
    return _Ties(
        one=bounds[:, 0],
        other=bounds[:, 1],
        low=bounds[:, 2],
        high=bounds[:, 3],
        weight=np.array([row[4] for row in rows], np.float64),
        callee=np.array([row[5] for row in rows], np.int64),
    )


def _spread(values: NDArray[np.int64]) -> float:
    """Return the middle half's width."""
    return float(np.subtract(*np.quantile(values, (0.75, 0.25))))


@kernel
def _meet(times: Cells, host: Cells, line: Cells, begins: Cells, meetings: Cells) -> None:
    middle = meetings.shape[2] // 2
    for key in range(len(begins) - 1):
        first, last = begins[key], begins[key + 1]
        if last - first > 60:
            continue
        share = 1.0 / (last - first)
        for i in range(first, last):
            for j in range(first, last):
                here, there = host[line[i]], host[line[j]]
                if here >= there:
                    continue
                lag = times[line[j]] - times[line[i]]
                if -10_000_000_000 < lag < 10_000_000_000:
                    meetings[here, there, middle + int(np.rint(lag / 20_000_000))] += share


@kernel
def _windows(
    begins: Cells,
    actor: Cells,
    host: Cells,
    begin_ns: Cells,
    end_ns: Cells,
    knows: Cells,
    found: Cells,
    rows_of: Cells,
    low: Cells,
    high: Cells,
) -> int:
    """Fill in, for each pair of visits on two hosts, between what bounds their offset lies."""
    count = 0
    requests = len(begins) - 1
    every = 1
    total = 0
    for request in range(requests):
        many = begins[request + 1] - begins[request]
        total += many * many
    while total // every > 2 * len(low):
        every += 1
    for request in range(0, requests, every):
        for i in range(begins[request], begins[request + 1]):
            if knows[i] != 3 or end_ns[i] - begin_ns[i] < 1_000_000:
                continue
            for j in range(begins[request], begins[request + 1]):
                if host[i] == host[j] or count >= len(low):
                    continue
                found[count, 0], found[count, 1] = actor[i], actor[j]
                rows_of[count, 0], rows_of[count, 1] = i, j
                low[count] = begin_ns[i] - begin_ns[j]
                high[count] = end_ns[i] - end_ns[j]
                count += 1
    return count
