"""
The walk that finds a blocking path, for one trace or for many at once.

From the end of a span backwards: the child that ended last is what the span was waiting for until
then; before that child began, it is the child that ended last by then; and so on to the start.

    parent   |=====================================|
    a           |=======|                             ended before c began: waited for
    b                |========|                       still ran when c began: not waited for
    c                        |==========|             ended last
    path     parent  a       parent  c         parent

A child may end at the very instant at which the next begins. Of children that end together the
one that began first is taken, then the smaller span id. A child counts from its parent's start to
its parent's end only; one without time in common, and one that takes a message in, never counts.

Where it was learned over many traces (dependencies.py), order in time is not taken for dependency:
a child does not wait for a sibling that is made at the same time, though that one happened to end
first here, and a parent does not wait for work that it leaves behind.

Source:
    Last-finishing-child walk; Zhang et al., CRISP, USENIX ATC 2022.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.categories import CATEGORIES, Category
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.dependencies import ASSUMED, Rules, call_kinds, is_concurrent
from tracepulse.derive.span_codes import SpanCodes
from tracepulse.derive.span_flags import ASYNCHRONOUS, BESIDE_PAINT, CALLS_SERVER, LEFT_BEHIND
from tracepulse.derive.trace_tree import TraceForest

__all__ = ["PathColumns", "blame_ns", "blocking_paths"]

_NETWORK = CATEGORIES.index(Category.NETWORK)
_NOT_WAITED_FOR = ASYNCHRONOUS | LEFT_BEHIND | BESIDE_PAINT

Integers = NDArray[np.int64]
Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class PathColumns:
    """Blocking paths of many traces: sections one after the other, by trace, then by start."""

    first: Integers
    """Sections of trace t are first[t] to first[t + 1], the latter not included."""
    start_unix_ns: Integers
    end_unix_ns: Integers
    position: Integers
    """Of the span that is blamed, in the forest."""
    category: Codes
    """Place in CATEGORIES."""

    def __len__(self) -> int:
        return len(self.position)


def blocking_paths(forest: TraceForest, codes: SpanCodes, rules: Rules = ASSUMED) -> PathColumns:
    """
    Return the sections of time that decided how long each trace took.

    Args:
        forest: what `trace_forest(codes)` returned.
        codes: for the category of each span's own time.
        rules: what was learned of siblings, by this input's codes of nodes.
    Returns:
        Sections in Unix ns by the root's clock, half-open, none empty, that tile each root.
    """
    trees = _Trees(
        forest.start_unix_ns, forest.end_unix_ns, forest.first_child, forest.child, forest.flags
    )
    kind = call_kinds(forest, codes) if len(rules.concurrent) else np.empty(0, np.int64)
    first, start, end, position = _walk_all(forest.first, forest.root, trees, kind, rules)
    own = codes.category[forest.row[position]]
    answered = forest.flags[position] & CALLS_SERVER != 0
    category = np.where(answered, np.uint8(_NETWORK), own)
    return PathColumns(first, start, end, position, category)


def blame_ns(paths: PathColumns, forest: TraceForest, codes: SpanCodes) -> NDArray[np.int64]:
    """
    Return how long each node was blamed for, summed over all paths.

    Returns:
        ns by node and category: one row per node of `codes`, one column per place in CATEGORIES.
    """
    nodes = int(codes.node.max()) + 1 if len(codes) else 0
    total = np.zeros((nodes, len(CATEGORIES)), np.int64)
    _add_blame(
        codes.node,
        forest.row,
        paths.position,
        paths.start_unix_ns,
        paths.end_unix_ns,
        paths.category,
        total,
    )
    return total


@kernel
def _add_blame(
    node: Cells,
    row: Cells,
    position: Cells,
    start: Cells,
    end: Cells,
    category: Cells,
    total: Cells,
) -> None:
    for i in range(len(position)):
        total[node[row[position[i]]], category[i]] += end[i] - start[i]


class _Trees(NamedTuple):
    """What the walk reads of a forest, by position."""

    start: Cells
    end: Cells
    first_child: Cells
    child: Cells
    flags: Cells


class _Sections(NamedTuple):
    """Where the walk writes sections, one per index."""

    start: Cells
    end: Cells
    position: Cells


class _Stack(NamedTuple):
    """Spans under way, the outermost first."""

    span: Cells
    low: Cells
    """The start that the span is cut to."""
    cursor: Cells
    """The instant down to which its time is explained."""
    following: Cells
    """The next child to look at."""
    after: Cells
    """The child that began at the cursor; -1 while that is the span's end."""


@kernel
def _walk_all(
    first: Cells, root: Cells, trees: _Trees, kind: Cells, rules: Rules
) -> tuple[Cells, Cells, Cells, Cells]:
    """Walk every trace; returns where its sections begin, and the sections."""
    longest = 1
    for t in range(len(root)):
        longest = max(longest, first[t + 1] - first[t] + 1)
    stack = _Stack(
        np.empty(longest, np.int64),
        np.empty(longest, np.int64),
        np.empty(longest, np.int64),
        np.empty(longest, np.int64),
        np.empty(longest, np.int64),
    )
    room = len(trees.start) + 2 * longest
    start, end = np.empty(room, np.int64), np.empty(room, np.int64)
    position = np.empty(room, np.int64)
    first_section = np.zeros(len(root) + 1, np.int64)
    count = 0
    for t in range(len(root)):
        if root[t] >= 0:
            needed = count + 2 * (first[t + 1] - first[t])
            if needed > len(position):
                room = max(needed, len(position) * 3 // 2)
                start, end = _grown(start, count, room), _grown(end, count, room)
                position = _grown(position, count, room)
            sections = _Sections(start[count:], end[count:], position[count:])
            count += _walk(root[t], trees, sections, stack, kind, rules)
        first_section[t + 1] = count
    return first_section, start[:count], end[:count], position[:count]


@kernel
def _grown(values: Cells, count: int, room: int) -> Cells:
    """Return a longer array that begins with the first `count` values."""
    longer = np.empty(room, np.int64)
    for i in range(count):
        longer[i] = values[i]
    return longer


@kernel
def _walk(
    root: int, trees: _Trees, sections: _Sections, stack: _Stack, kind: Cells, rules: Rules
) -> int:
    """Write the sections of one tree, by start, and return how many there are."""
    start, end, first_child, child, flags = trees
    section_start, section_end, position = sections
    span, lowest, cursor, following, after = stack
    count, depth = 0, 0
    span[0], lowest[0], cursor[0], following[0] = root, start[root], end[root], first_child[root]
    after[0] = -1
    while depth >= 0:
        p, low, now = span[depth], lowest[depth], cursor[depth]
        c, following[depth] = _waited_for(
            p, low, now, following[depth], start, end, first_child, child, flags
        )
        if len(rules.concurrent):
            while c >= 0 and after[depth] >= 0 and is_concurrent(p, c, after[depth], kind, rules):
                c, following[depth] = _waited_for(
                    p, low, now, following[depth], start, end, first_child, child, flags
                )
        until = low if c < 0 else min(end[c], now)
        if until < now:
            section_start[count], section_end[count], position[count] = until, now, p
            count += 1
        if c < 0:
            depth -= 1
            continue
        begun = max(start[c], low)
        cursor[depth], after[depth] = begun, c
        depth += 1
        after[depth] = -1
        span[depth], lowest[depth], cursor[depth] = c, begun, until
        following[depth] = first_child[c]
    _reverse(sections, count)
    return count


@kernel
def _reverse(sections: _Sections, count: int) -> None:
    """Turn the first sections round: they were written from the end backwards."""
    for values in (sections.start, sections.end, sections.position):
        for i in range(count // 2):
            j = count - 1 - i
            values[i], values[j] = values[j], values[i]


@kernel
def _waited_for(
    p: int,
    low: int,
    now: int,
    i: int,
    start: Cells,
    end: Cells,
    first_child: Cells,
    child: Cells,
    flags: Cells,
) -> tuple[int, int]:
    """Return the child that ended last by `now`, -1 if there is none, and the next to look at."""
    beyond = first_child[p + 1]
    if i == first_child[p]:
        # Children that reach the parent's end all end there for it: the first begun is taken.
        best = -1
        while i < beyond and end[child[i]] >= now:
            c = child[i]
            waited = start[c] < min(now, end[c]) and flags[c] & _NOT_WAITED_FOR == 0
            if waited and (best < 0 or (start[c], c) < (start[best], best)):
                best = c
            i += 1
        if best >= 0:
            return best, i
    while i < beyond:
        c = child[i]
        i += 1
        if end[c] <= low:
            break
        if end[c] <= now and start[c] < end[c] and flags[c] & _NOT_WAITED_FOR == 0:
            return c, i
    return -1, i
