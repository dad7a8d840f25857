"""
Rules of findings: what of one chunk of traces has a shape, request by request.

Each rule yields sightings: in which request, at which place, how much time on the blocking path it
cost, and by how many calls. Nothing is judged here; findings.py puts sightings together over all
requests and names what is frequent and costly enough.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.call_table import (
    ADJACENT,
    TOGETHER,
    CallTable,
    Runs,
    call_pairs,
    call_runs,
    calls_of,
)
from tracepulse.derive.categories import CATEGORIES, Category
from tracepulse.derive.cohort_blame import CohortPaths, NodeTable
from tracepulse.derive.limits.findings import (
    LONG_FRAME_NS,
    MAX_ATTEMPTS,
    MAX_CHATTY_CALL_RATIO,
    MAX_LOOP_OVERLAP_RATIO,
    MAX_SERIAL_GAP_RATIO,
    MIN_CHATTY_CALLS,
    MIN_LATE_NS,
    MIN_LOOP_CALLS,
    MIN_SERVER_SHARE_RATIO,
    SLOW_FIRST_BYTE_NS,
)
from tracepulse.derive.path_tree import PathTree
from tracepulse.derive.span_codes import CONSUMER, PAGE_FETCH, SERVER, SpanCodes
from tracepulse.derive.span_flags import CALLS_SERVER
from tracepulse.model.call_shapes import (
    BLOCKING,
    CHANGES,
    COLD,
    HIT,
    MISSED,
    PAGED,
    TRANSACTION,
    CallName,
)

__all__ = ["FindingInput", "Sightings", "sightings"]

Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]

_DATABASE, _CACHE = CATEGORIES.index(Category.DATABASE), CATEGORIES.index(Category.CACHE)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_WAIT_WORDS = frozenset(
    {"lock", "locks", "mutex", "semaphore", "acquire", "pool", "waiting", "wait", "await", "queued"}
)
_TIMER_WORDS = frozenset({"sleep", "backoff", "delay", "release", "unlock"})
_GET_CONNECTION = re.compile(r"get_?connection|checkout.?connection", re.IGNORECASE)
_WRITES_CACHE = frozenset(
    {"set", "setex", "mset", "hset", "del", "delete", "expire", "incr", "put", "add", "publish"}
)


@dataclass(frozen=True, slots=True, eq=False)
class FindingInput:
    """One chunk of traces with all that rules read."""

    codes: SpanCodes
    table: NodeTable
    found: CohortPaths
    tree: PathTree
    number: Integers
    """Of each trace: its request."""
    shape: Integers
    """Of each span, by row: place among `names`."""
    names: Sequence[CallName]
    marks: NDArray[np.uint16]
    """Of each span, by row."""
    instance: Integers
    """Of each span, by row: place among `instances`."""
    instances: Sequence[str]
    services: int
    """How many codes of services there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """What one rule saw; one row each time."""

    kind: str
    node: Integers
    """Code of the node that it is seen in."""
    shape: Integers
    """Place among the names of calls; -1 for none."""
    number: Integers
    """Of the request."""
    held_ns: Integers
    """On the blocking path."""
    calls: Integers
    other: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    """A second call, by its place among the names, where there is one."""
    at: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    """A number of the rule's own."""
    note: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    """Another one."""


def sightings(given: FindingInput) -> Iterator[Sightings]:
    """Yield what every rule sees in some traces."""
    resource = given.table.resource.astype(np.int64)
    calls = calls_of(given.tree, given.found, given.codes, resource, given.services)
    row = given.found.forest.row
    shape, marks = given.shape[row[calls.position]], given.marks[row[calls.position]]
    waits = _is_wait(given.names)[shape]
    calls, shape, marks = _taken(calls, ~waits), shape[~waits], marks[~waits]
    runs = call_runs(calls, calls.owner, shape)
    looped = _is_loop(runs, marks)
    yield _loops(given, calls, shape, runs, looped)
    yield _attempts(given, calls, shape, runs)
    talk, in_talk = _chatter(given, calls, runs, looped)
    yield talk
    yield from _sequences(given, calls, shape, marks, runs, in_talk)
    yield _look_ups(given, calls, shape, marks)
    yield _waits(given)
    yield _starts(given)
    yield from _pages(given)


def _taken(calls: CallTable, chosen: Truths) -> CallTable:
    return CallTable(*(getattr(calls, name)[chosen] for name in CallTable.__slots__))


def _is_loop(runs: Runs, marks: NDArray[np.uint16]) -> Truths:
    """Tell which runs are loops; pages of one list and what frames a transaction are none."""
    looped: Truths = (
        (runs.count >= MIN_LOOP_CALLS)
        & (marks[runs.head()] & (PAGED | TRANSACTION) == 0)
        & (runs.overlapping <= MAX_LOOP_OVERLAP_RATIO * runs.count)
    )
    return looped


def _node(given: FindingInput, position: Integers) -> Integers:
    return given.codes.node[given.found.forest.row[position]].astype(np.int64)


def _loops(
    given: FindingInput, calls: CallTable, shape: Integers, runs: Runs, looped: Truths
) -> Sightings:
    """One call instead of all of a loop would still take as long as one of them."""
    head, count = runs.head()[looped], runs.count[looped]
    return Sightings(
        "n_plus_one",
        _node(given, calls.owner[head]),
        shape[head],
        given.number[calls.trace[head]],
        runs.waited_ns[looped] - runs.waited_ns[looped] // count,
        count,
    )


def _attempts(given: FindingInput, calls: CallTable, shape: Integers, runs: Runs) -> Sightings:
    """A run of failures, with or without a success at its end: all but the last was in vain."""
    count = runs.count
    again = (
        (count >= 2)
        & (count <= MAX_ATTEMPTS)
        & (runs.failed_first >= 1)
        & (runs.failed == runs.failed_first)
        & (runs.failed >= count - 1)
        & (runs.overlapping == 0)
    )
    head, last = runs.head()[again], runs.last()[again]
    start = calls.start_unix_ns
    wasted = np.where(calls.waited_ns[head] > 0, start[last] - start[head], 0)
    return Sightings(
        "retries",
        _node(given, calls.owner[head]),
        shape[head],
        given.number[calls.trace[head]],
        wasted,
        count[again],
        at=calls.end_unix_ns[head] - start[head],
    )


def _chatter(
    given: FindingInput, calls: CallTable, runs: Runs, looped: Truths
) -> tuple[Sightings, Truths]:
    """
    Return many calls from one entry to one service, and which calls those are.

    Small ones, of which none is part of a loop.
    """
    in_loop = np.zeros(len(calls), np.bool_)
    in_loop[runs.order] = np.repeat(looped, runs.count)
    category = given.codes.category[given.found.forest.row[calls.position]]
    remote = (category != _DATABASE) & (category != _CACHE) & (calls.peer >= 0) & ~in_loop
    some = _taken(calls, remote)
    talk = call_runs(some, some.entry, some.peer)
    many = (talk.count >= MIN_CHATTY_CALLS) & (
        talk.longest_ns <= MAX_CHATTY_CALL_RATIO * np.maximum(talk.waited_ns, 1)
    )
    head = talk.head()[many]
    in_talk = np.zeros(len(calls), np.bool_)
    in_talk[np.flatnonzero(remote)[talk.order]] = np.repeat(many, talk.count)
    seen = Sightings(
        "chatty_fan_out",
        _node(given, some.entry[head]),
        np.full(len(head), -1),
        given.number[some.trace[head]],
        talk.waited_ns[many] - talk.longest_ns[many],
        talk.count[many],
        at=some.peer[head],
    )
    return seen, in_talk


def _sequences(
    given: FindingInput,
    calls: CallTable,
    shape: Integers,
    marks: NDArray[np.uint16],
    runs: Runs,
    in_talk: Truths,
) -> Iterator[Sightings]:
    """Calls that follow each other at once; whether they always do is for all requests to say."""
    single = np.zeros(len(calls), np.bool_)
    single[runs.order] = np.repeat(runs.count == 1, runs.count)
    single &= ~in_talk
    pairs = call_pairs(calls)
    one, other, how = (np.asarray(each) for each in pairs)
    length = calls.end_unix_ns - calls.start_unix_ns
    gap = calls.start_unix_ns[other] - calls.end_unix_ns[one]
    category = given.codes.category[given.found.forest.row[calls.position]]
    looked_up = (category[one] == _CACHE) | (category[other] == _CACHE)
    changes = (marks[one] | marks[other]) & (CHANGES | TRANSACTION) != 0
    sound = ~calls.failed[one] & single[one] & single[other] & ~looked_up & ~changes
    close = gap <= MAX_SERIAL_GAP_RATIO * np.minimum(length[one], length[other])
    held = np.minimum(calls.waited_ns[one], calls.waited_ns[other])
    held = np.where(close, held, 0)
    follows = (how == ADJACENT) & sound
    differs = shape[one] != shape[other]
    for kind, chosen in (("serial_calls", follows), ("together", (how == TOGETHER) & differs)):
        a, b = one[chosen], other[chosen]
        yield Sightings(
            kind,
            _node(given, calls.owner[a]),
            shape[a],
            given.number[calls.trace[a]],
            held[chosen],
            np.full(len(a), 2),
            other=shape[b],
        )
    head = runs.head()
    yield Sightings(
        "made",
        _node(given, calls.owner[head]),
        shape[head],
        given.number[calls.trace[head]],
        runs.waited_ns,
        runs.count,
    )


def _look_ups(
    given: FindingInput, calls: CallTable, shape: Integers, marks: NDArray[np.uint16]
) -> Sightings:
    """Reads of a cache: missed where the span says so, or where a query follows at once."""
    row = given.found.forest.row[calls.position]
    category = given.codes.category[row]
    verbs = [_WORD.findall(name.node.name)[:1] for name in given.names]
    writes = np.array([bool({w.lower() for w in v} & _WRITES_CACHE) for v in verbs], np.bool_)
    read = (category == _CACHE) & ~writes[shape]
    order = np.lexsort((calls.position, calls.start_unix_ns, calls.owner))
    here, after = order[:-1], order[1:]
    gap = calls.start_unix_ns[after] - calls.end_unix_ns[here]
    length = calls.end_unix_ns[after] - calls.start_unix_ns[after]
    follows = (
        (calls.owner[here] == calls.owner[after])
        & read[here]
        & (category[after] == _DATABASE)
        & (gap >= 0)
        & (gap <= MAX_SERIAL_GAP_RATIO * length)
    )
    query = np.full(len(calls), -1)
    query[here[follows]] = after[follows]
    looked = np.flatnonzero(read)
    told = marks[looked] & (HIT | MISSED)
    missed = np.where(told == 0, query[looked] >= 0, told == MISSED)
    asked = np.where(missed & (query[looked] >= 0), query[looked], -1)
    return Sightings(
        "cache_miss_storm",
        _node(given, calls.owner[looked]),
        shape[looked],
        given.number[calls.trace[looked]],
        np.where(asked >= 0, calls.waited_ns[asked], 0) if len(calls) else looked,
        np.ones(len(looked), np.int64),
        at=calls.start_unix_ns[looked],
        note=missed.astype(np.int64),
    )


def _is_wait(names: Sequence[CallName]) -> Truths:
    """Tell which names are of waiting for a lock, or for a place in a pool."""
    return np.array(
        [_waits_for_a_place(name.node.name, name.node.kind) for name in names], np.bool_
    )


def _waits_for_a_place(name: str, kind: str) -> bool:
    if kind in ("Server", "Consumer", "Producer"):
        return False
    words = {word.lower() for word in _WORD.findall(name)}
    if words & _TIMER_WORDS:
        return False
    return bool(words & _WAIT_WORDS or _GET_CONNECTION.search(name))


def _waits(given: FindingInput) -> Sightings:
    tree = given.tree
    row = given.found.forest.row[tree.position]
    waits = np.flatnonzero(_is_wait(given.names)[given.shape[row]] & (tree.above >= 0))
    leaf = tree.own_ns[waits] == tree.waited_ns[waits]
    waits = waits[leaf & (tree.own_ns[waits] > 0)]
    trace = np.searchsorted(tree.first, waits, side="right") - 1
    owner = tree.position[tree.above[waits]]
    return Sightings(
        "waiting",
        _node(given, owner),
        given.shape[row[waits]],
        given.number[trace],
        tree.waited_ns[waits],
        np.ones(len(waits), np.int64),
    )


def _starts(given: FindingInput) -> Sightings:
    """What entries of each instance took; the first of an instance may be its start."""
    tree, forest = given.tree, given.found.forest
    row = forest.row[tree.position]
    entries = np.flatnonzero(
        (given.codes.kind[row] == SERVER) | (given.codes.kind[row] == CONSUMER)
    )
    trace = np.searchsorted(tree.first, entries, side="right") - 1
    known = np.array([bool(name) for name in given.instances], np.bool_)
    told = known[given.instance[row[entries]]]
    entries, trace = entries[told], trace[told]
    position = tree.position[entries]
    inner = np.zeros(len(tree), np.int64)
    network = np.flatnonzero((forest.flags[tree.position] & CALLS_SERVER != 0) & (tree.above >= 0))
    np.add.at(inner, tree.above[network], tree.waited_ns[network])
    return Sightings(
        "cold_start",
        _node(given, position),
        np.full(len(entries), -1),
        given.number[trace],
        tree.waited_ns[entries] - inner[entries],
        (given.marks[row[entries]] & COLD != 0).astype(np.int64),
        at=forest.start_unix_ns[position],
        note=given.instance[row[entries]],
    )


def _pages(given: FindingInput) -> Iterator[Sightings]:
    """What holds up a page after its markup has come, and how long that took."""
    forest, row = given.found.forest, given.found.forest.row
    names = np.array([name.node.name for name in given.names] or [""], dtype=object)
    of_name = {
        name: np.flatnonzero((names == name)[given.shape[row]])
        for name in (PAGE_FETCH, "resourceFetch", "longAnimationFrame")
    }
    trace_of = np.repeat(np.arange(len(forest.first) - 1), np.diff(forest.first))
    fetches = of_name[PAGE_FETCH]
    if not len(fetches):
        return
    fetched = np.full(len(forest.root), -1)
    first_fetch = fetches[np.unique(trace_of[fetches], return_index=True)[1]]
    fetched[trace_of[first_fetch]] = forest.end_unix_ns[first_fetch]
    waited = np.zeros(len(row), np.int64)
    waited[given.tree.position] = given.tree.waited_ns

    resources = of_name["resourceFetch"]
    resources = resources[fetched[trace_of[resources]] >= 0]
    since = fetched[trace_of[resources]]
    blocking = given.marks[row[resources]] & BLOCKING != 0
    held = forest.end_unix_ns[resources] - since
    last = _largest_of_each(trace_of[resources], np.where(blocking, held, -1))
    last = last[blocking[last]]
    yield _of_page(given, "render_blocking", resources[last], np.maximum(held[last], 0), trace_of)

    late = forest.start_unix_ns[resources] - since
    lately = (late >= MIN_LATE_NS) & ~blocking & (waited[resources] > 0)
    yield _of_page(given, "late_resource", resources[lately], late[lately], trace_of)

    frames = of_name["longAnimationFrame"]
    length = forest.end_unix_ns[frames] - forest.start_unix_ns[frames]
    beyond = np.maximum(length - int(LONG_FRAME_NS), 0)
    yield _of_page(given, "long_frames", frames, beyond, trace_of)
    yield _first_bytes(given, first_fetch, trace_of, waited)


def _first_bytes(
    given: FindingInput, fetches: Integers, trace_of: Integers, waited: Integers
) -> Sightings:
    """Pages that were long in coming, of which the larger part was their server's."""
    forest, tree = given.found.forest, given.tree
    length = forest.end_unix_ns[fetches] - forest.start_unix_ns[fetches]
    slow = fetches[length >= SLOW_FIRST_BYTE_NS]
    server = np.array([_server_below(given, int(p)) for p in slow], np.int64)
    took = np.where(server >= 0, waited[server], 0)
    explained = took >= MIN_SERVER_SHARE_RATIO * waited[slow]
    slow, server, took = slow[explained], server[explained], took[explained]
    place = np.full(len(forest.row), -1)
    place[tree.position] = np.arange(len(tree))
    heaviest = np.array([_heaviest_below(tree, int(place[p])) for p in server], np.int64)
    shape = given.shape[forest.row[tree.position[heaviest]]] if len(heaviest) else heaviest
    return Sightings(
        "slow_first_byte",
        _node(given, server),
        shape,
        given.number[trace_of[slow]],
        took,
        np.ones(len(slow), np.int64),
        at=forest.end_unix_ns[slow] - forest.start_unix_ns[slow],
        note=tree.own_ns[heaviest] if len(heaviest) else heaviest,
    )


def _server_below(given: FindingInput, position: int) -> int:
    forest = given.found.forest
    below = forest.child[forest.first_child[position] : forest.first_child[position + 1]]
    servers = below[given.codes.kind[forest.row[below]] == SERVER]
    return int(servers[0]) if len(servers) else -1


def _heaviest_below(tree: PathTree, place: int) -> int:
    """Return the row below one, or that one, in which the path stayed longest by itself."""
    inside, best = {place}, place
    for below in range(place + 1, len(tree)):
        if tree.above[below] < 0:
            break
        if int(tree.above[below]) in inside:
            inside.add(below)
            if tree.own_ns[below] > tree.own_ns[best]:
                best = below
    return best


def _largest_of_each(trace: Integers, value: Integers) -> Integers:
    """Return the place of the largest value of each trace."""
    order = np.lexsort((-value, trace))
    return order[np.unique(trace[order], return_index=True)[1]]


def _of_page(
    given: FindingInput, kind: str, position: Integers, held: Integers, trace_of: Integers
) -> Sightings:
    trace = trace_of[position]
    return Sightings(
        kind,
        _node(given, given.found.forest.root[trace]),
        given.shape[given.found.forest.row[position]],
        given.number[trace],
        held,
        np.ones(len(position), np.int64),
    )
