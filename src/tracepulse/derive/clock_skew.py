"""
Clocks of different hosts, made to agree where a trace proves that they do not.

Only a call proves anything: a server span begins after the client span that caused it, and ends
before it. So each client/server pair across two hosts allows the server's clock to be ahead of
the client's by anything from `low` to `high`:

    client   |==========================|
    server          |===========|                 low = server end - client end
             <-high->           <--low--->        high = server start - client start

The offset taken is the one that most pairs of the two hosts allow, 0 if none beats it; of those
that as many allow, the median of what each pair would have alone (both directions of the network
taken as equally long, the rule of NTP). Pairs are those of this trace, or of many traces where
these were learned from first: then one server that works on after its answer no longer looks like
a clock. A whole host is moved, never one span: order within a host is a fact.
A message (producer, consumer) proves nothing, as nobody waits for it; nor does anything on one
host. A server that ran longer than its client waited, or whose client failed, as after a
time-out, is evidence by its start alone.
"""

from typing import NamedTuple

import numpy as np

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.sorting import sort_by_keys, sort_room
from tracepulse.derive.span_codes import CLIENT, SERVER

__all__ = [
    "NOTHING_LEARNED",
    "ClockReadings",
    "PairOffsets",
    "Trees",
    "moved_clocks",
    "pair_offsets",
]

_FAR_NS = 1 << 62
"""Stands for a side that is not bounded."""
_MOST_GRID_HOSTS = 512
"""Up to so many, pairs of hosts are looked up in a table of all of them, of 1 MiB."""
_MOST_NS = 1 << 60
"""36 years; what is moved is cut to it, so that sums fit 64 bits."""


class ClockReadings(NamedTuple):
    """What clocks said, of many traces, by position (span_links.py)."""

    start: Cells
    """Unix ns by each host's own clock."""
    end: Cells
    kind: Cells
    host: Cells
    """-1 where unknown."""
    failed: Cells
    """The span's status is Error."""


class Trees(NamedTuple):
    """Who called whom; as in TraceForest."""

    first: Cells
    root: Cells
    parent: Cells
    first_child: Cells
    child: Cells


class PairOffsets(NamedTuple):
    """By how much the clocks of pairs of hosts differ, as many traces show."""

    pairs: Cells
    """smaller host code * number of hosts + larger host code; ascending."""
    ahead: Cells
    """By how many ns the larger's clock is ahead of the smaller's."""
    hosts: int
    """Number of hosts that the pairs were put together with."""


NOTHING_LEARNED = PairOffsets(np.empty(0, np.int64), np.empty(0, np.int64), 0)


def pair_offsets(trees: Trees, said: ClockReadings) -> PairOffsets:
    """Return what the calls of all these traces show together, for every pair of hosts."""
    hosts = int(said.host.max(initial=-1)) + 1
    calls = np.flatnonzero((said.kind == SERVER) & (trees.parent >= 0))
    if not hosts or not len(calls):
        return NOTHING_LEARNED
    return PairOffsets(*_pair_offsets(calls, trees.parent, said, hosts), hosts)


def moved_clocks(
    trees: Trees, said: ClockReadings, learned: PairOffsets = NOTHING_LEARNED
) -> Cells:
    """
    Return what to take off each span's start and end, in ns, to read it by the root's clock.

    Args:
        learned: what is known of pairs of hosts; of others each trace must tell by itself.
    """
    # Those that were learned from need not have the same hosts as those that are read.
    hosts = max(int(said.host.max(initial=-1)) + 1, learned.hosts)
    if len(learned.pairs) and hosts != learned.hosts:
        one, other = np.divmod(learned.pairs, learned.hosts)
        learned = PairOffsets(one * hosts + other, learned.ahead, hosts)
    off = _traces_off(trees, said, learned, hosts, _grid(learned, hosts))
    if not len(off):
        return np.zeros(len(trees.parent), np.int64)
    return _move(off, trees, said, hosts, learned)


def _grid(learned: PairOffsets, hosts: int) -> Cells:
    """Return where each pair of hosts stands among those learned, -1 for none; empty for many."""
    if not len(learned.pairs) or hosts > _MOST_GRID_HOSTS:
        return np.empty(0, np.int32)
    grid = np.full(hosts * hosts, -1, np.int32)
    one, other = np.divmod(learned.pairs, hosts)
    grid[one * hosts + other] = grid[other * hosts + one] = np.arange(len(learned.pairs))
    return grid


@kernel
def _traces_off(
    trees: Trees, said: ClockReadings, learned: PairOffsets, hosts: int, grid: Cells
) -> Cells:
    """Return the traces in which some clock is off, as was learned or as a call there proves."""
    first, parent, kind = trees.first, trees.parent, said.kind
    off, count = np.empty(len(trees.root), np.int64), 0
    for t in range(len(trees.root)):
        for p in range(first[t], first[t + 1]):
            if kind[p] == SERVER and _is_remote_call(p, parent[p], said):
                q = parent[p]
                if len(grid):
                    place = int(grid[said.host[q] * np.int64(hosts) + said.host[p]])
                else:
                    place = _pair_place(learned.pairs, said.host[q], said.host[p], hosts)
                if place >= 0:
                    is_off = learned.ahead[place] != 0
                else:
                    low, high = _allowed(p, q, said)
                    is_off = low > 0 or high < 0
                if is_off:
                    off[count] = t
                    count += 1
                    break
    return off[:count]


@kernel
def _pair_place(pairs: Cells, a: int, b: int, hosts: int) -> int:
    """Return where a pair of hosts stands among the pairs, -1 if it does not."""
    wanted = int(min(a, b) * np.int64(hosts) + max(a, b))
    place = _place(pairs, len(pairs), wanted)
    return place if place < len(pairs) and pairs[place] == wanted else -1


@kernel
def _move(off: Cells, trees: Trees, said: ClockReadings, hosts: int, learned: PairOffsets) -> Cells:
    """Estimate the hosts of each trace in `off`, from its root outwards; move their spans."""
    parent, host = trees.parent, said.host
    moved = np.zeros(len(parent), np.int64)
    offset = np.zeros(hosts, np.int64)
    known = np.zeros(hosts, np.bool_)
    for t in off:
        reached = _reach(t, trees)
        pairs, ahead = _pair_offsets(reached, parent, said, hosts)
        for i in range(len(pairs)):
            place = _place(learned.pairs, len(learned.pairs), pairs[i])
            if place < len(learned.pairs) and learned.pairs[place] == pairs[i]:
                ahead[i] = learned.ahead[place]
        for p in reached:
            if host[p] >= 0:
                known[host[p]] = False
        if host[trees.root[t]] >= 0:
            known[host[trees.root[t]]] = True
            offset[host[trees.root[t]]] = 0
        for p in reached:
            q = parent[p]
            if _is_remote_call(p, q, said):
                delta = _ahead(pairs, ahead, host[q], host[p], hosts)
                _spread(host[q], host[p], delta, known, offset)
        for p in reached:
            if host[p] >= 0 and known[host[p]]:
                moved[p] = offset[host[p]]
    return moved


@kernel
def _is_remote_call(p: int, q: int, said: ClockReadings) -> bool:
    """Tell whether p is the server side of a call by q that crossed hosts."""
    return bool(
        q >= 0
        and said.kind[p] == SERVER
        and said.kind[q] == CLIENT
        and said.host[p] >= 0
        and said.host[q] >= 0
        and said.host[p] != said.host[q]
    )


@kernel
def _allowed(p: int, q: int, said: ClockReadings) -> tuple[int, int]:
    """Return by how much the clock of server span p may be ahead of client span q's: low, high."""
    high = said.start[p] - said.start[q]
    if said.failed[q] or said.end[p] - said.start[p] > said.end[q] - said.start[q]:
        return -_FAR_NS, high
    return said.end[p] - said.end[q], high


@kernel
def _reach(t: int, trees: Trees) -> Cells:
    """Return the spans of a trace's root tree, parents before children."""
    reached = np.empty(trees.first[t + 1] - trees.first[t], np.int64)
    reached[0] = trees.root[t]
    count, done = 1, 0
    while done < count:
        p = reached[done]
        for i in range(trees.first_child[p], trees.first_child[p + 1]):
            reached[count] = trees.child[i]
            count += 1
        done += 1
    return reached[:count]


@kernel
def _pair_offsets(
    reached: Cells, parent: Cells, said: ClockReadings, hosts: int
) -> tuple[Cells, Cells]:
    """Return the host pairs of a tree, as one number each, ascending, and their offsets in ns."""
    size = 0
    for p in reached:
        size += int(_is_remote_call(p, parent[p], said))
    major, minor, spare = sort_room(size)
    lows, highs = np.empty(size, np.int64), np.empty(size, np.int64)
    i = 0
    for p in reached:
        q = parent[p]
        if not _is_remote_call(p, q, said):
            continue
        low, high = _allowed(p, q, said)
        if said.host[q] < said.host[p]:
            major[i] = said.host[q] * np.int64(hosts) + said.host[p]
            lows[i], highs[i] = low, high
        else:
            major[i] = said.host[p] * np.int64(hosts) + said.host[q]
            lows[i], highs[i] = -high, -low
        minor[i] = i
        i += 1
    order = np.arange(size)
    sort_by_keys(major, minor, order, size, spare)
    pairs, ahead = np.empty(size, np.int64), np.empty(size, np.int64)
    begin, count = 0, 0
    while begin < size:
        stop = begin
        while stop < size and major[stop] == major[begin]:
            stop += 1
        pairs[count] = major[begin]
        ahead[count] = _agreed(lows, highs, order[begin:stop])
        count += 1
        begin = stop
    return pairs[:count], ahead[:count]


@kernel
def _agreed(lows: Cells, highs: Cells, members: Cells) -> int:
    """Return the offset that most of the intervals allow; 0 if no other beats it."""
    size = len(members)
    low, high, spare = sort_room(size)
    unused = np.zeros(size, np.int64)
    for i in range(size):
        low[i], high[i] = lows[members[i]], highs[members[i]]
    sort_by_keys(low, unused, unused, size, spare)
    sort_by_keys(high, unused, unused, size, spare)
    best = _place(low, size, 1) - _place(high, size, 0)
    distance, chosen_least, chosen_most = 0, 0, 0
    for i in range(size):
        # The most are allowed from some lower bound on, up to the next upper bound.
        ended = _place(high, size, low[i])
        count = i + 1 - ended
        least, most = low[i], high[ended]
        away = least if least > 0 else -most
        if count > best or (count == best and distance > 0 and away < distance):
            best, distance = count, away
            chosen_least, chosen_most = least, most
    return _middle(chosen_least, chosen_most, lows, highs, members) if distance else 0


@kernel
def _middle(least: int, most: int, lows: Cells, highs: Cells, members: Cells) -> int:
    """Return the median of the middles of what each allows, cut to [least, most]."""
    if least == -_FAR_NS:
        return most
    if most == _FAR_NS:
        return least
    middles, count = np.empty(len(members), np.int64), 0
    for i in members:
        if lows[i] != -_FAR_NS and highs[i] != _FAR_NS:
            middles[count] = lows[i] + (highs[i] - lows[i]) // 2
            count += 1
    if count == 0:
        return least + (most - least) // 2
    middles[:count].sort()
    one, other = middles[(count - 1) // 2], middles[count // 2]
    return int(min(max(one + (other - one) // 2, least), most))


@kernel
def _place(values: Cells, size: int, wanted: int) -> int:
    """Return how many of the first `size` values, ascending, are smaller than what is wanted."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _ahead(pairs: Cells, ahead: Cells, client: int, server: int, hosts: int) -> int:
    """Return by how much the server's clock is ahead of the client's."""
    if client < server:
        return int(ahead[_place(pairs, len(pairs), client * hosts + server)])
    return -int(ahead[_place(pairs, len(pairs), server * hosts + client)])


@kernel
def _spread(client: int, server: int, ahead: int, known: Cells, offset: Cells) -> None:
    """Carry what is known of one host's clock over to the other."""
    if known[server] and not known[client]:
        offset[client] = max(-_MOST_NS, min(_MOST_NS, offset[server] - ahead))
        known[client] = True
        return
    if not known[client]:
        offset[client] = 0
        known[client] = True
    if not known[server]:
        offset[server] = max(-_MOST_NS, min(_MOST_NS, offset[client] + ahead))
        known[server] = True
