"""What if: the store is read chunk by chunk, each is played again for every change asked about."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import CohortBlame, NodeTable
from tracepulse.derive.predictions import Prediction, prediction
from tracepulse.derive.stations import Station
from tracepulse.derive.what_if import Change, Replays, replays
from tracepulse.model.cohort import Request
from tracepulse.why import CohortReader

__all__ = ["Candidate", "Outcome", "candidates", "predicted"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one change would do, and what that rests on."""

    change: Change
    prediction: Prediction
    calls: int
    """That are changed."""
    stations: tuple[Station, ...]
    """Places that others wait for, whose waiting would change too."""
    learned_traces: int
    """At most so many requests taught what waits for what, in each chunk."""
    least_traces: int | None
    """The fewest that say of a call and one beside it that they are in sequence; None: no such pair."""


@dataclass(slots=True)
class _Sum:
    before: list[NDArray[np.int64]] = field(default_factory=list)
    after: list[NDArray[np.int64]] = field(default_factory=list)
    calls: int = 0
    touched: int = 0
    stations: set[Station] = field(default_factory=set)
    learned: int = 0
    least: int | None = None


def predicted(
    reader: CohortReader,
    requests: Sequence[Request],
    cohort: NDArray[np.bool_],
    changes: Sequence[Change],
    *,
    together: bool,
) -> list[Outcome]:
    """
    Return what each change would do to the requests of a cohort.

    Args:
        reader: of the requests' spans.
        requests: by start; those of the cohort, and whoever may wait for the same places.
        cohort: of each request, whether it is asked about.
        changes: one outcome each, in this order.
        together: requests are all there were, so that who waited for whom can be told.
    """
    sums = [_Sum() for _ in changes]
    for chunk in reader.chunks(requests):
        ready = replays(chunk.codes.spans, chunk.codes.table, chunk.root_ids, together=together)
        for change, total in zip(changes, sums, strict=True):
            _add(total, ready, change, cohort[chunk.place])
    nothing = np.empty(0, np.int64)
    return [
        Outcome(
            change,
            prediction(
                np.concatenate([nothing, *total.before]),
                np.concatenate([nothing, *total.after]),
                total.touched,
            ),
            total.calls,
            tuple(sorted(total.stations, key=lambda each: (each.service, each.what, each.places))),
            total.learned,
            total.least,
        )
        for change, total in zip(changes, sums, strict=True)
    ]


def _add(total: _Sum, ready: Replays, change: Change, cohort: NDArray[np.bool_]) -> None:
    found = ready.ask(change, cohort)
    total.before.append(found.before_ns)
    total.after.append(found.after_ns)
    total.calls += found.calls
    total.touched += found.touched
    total.stations |= set(found.stations)
    total.learned = max(total.learned, ready.learned_traces)
    least = ready.least_traces(change)
    if least is not None:
        total.least = least if total.least is None else min(least, total.least)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that requests waited for, and the standard changes of it."""

    change: Change
    kind: str
    """`halved` or `parallel`."""
    blamed_ns: float
    """In all requests together."""


def candidates(blame: CohortBlame, table: NodeTable, most: int) -> list[Candidate]:
    """
    Return standard changes of the places that were waited for longest.

    Args:
        blame: of one group of requests.
        table: what its cells stand for.
        most: places, not counting the ways to change them.
    """
    held = blame.held_ns[0]
    found: list[Candidate] = []
    order = sorted(np.flatnonzero(held > 0).tolist(), key=lambda cell: (-held[cell], cell))
    for cell in order[:most]:
        nodes = len(table.nodes)
        if cell >= 2 * nodes:
            callers = [
                node for node in table.nodes if node.resource == table.resources[cell - 2 * nodes]
            ]
            if len(callers) > 1:
                place = Change(resource=table.resources[cell - 2 * nodes], network=False)
                found.append(Candidate(_halved(place), "halved", float(held[cell])))
            continue
        node = table.nodes[cell % nodes]
        way = cell >= nodes
        place = Change(node.service, node.name, node.resource, network=way)
        found.append(Candidate(_halved(place), "halved", float(held[cell])))
        if blame.held[0, cell] and not way:
            side = Change(node.service, node.name, node.resource, network=None, parallel=True)
            found.append(Candidate(side, "parallel", float(held[cell])))
    return found


def _halved(place: Change) -> Change:
    return Change(
        place.service, place.operation, place.resource, network=place.network, faster_ratio=0.5
    )
