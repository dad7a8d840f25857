"""
How many calls of a kind a parent makes at once, learned from many parents.

    parent  |=====================|
    a 1       |=====|                     a pool of two for five calls: each further call begins
    a 2       |========|                  when one of two is over, whichever that is
    a 3             |======|
    a 4                |=====|
    a 5                    |===|

Pairs of these calls look sequential now and concurrent then. What does not vary is how many are
under way: never more than two, and the next begins at once when there is one less.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.dependencies import TURNS, Forest, call_kinds
from tracepulse.derive.limits.dependencies import MAX_SIBLINGS_COMPARED
from tracepulse.derive.limits.what_if import (
    CALL_LIMIT_MIN_CALLS,
    CALL_LIMIT_PROMPT_RATIO,
    CALL_LIMIT_PROMPT_SHARE,
)
from tracepulse.derive.span_codes import SpanCodes
from tracepulse.derive.span_flags import ASYNCHRONOUS, LEFT_BEHIND, OUTSIDE_PARENT

__all__ = ["NO_LIMITS", "CallLimits", "learn_limits", "limit_of"]

_NOT_WAITED_FOR = ASYNCHRONOUS | LEFT_BEHIND | OUTSIDE_PARENT
_TURN_CODES = TURNS * TURNS
_MOST_AT_ONCE = 16


class CallLimits(NamedTuple):
    """Keys are codes of the parent's and the call's node put together, ascending."""

    key: NDArray[np.int64]
    at_once: NDArray[np.int64]
    calls: NDArray[np.int64]
    """That had to wait: the evidence."""
    nodes: int


NO_LIMITS = CallLimits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), 1)


def learn_limits(forest: Forest, codes: SpanCodes, nodes: int) -> CallLimits:
    """
    Return for which calls there is a limit.

    Args:
        forest: of the traces to learn from.
        codes: for nodes.
        nodes: how many codes of nodes there are.
    """
    kind = call_kinds(forest, codes)
    at_start, begun, lag = _count(
        forest.first_child, forest.child, forest.start_unix_ns, forest.end_unix_ns, forest.flags,
        kind,
    )  # fmt: skip
    of = np.flatnonzero(at_start > 0)
    node = kind // _TURN_CODES
    keys, place = np.unique(node[forest.parent[of]] * nodes + node[of], return_inverse=True)
    most = np.zeros(len(keys), np.int64)
    np.maximum.at(most, place, at_start[of])
    waited = begun[of] >= most[place]
    length = (forest.end_unix_ns - forest.start_unix_ns)[of]
    prompt = waited & (at_start[of] == most[place])
    prompt &= lag[of] <= np.maximum(CALL_LIMIT_PROMPT_RATIO * length, 1)
    calls = np.bincount(place[waited], minlength=len(keys))
    at_once = np.bincount(place[prompt], minlength=len(keys))
    holds = (most >= 2) & (most <= _MOST_AT_ONCE) & (calls >= CALL_LIMIT_MIN_CALLS)
    holds &= at_once >= CALL_LIMIT_PROMPT_SHARE * calls
    return CallLimits(keys[holds], most[holds], calls[holds].astype(np.int64), nodes)


@kernel
def limit_of(p: int, c: int, kind: Cells, limits: CallLimits) -> int:
    """Return how many calls like c parent p makes at once; 0 if no limit is known."""
    wanted = kind[p] // _TURN_CODES * limits.nodes + kind[c] // _TURN_CODES
    place = np.searchsorted(limits.key, wanted)
    if place < len(limits.key) and limits.key[place] == wanted:
        return int(limits.at_once[place])
    return 0


@kernel
def _count(
    first_child: Cells, child: Cells, start: Cells, end: Cells, flags: Cells, kind: Cells
) -> tuple[Cells, Cells, Cells]:  # fmt: skip
    """
    Return for each call among several of its kind how it stood when it began.

    That is: how many were under way with it (0 for a call that is alone of its kind), how many
    had begun before, and how long ago the last of them had ended.
    """
    at_start, begun = np.zeros(len(start), np.int64), np.zeros(len(start), np.int64)
    lag = np.zeros(len(start), np.int64)
    for p in range(len(start)):
        low, high = first_child[p], first_child[p + 1]
        if high - low < 3 or high - low > MAX_SIBLINGS_COMPARED:
            continue
        for i in range(low, high):
            c, alike, lag[child[i]] = child[i], 0, 1 << 62
            for j in range(low, high):
                d = child[j]
                if d == c or kind[d] // _TURN_CODES != kind[c] // _TURN_CODES:
                    continue
                if flags[d] & _NOT_WAITED_FOR:
                    continue
                alike += 1
                if (start[d], d) < (start[c], c):
                    begun[c] += 1
                    if end[d] > start[c]:
                        at_start[c] += 1
                    else:
                        lag[c] = min(lag[c], start[c] - end[d])
            at_start[c] = at_start[c] + 1 if alike >= 2 and not flags[c] & _NOT_WAITED_FOR else 0
    return at_start, begun, lag
