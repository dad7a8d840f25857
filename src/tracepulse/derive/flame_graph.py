"""Flame graph of blame: contexts as a tree of frames, and as stacks of text."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.blame_contexts import OTHER, ContextBlame
from tracepulse.derive.causal_graph import cell_name
from tracepulse.derive.cohort_blame import NodeTable

__all__ = ["Frame", "flame_graph"]

USUAL, SLOW = 0, 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One context; times are sums over the requests of a cohort, whole nanoseconds."""

    above: int
    """Place of the frame that waited for it, before its own; -1 for none."""
    service: str
    """'' for a resource and for what is summed up."""
    operation: str
    category: str
    """`other` where several contexts are summed up."""
    resource: str
    usual_own_ns: int
    slow_own_ns: int
    usual_waited_ns: int
    """With all that is below it."""
    slow_waited_ns: int


def flame_graph(blame: ContextBlame, table: NodeTable) -> tuple[Frame, ...]:
    """Return frames from the outermost inwards; below one by weight, the largest first."""
    own, waited = blame.own_ns, blame.waited_ns()
    below: dict[int, list[int]] = {}
    for place in range(len(blame.above)):
        if waited[:, place].any():
            below.setdefault(int(blame.above[place]), []).append(place)
    names = [_name(table, int(cell)) for cell in blame.cell]
    frames: list[Frame] = []
    open_frames = [(-1, place) for place in _by_weight(below.get(-1, []), waited, names)]
    while open_frames:
        above, place = open_frames.pop()
        number = len(frames)
        frames.append(
            Frame(
                above,
                *names[place],
                *(int(own[g, place]) for g in (USUAL, SLOW)),
                *(int(waited[g, place]) for g in (USUAL, SLOW)),
            )
        )
        open_frames += [(number, p) for p in _by_weight(below.get(place, []), waited, names)]
    return tuple(frames)


def _name(table: NodeTable, cell: int) -> tuple[str, str, str, str]:
    return ("", "", "other", "") if cell == OTHER else cell_name(table, cell)


def _by_weight(
    places: list[int], waited: NDArray[np.float64], names: list[tuple[str, str, str, str]]
) -> list[int]:
    """Return places with the largest last, so that it is taken off a stack first."""
    return sorted(places, key=lambda p: (float(waited[:, p].max()), names[p]))
