"""
Which calls wait for which, learned from many traces rather than assumed from the order of one.

Two calls of one parent are taken for sequential as long as no trace contradicts it:

    parent  |==================|      |==================|      |==================|
    a         |====|                    |====|                          |====|
    b                |====|                |====|                |====|
              a, then b               both at once: concurrent  b, then a: concurrent

A call is told by what it is and, where its parent makes several such, by which of how many it is by
start: the first of two queries is not the second. A loop (a b a b within one parent) contradicts
nothing. Likewise a parent is taken to wait for what
its own process does below it until traces show that this goes on after the parent's end, by more
than spans are closed late, and not because the parent failed. What contradicts nothing is sequential with the number of its traces as evidence; three are
little, three hundred are much. Time is cut to what clocks can tell: spans without length, and calls
that took a message in, say nothing of order.

Source:
    Chow et al., The Mystery Machine: End-to-end Performance Analysis of Large-scale Internet
    Services, OSDI 2014: hypotheses of order, each dropped at its first counterexample.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.limits.dependencies import (
    LEFT_BEHIND_ALWAYS_RATIO,
    LEFT_BEHIND_LENGTH_RATIO,
    LEFT_BEHIND_MIN_TRACES,
    MAX_DEPENDENCIES,
    MAX_SIBLINGS_COMPARED,
)
from tracepulse.derive.span_codes import SERVER, SpanCodes
from tracepulse.derive.span_flags import ASYNCHRONOUS, LEFT_BEHIND, OUTSIDE_PARENT

__all__ = [
    "ASSUMED",
    "TURNS",
    "Dependencies",
    "Rules",
    "call_kinds",
    "flag_left_behind",
    "is_concurrent",
    "learn_dependencies",
    "rules_of",
]

_FIRST, _SECOND, _TOGETHER = 1, 2, 4
_WITHIN, _BEYOND = _FIRST, _TOGETHER
TURNS = 8
_TURN_CODES = TURNS * TURNS

Integers = NDArray[np.int64]


class Forest(Protocol):
    """What is read of a TraceForest (trace_tree.py), which names this file's flags."""

    @property
    def row(self) -> Integers:
        """Row of the input, by position."""

    @property
    def first(self) -> Integers: ...
    @property
    def parent(self) -> Integers: ...
    @property
    def start_unix_ns(self) -> Integers: ...
    @property
    def end_unix_ns(self) -> Integers: ...
    @property
    def flags(self) -> NDArray[np.uint16]: ...
    @property
    def first_child(self) -> Integers: ...
    @property
    def child(self) -> Integers: ...


@dataclass(frozen=True, slots=True, eq=False)
class Dependencies:
    """What traces said of pairs of calls and of calls left behind; by codes of nodes."""

    pair_parent: Integers
    pair_a: Integers
    """Nodes of the two calls; the same for calls of one kind among themselves."""
    pair_b: Integers
    a_turn: Integers
    """Which of how many: TURNS * place + number, the first at 0, both cut to TURNS - 1."""
    b_turn: Integers
    a_first: Integers
    """Parents in which every a ended before any b began."""
    b_first: Integers
    mixed: Integers
    """Parents in which there were a before b and b before a, never both at once: a loop."""
    together: Integers
    """Parents in which an a and a b ran at the same time."""
    pair_traces: Integers
    """Traces that said anything of the pair."""
    call_parent: Integers
    call: Integers
    within: Integers
    """Such calls that ended within their parent."""
    beyond: Integers
    """Such calls that went on after their parent's end, though it had not failed."""
    nodes: int
    """How many codes there are."""
    left_out: int
    """Sightings that there was no room for."""

    def concurrent(self) -> NDArray[np.bool_]:
        """Tell for each pair whether its order was ever contradicted."""
        turned_round = (self.a_first > 0) & (self.b_first > 0) & (self.mixed == 0)
        contradicted: NDArray[np.bool_] = (self.together > 0) | (
            turned_round & ((self.pair_a != self.pair_b) | (self.a_turn != self.b_turn))
        )
        return contradicted

    def left_behind(self) -> NDArray[np.uint8]:
        """Tell for each call: 0 waited for, 1 not where it goes on after its parent, 2 never."""
        enough = self.beyond >= LEFT_BEHIND_MIN_TRACES
        mostly = self.beyond >= LEFT_BEHIND_ALWAYS_RATIO * (self.beyond + self.within)
        return np.where(enough, np.where(mostly, 2, 1), 0).astype(np.uint8)


class Rules(NamedTuple):
    """What the walk obeys; keys are codes of nodes put together, ascending."""

    concurrent: Cells
    """Pairs of calls of one parent that do not wait for each other."""
    nodes: int
    """Nodes times what tells calls of one node apart."""


ASSUMED = Rules(np.empty(0, np.int64), 1)
"""Nothing was learned: order in time is taken for dependency."""


def learn_dependencies(forest: Forest, codes: SpanCodes, nodes: int | None = None) -> Dependencies:
    """
    Return what the order of calls was, parent by parent, for every pair of calls made below one.

    Args:
        forest: `trace_forest(codes)`, of any number of traces.
        codes: for nodes, services, kinds and failures.
        nodes: how many codes of nodes there are; None for as many as occur.
    """
    nodes = int(codes.node.max(initial=0)) + 1 if nodes is None else nodes
    spans = _spans(forest, codes, call_kinds(forest, codes))
    pairs, missed_pairs = _tally(forest.first, spans, nodes, True)
    calls, missed_calls = _tally(forest.first, spans, nodes, False)
    rest, pair_b = np.divmod(pairs.key, nodes * _TURN_CODES)
    pair_parent, pair_a = np.divmod(rest, nodes * _TURN_CODES)
    call_parent, call = np.divmod(calls.key, nodes)
    return Dependencies(
        pair_parent=pair_parent,
        pair_a=pair_a // _TURN_CODES,
        pair_b=pair_b // _TURN_CODES,
        a_turn=pair_a % _TURN_CODES,
        b_turn=pair_b % _TURN_CODES,
        a_first=pairs.first,
        b_first=pairs.second,
        mixed=pairs.mixed,
        together=pairs.together,
        pair_traces=pairs.seen,
        call_parent=call_parent,
        call=call,
        within=calls.first,
        beyond=calls.together,
        nodes=nodes,
        left_out=missed_pairs + missed_calls,
    )


def _spans(forest: Forest, codes: SpanCodes, kinds: Integers) -> "_Spans":
    row = forest.row
    return _Spans(
        forest.parent,
        forest.start_unix_ns,
        forest.end_unix_ns,
        forest.flags,
        forest.first_child,
        forest.child,
        codes.node[row],
        kinds,
        codes.service[row],
        codes.kind[row],
        codes.failed[row],
    )


def rules_of(learned: Dependencies) -> Rules:
    """Return what the walk has to know of pairs."""
    chosen, kinds = learned.concurrent(), learned.nodes * _TURN_CODES
    a = learned.pair_a[chosen] * _TURN_CODES + learned.a_turn[chosen]
    b = learned.pair_b[chosen] * _TURN_CODES + learned.b_turn[chosen]
    return Rules(np.sort((learned.pair_parent[chosen] * kinds + a) * kinds + b), kinds)


def call_kinds(forest: Forest, codes: SpanCodes) -> Integers:
    """Return for each position its node and which of its parent's calls of that node it is."""
    kinds = codes.node[forest.row].astype(np.int64) * _TURN_CODES
    _add_turns(forest.first_child, forest.child, forest.start_unix_ns, kinds)
    return kinds


def flag_left_behind(forest: Forest, codes: SpanCodes, learned: Dependencies) -> None:
    """Set LEFT_BEHIND in the flags of every span that its parent, as was learned, did not wait for."""
    how = learned.left_behind()
    keys = learned.call_parent * learned.nodes + learned.call
    order = np.argsort(keys)
    if (how > 0).any():
        spans = _spans(forest, codes, np.empty(0, np.int64))
        _flag_left_behind(spans, keys[order], how[order], learned.nodes)


@kernel
def is_concurrent(p: int, c: int, after: int, kind: Cells, rules: Rules) -> bool:
    """Tell whether two children of p were learned not to wait for each other."""
    a, b = min(kind[c], kind[after]), max(kind[c], kind[after])
    wanted = (kind[p] // _TURN_CODES * rules.nodes + a) * rules.nodes + b
    place = np.searchsorted(rules.concurrent, wanted)
    return bool(place < len(rules.concurrent) and rules.concurrent[place] == wanted)


class _Spans(NamedTuple):
    """What is known of spans, by position."""

    parent: Cells
    start: Cells
    end: Cells
    flags: Cells
    first_child: Cells
    child: Cells
    node: Cells
    call: Cells
    """As `call_kinds` has it."""
    service: Cells
    kind: Cells
    failed: Cells


class _Table(NamedTuple):
    """Counts by key, in open addressing; a slot gathers what one parent says, then counts it."""

    key: Cells
    at: Cells
    trace: Cells
    said: Cells
    first: Cells
    second: Cells
    mixed: Cells
    together: Cells
    seen: Cells


def _tally(first: Integers, spans: _Spans, nodes: int, of_pairs: bool) -> tuple[_Table, int]:
    """Return counts by key, ascending, and how many sightings there was no room for."""
    size = min(1 << max(10, (32 * nodes).bit_length()), MAX_DEPENDENCIES)
    while True:
        unset, zero = np.full(size, -1, np.int64), np.zeros(size, np.int64)
        table = _Table(*(unset.copy() for _ in range(3)), *(zero.copy() for _ in range(6)))
        missed = int(_read_all(first, spans, nodes, of_pairs, table))
        if not missed or size >= MAX_DEPENDENCIES:
            break
        size *= 8
    used = np.flatnonzero(table.key >= 0)
    used = used[np.argsort(table.key[used])]
    return _Table(*(each[used] for each in table)), missed


@kernel
def _read_all(first: Cells, spans: _Spans, nodes: int, of_pairs: bool, table: _Table) -> int:
    room = np.empty(MAX_SIBLINGS_COMPARED, np.int64)
    missed = 0
    for t in range(len(first) - 1):
        for p in range(first[t], first[t + 1]):
            if of_pairs and spans.first_child[p + 1] - spans.first_child[p] > 1:
                missed += _read_siblings(t, p, spans, nodes, table, room)
            elif not of_pairs and _is_within_process(p, spans):
                q = spans.parent[p]
                said = _BEYOND if _goes_on(p, q, spans) else _WITHIN
                key = np.int64(spans.node[q]) * nodes + spans.node[p]
                missed += _note(key, t, p, said, table)
    for used in range(len(table.key)):
        if table.key[used] >= 0:
            _count(used, table)
    return missed


@kernel
def _is_within_process(p: int, spans: _Spans) -> bool:
    """Tell whether a span and its parent, which did not fail, are of one process and its clock."""
    q = spans.parent[p]
    return bool(
        q >= 0
        and spans.kind[p] != SERVER
        and spans.service[p] == spans.service[q]
        and not spans.failed[q]
        and spans.flags[p] & (ASYNCHRONOUS | OUTSIDE_PARENT) == 0
    )


@kernel
def _goes_on(p: int, q: int, spans: _Spans) -> bool:
    """Tell whether a span goes on after its parent by more than spans are closed late."""
    beyond = spans.end[p] - spans.end[q]
    return bool(beyond > (spans.end[p] - spans.start[p]) * LEFT_BEHIND_LENGTH_RATIO)


@kernel
def _read_siblings(t: int, p: int, spans: _Spans, nodes: int, table: _Table, room: Cells) -> int:
    """Note the order of the children of one span that ended last."""
    count = 0
    for i in range(spans.first_child[p], spans.first_child[p + 1]):
        c = spans.child[i]
        told = spans.flags[c] & (ASYNCHRONOUS | OUTSIDE_PARENT) == 0
        if told and spans.start[c] < spans.end[c] and count < len(room):
            room[count] = c
            count += 1
    missed, kinds = 0, nodes * _TURN_CODES
    for i in range(count):
        for j in range(i):
            a, b = room[i], room[j]
            if spans.call[a] > spans.call[b]:
                a, b = b, a
            if spans.end[a] <= spans.start[b]:
                said = _FIRST
            elif spans.end[b] <= spans.start[a]:
                said = _SECOND
            else:
                said = _TOGETHER
            key = (np.int64(spans.node[p]) * kinds + spans.call[a]) * kinds + spans.call[b]
            missed += _note(key, t, p, said, table)
    return missed


@kernel
def _add_turns(first_child: Cells, child: Cells, start: Cells, kinds: Cells) -> None:
    """Add to each span's code which of how many siblings of its node it is, by start, then id."""
    for p in range(len(first_child) - 1):
        low, high = first_child[p], first_child[p + 1]
        if high - low > MAX_SIBLINGS_COMPARED:
            for i in range(low, high):
                kinds[child[i]] += _TURN_CODES - 1
            continue
        for i in range(low, high):
            place, number, c = 0, 0, child[i]
            for j in range(low, high):
                other = child[j]
                if other != c and kinds[other] // _TURN_CODES == kinds[c] // _TURN_CODES:
                    number += 1
                    place += (start[other], other) < (start[c], c)
            kinds[c] += TURNS * min(place, TURNS - 1) + min(number, TURNS - 1)


@kernel
def _note(key: int, t: int, p: int, said: int, table: _Table) -> int:
    """Add what parent p in trace t says of a key; returns 1 where there is no room for the key."""
    mask = len(table.key) - 1
    slot = int((key * np.int64(-7046029254386353131)) >> 20) & mask
    for _ in range(64):
        if table.key[slot] < 0:
            table.key[slot] = key
        if table.key[slot] == key:
            if table.at[slot] != p:
                _count(slot, table)
                table.at[slot] = p
            if table.trace[slot] != t:
                table.trace[slot] = t
                table.seen[slot] += 1
            table.said[slot] |= said
            return 0
        slot = (slot + 1) & mask
    return 1


@kernel
def _count(slot: int, table: _Table) -> None:
    """Count once what the slot's parent said."""
    said = table.said[slot]
    if said & _TOGETHER:
        table.together[slot] += 1
    elif said == _FIRST | _SECOND:
        table.mixed[slot] += 1
    elif said == _FIRST:
        table.first[slot] += 1
    elif said == _SECOND:
        table.second[slot] += 1
    table.said[slot] = 0


@kernel
def _flag_left_behind(spans: _Spans, keys: Cells, how: Cells, nodes: int) -> None:
    for p in range(len(spans.parent)):
        if not _is_within_process(p, spans):
            continue
        q = spans.parent[p]
        wanted = np.int64(spans.node[q]) * nodes + spans.node[p]
        place = np.searchsorted(keys, wanted)
        if place < len(keys) and keys[place] == wanted:
            if how[place] == 2 or (how[place] == 1 and _goes_on(p, q, spans)):
                spans.flags[p] |= LEFT_BEHIND
