"""How far to believe a blocking path: what did not fit, why that may be, what it touches."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive import span_flags as flags
from tracepulse.derive.intervals import covered_ns
from tracepulse.derive.span_codes import host_of
from tracepulse.derive.trace_tree import TraceForest
from tracepulse.model.span import SpanColumns

__all__ = ["Confidence", "Level", "Note", "Reason", "path_confidence", "path_notes"]

NOTE_SPANS = 10
"""At most so many span ids stand in one note; its count is of all."""

REDUCED_RATIO = 0.9
"""Below it, what is missing weighs too much for more than low confidence."""

_NO_PARENT = -1

Positions = NDArray[np.int64]


class Reason(StrEnum):
    """What there is to know about a trace before its blocking path is believed."""

    ORPHAN = "orphan"
    """Spans whose parent was not received: they and what is below them are not joined."""
    OTHER_ROOT = "other_root"
    """Further spans without a parent: they and what is below them are not joined."""
    CYCLE = "cycle"
    """Spans that are each other's descendants: cut at the earliest, not joined."""
    DUPLICATE = "duplicate"
    """Spans left out because one with the same id was kept."""
    UNUSABLE = "unusable"
    """Spans without an id, with a negative length or an impossible time: left out."""
    OUTSIDE_PARENT = "outside_parent"
    """Spans that share no time with their parent: they and what is below are off the path."""
    STARTS_BEFORE_PARENT = "starts_before_parent"
    """Spans cut to the start of their parent."""
    OUTLIVES_PARENT = "outlives_parent"
    """Spans cut to the end of their parent, which did not wait for the rest."""
    ASYNCHRONOUS = "asynchronous"
    """Spans that take a message in: nobody waited for them or for what is below."""
    LEFT_BEHIND = "left_behind"
    """Spans that their parent does not wait for, as other traces show."""
    BESIDE_PAINT = "beside_paint"
    """Spans that the paint which is asked about did not wait for."""
    CLOCK_CORRECTED = "clock_corrected"
    """Spans of a host whose clock was off, read by the clock of the root's host."""


@dataclass(frozen=True, slots=True)
class Note:
    """One reason for which a path is less than the whole truth."""

    reason: Reason
    count: int
    """Spans that it is about."""
    span_ids: tuple[str, ...]
    """Of those, at most ten: the smallest."""
    amount_ns: int | None
    """How far: the most by which a span stuck out, or what was taken off a host's clock."""
    text: str


_TEXTS = {
    Reason.ORPHAN: "parent not received; not joined to the path unless it is the root",
    Reason.OTHER_ROOT: "no parent either, but not the first root; not joined to the path",
    Reason.CYCLE: "names a descendant as its parent; the link is ignored",
    Reason.DUPLICATE: "left out: a span with the same id was kept",
    Reason.UNUSABLE: "left out: no id, negative length, or a time outside 1933 to 2116",
    Reason.OUTSIDE_PARENT: "shares no time with its parent; off the path with all below it",
    Reason.STARTS_BEFORE_PARENT: "counted from its parent's start on",
    Reason.OUTLIVES_PARENT: "counted up to its parent's end; its work went on after that",
    Reason.ASYNCHRONOUS: "takes a message in: its sender did not wait; off the path",
    Reason.LEFT_BEHIND: "its parent does not wait for it, as other traces show; off the path",
    Reason.BESIDE_PAINT: "the paint did not wait for it; off the path",
}


class Level(StrEnum):
    """How far a path can be believed, in one word."""

    HIGH = "high"
    """Every span was joined."""
    REDUCED = "reduced"
    """Some spans were not joined; they ran during less than a tenth of the root's time."""
    LOW = "low"
    """They ran during more than that, or the root itself was not received."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """How far a path can be believed, and why no further."""

    level: Level
    ratio: float
    """Share of the root's time during which no span ran that could not be joined; 0 to 1."""
    text: str
    """What is missing, the likely reason, and what it means for the path."""


def path_notes(columns: SpanColumns, forest: TraceForest) -> tuple[Note, ...]:
    """
    Return what is to be known about one trace, in the order of Reason, then by host.

    Args:
        columns: the spans of one trace.
        forest: the same, linked.
    """
    return (*_span_notes(columns, forest), *_clock_notes(columns, forest))


def _span_notes(columns: SpanColumns, forest: TraceForest) -> Iterator[Note]:
    root = forest.root[0]
    joined, is_top = forest.top == root, forest.parent == _NO_PARENT
    off_path = flags.OUTSIDE_PARENT | flags.ASYNCHRONOUS | flags.LEFT_BEHIND | flags.BESIDE_PAINT
    in_place = forest.flags & off_path == 0
    asked_for_root = bool(forest.flags[root] & flags.CHOSEN)
    among = {
        Reason.ORPHAN: (flags.ORPHAN, is_top),
        Reason.OTHER_ROOT: (flags.PARENTLESS, is_top & ~joined & (not asked_for_root)),
        Reason.CYCLE: (flags.CYCLE, is_top),
        Reason.DUPLICATE: (flags.DUPLICATE, ~is_top),
        Reason.UNUSABLE: (flags.UNUSABLE, ~is_top),
        Reason.OUTSIDE_PARENT: (
            flags.OUTSIDE_PARENT,
            joined & (forest.flags & (flags.ASYNCHRONOUS | flags.BESIDE_PAINT) == 0),
        ),
        Reason.STARTS_BEFORE_PARENT: (flags.STARTS_BEFORE_PARENT, joined & in_place),
        Reason.OUTLIVES_PARENT: (flags.OUTLIVES_PARENT, joined & in_place),
        Reason.ASYNCHRONOUS: (flags.ASYNCHRONOUS, joined),
        Reason.LEFT_BEHIND: (flags.LEFT_BEHIND, joined),
        Reason.BESIDE_PAINT: (flags.BESIDE_PAINT, joined),
    }
    for reason, (flag, candidates) in among.items():
        positions = np.flatnonzero((forest.flags & flag != 0) & candidates)
        if len(positions):
            amount_ns = _sticks_out_ns(forest, reason, positions)
            yield _note(columns, forest, reason, positions, amount_ns, _TEXTS[reason])


def _sticks_out_ns(forest: TraceForest, reason: Reason, positions: Positions) -> int | None:
    """Return the most by which one of the spans sticks out of its parent, if that is the reason."""
    parents = forest.parent[positions]
    if reason is Reason.STARTS_BEFORE_PARENT:
        return int((forest.start_unix_ns[parents] - forest.start_unix_ns[positions]).max())
    if reason is Reason.OUTLIVES_PARENT:
        return int((forest.end_unix_ns[positions] - forest.end_unix_ns[parents]).max())
    return None


def _clock_notes(columns: SpanColumns, forest: TraceForest) -> Iterator[Note]:
    """One note for each host that was moved, by name."""
    root = forest.root[0]
    reference = host_of(columns.resource[forest.row[root]])
    by_host: dict[str, list[int]] = {}
    for position in np.flatnonzero((forest.top == root) & (forest.moved_ns != 0)).tolist():
        host = host_of(columns.resource[forest.row[position]])
        by_host.setdefault(host, []).append(position)
    for host, positions in sorted(by_host.items()):
        moved_ns = int(forest.moved_ns[positions[0]])
        way = "ahead of" if moved_ns > 0 else "behind"
        text = f"clock of {host or 'the browser'} was {abs(moved_ns)} ns {way} that of {reference or 'the root'}"
        found = np.array(positions, np.int64)
        yield _note(columns, forest, Reason.CLOCK_CORRECTED, found, moved_ns, text)


def _note(
    columns: SpanColumns,
    forest: TraceForest,
    reason: Reason,
    positions: Positions,
    amount_ns: int | None,
    text: str,
) -> Note:
    ids = sorted(columns.span_id[forest.row[positions]].tolist())
    return Note(reason, len(ids), tuple(ids[:NOTE_SPANS]), amount_ns, text)


def path_confidence(columns: SpanColumns, forest: TraceForest) -> Confidence:
    """Return how far the path of one trace can be believed."""
    root = int(forest.root[0])
    start, end = int(forest.start_unix_ns[root]), int(forest.end_unix_ns[root])
    lost = flags.ORPHAN | flags.CYCLE
    has_top = forest.top >= 0
    apart = has_top & (forest.top != root) & (forest.flags[forest.top] & lost != 0)
    doubtful_ns = covered_ns(forest.start_unix_ns[apart], forest.end_unix_ns[apart], start, end)
    ratio = 1.0 if end == start else 1.0 - doubtful_ns / (end - start)
    rootless = bool(forest.flags[root] & lost) and not forest.flags[root] & flags.CHOSEN
    if not apart.any() and not rootless:
        return Confidence(Level.HIGH, ratio, "every span of the root's tree has its place")
    sentences = []
    if rootless:
        sentences.append("the trace's own root was not received: the path begins at a later span")
    if apart.any():
        sentences.append(
            f"{int(apart.sum())} of {int(has_top.sum())} spans could not be joined; they ran"
            f" during {1.0 - ratio:.1%} of the root, which may be blamed on the wrong span"
        )
    sentences += _likely_reasons(columns, forest)
    level = Level.LOW if rootless or ratio < REDUCED_RATIO else Level.REDUCED
    return Confidence(level, ratio, "; ".join(sentences))


def _likely_reasons(columns: SpanColumns, forest: TraceForest) -> list[str]:
    """Return why parents may be missing, told from which side of a process boundary is there."""
    positions = np.flatnonzero((forest.flags & flags.ORPHAN != 0) & (forest.parent == _NO_PARENT))
    kinds = columns.kind[forest.row[positions]].tolist()
    entered = sum(kind in ("Server", "Consumer") for kind in kinds)
    inside = len(kinds) - entered
    reasons = []
    if entered:
        reasons.append(
            f"parents missing in another process: {entered}, as when it was not sampled, does not"
            " export, or its spans are still to come"
        )
    if inside:
        reasons.append(
            f"parents missing in the same process: {inside}, as when they had not ended when the"
            " trace was read, or were dropped"
        )
    return reasons
