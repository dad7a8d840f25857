"""
What if: how long requests of a cohort would take, were a place in them faster, slower, gone or parallel.

Every request is played again (retiming.py) under what its like have shown of which calls wait for
which; where calls wait for places that others hold (stations.py), all requests of the window are
played together, until nobody's waiting changes any more.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.call_limits import CallLimits, learn_limits
from tracepulse.derive.clock_skew import PairOffsets
from tracepulse.derive.cohort_blame import NodeTable
from tracepulse.derive.dependencies import (
    Dependencies,
    Rules,
    flag_left_behind,
    learn_dependencies,
    rules_of,
)
from tracepulse.derive.limits.dependencies import MAX_LEARNED_TRACES
from tracepulse.derive.limits.what_if import WHAT_IF_MAX_ROUNDS
from tracepulse.derive.retiming import ReplayPlan, Work, replay_plan, replayed, unchanged_work
from tracepulse.derive.span_codes import SpanCodes
from tracepulse.derive.span_flags import CALLS_SERVER
from tracepulse.derive.stations import NO_STATIONS, Station, Stations, learn_stations, waits
from tracepulse.derive.trace_tree import TraceForest, clock_offsets, trace_forest

__all__ = ["Change", "Replays", "WhatIf", "replays", "what_if"]

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Change:
    """Which spans' own work is changed, and how; own work is what no call of theirs explains."""

    service: str = ""
    """'' is any."""
    operation: str = ""
    resource: str = ""
    """A database, cache, broker or host; '' is any, with or without."""
    network: bool | None = None
    """True: only calls that are answered by a span; False: only others; None: both."""
    faster_ratio: float = 0.0
    """0.5 halves it; below 0 makes it slower: -1 doubles it."""
    by_ns: int = 0
    """Added to every call's, which cannot become less than none."""
    to_ns: int | None = None
    """What takes longer takes so long."""
    removed: bool = False
    """The spans are gone, with all below them."""
    parallel: bool = False
    """Calls are made together with their like; a single one with the call before it."""

    def chosen(self, table: NodeTable) -> NDArray[np.bool_]:
        """Tell for each node whether it is meant."""
        return np.array(
            [
                self.service in ("", node.service)
                and self.operation in ("", node.name)
                and self.resource in ("", node.resource)
                for node in table.nodes
            ],
            np.bool_,
        )


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """Requests of a cohort as they were, and as they would be; one cell each, by trace."""

    before_ns: Integers
    after_ns: Integers
    calls: int
    """Spans of theirs that are changed."""
    touched: int
    """Requests that have one."""
    stations: tuple[Station, ...]
    """Places that requests wait for each other at, and where they would wait otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Replays:
    """Requests ready to be played again for any change."""

    codes: SpanCodes
    table: NodeTable
    forest: TraceForest
    plan: ReplayPlan
    stations: Stations
    learned: Dependencies
    limits: CallLimits
    learned_traces: int

    def ask(self, change: Change, cohort: NDArray[np.bool_]) -> WhatIf:
        """Return what a change would do to the requests of a cohort: a cell for each trace."""
        chosen = self._spans(change)
        changed = work = self._work(change, chosen)
        played = replayed(self.plan, work)
        stations: tuple[Station, ...] = ()
        for _ in range(WHAT_IF_MAX_ROUNDS if len(self.stations) and len(chosen) else 0):
            further = waits(self.stations, self.plan, played, changed, work)
            if further is None:
                break
            work, stations = further
            played = replayed(self.plan, work)
        forest = self.forest
        counted = cohort & (forest.root >= 0)
        roots = forest.root[counted]
        trace = np.repeat(np.arange(len(forest.root)), np.diff(forest.first))[chosen]
        inside = trace[counted[trace]]
        return WhatIf(
            (self.plan.end_unix_ns - self.plan.start_unix_ns)[roots],
            (played.end_unix_ns - played.start_unix_ns)[roots],
            len(inside),
            len(np.unique(inside)),
            stations,
        )

    def least_traces(self, change: Change) -> int | None:
        """
        Return the fewest traces that say of such a call and one beside it that they are in sequence.

        None where there is no such pair: nothing was taken for a sequence.
        """
        chosen = change.chosen(self.table)
        learned = self.learned
        pairs = (chosen[learned.pair_a] | chosen[learned.pair_b]) & ~learned.concurrent()
        return int(learned.pair_traces[pairs].min()) if pairs.any() else None

    def _spans(self, change: Change) -> Integers:
        """Return the positions of spans that are changed."""
        forest = self.forest
        wanted = change.chosen(self.table)[self.codes.node[forest.row]]
        wanted &= self.plan.played
        if change.network is not None:
            wanted &= (forest.flags & CALLS_SERVER != 0) == change.network
        return np.flatnonzero(wanted)

    def _work(self, change: Change, chosen: Integers) -> Work:
        work = unchanged_work(len(self.forest.row))
        own = self.plan.own_ns[chosen]
        wanted = own * (1.0 - change.faster_ratio) + change.by_ns
        if change.to_ns is not None:
            wanted = np.minimum(wanted, change.to_ns)
        wanted = np.maximum(wanted, 0.0)
        some = own > 0
        work.factor[chosen[some]] = np.where(
            wanted[some] == own[some], 1.0, wanted[some] / own[some]
        )
        work.wait_ns[chosen[~some]] += np.rint(wanted[~some]).astype(np.int64)
        if change.removed:
            work.how[chosen] = 1
        elif change.parallel:
            work.how[chosen] = self._beside(chosen)
        return work

    def _beside(self, chosen: Integers) -> NDArray[np.uint8]:
        """Tell of each span: 3 if its parent makes several of its node, 2 if it is alone."""
        keys = (
            self.forest.parent[chosen] * len(self.table.nodes)
            + (self.codes.node[self.forest.row[chosen]])
        )
        _, place, count = np.unique(keys, return_inverse=True, return_counts=True)
        return np.where(count[place] > 1, 3, 2).astype(np.uint8)


def replays(
    codes: SpanCodes,
    table: NodeTable,
    root_ids: NDArray[np.uint64] | None = None,
    *,
    together: bool = True,
) -> Replays:
    """
    Return requests ready to be played again.

    Args:
        codes: spans of whole traces.
        table: the nodes behind their codes.
        root_ids: for each trace the span to take as its root; None for the usual rule.
        together: these are all requests of a window, so that who waits for whom can be told.
    """
    sample = codes.first_traces(MAX_LEARNED_TRACES)
    clocks: PairOffsets = clock_offsets(sample)
    forest = trace_forest(codes, root_ids, clocks)
    seen = trace_forest(sample, clocks=clocks)
    learned = learn_dependencies(seen, sample, len(table.nodes))
    flag_left_behind(forest, codes, learned)
    flag_left_behind(seen, sample, learned)
    limits = learn_limits(seen, sample, len(table.nodes))
    rules: Rules = rules_of(learned)
    plan = replay_plan(forest, codes, rules, limits)
    stations = learn_stations(forest, codes, table, plan) if together else NO_STATIONS
    return Replays(codes, table, forest, plan, stations, learned, limits, sample.trace_count)


def what_if(
    codes: SpanCodes,
    table: NodeTable,
    change: Change,
    cohort: NDArray[np.bool_],
    root_ids: NDArray[np.uint64] | None = None,
) -> WhatIf:
    """Return what one change would do; see `replays` and `Replays.ask`."""
    return replays(codes, table, root_ids).ask(change, cohort)
