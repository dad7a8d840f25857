"""Stretches of time: what is missing of a window, and in which order it is read."""

from collections.abc import Iterable, Iterator

from tracepulse.receive.pull.interface import Stretch

__all__ = ["gaps", "joined", "outward", "overlaps"]

_FIRST_NS = 60_000_000_000
"""Read on each side of an instant before anything else; each further step is twice as long."""


def overlaps(window: Stretch, covered: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yield the parts of a window that are covered, in the order in which they are given."""
    for each in covered:
        start = max(each.start_unix_ns, window.start_unix_ns)
        end = min(each.end_unix_ns, window.end_unix_ns)
        if start < end:
            yield Stretch(start, end)


def gaps(window: Stretch, covered: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yield the parts of a window that are not covered, in order of time; so must `covered` be."""
    at = window.start_unix_ns
    for each in overlaps(window, covered):
        if at < each.start_unix_ns:
            yield Stretch(at, each.start_unix_ns)
        at = each.end_unix_ns
    if at < window.end_unix_ns:
        yield Stretch(at, window.end_unix_ns)


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order of time, with those that touch or overlap made one."""
    whole: list[Stretch] = []
    for each in sorted(stretches):
        if whole and each.start_unix_ns <= whole[-1].end_unix_ns:
            whole[-1] = Stretch(whole[-1].start_unix_ns, max(whole[-1][1], each[1]))
        else:
            whole.append(each)
    return whole


def outward(window: Stretch, around_unix_ns: int) -> Iterator[Stretch]:
    """
    Yield the parts of a window, the nearest to an instant first.

    What follows the instant comes before what precedes it by as much. An instant outside of the
    window stands for the nearer end.

          6       4    2  1    3      5
        |------|-----|--|*|-|-----|------|
    """
    begin = end = min(max(around_unix_ns, window.start_unix_ns), window.end_unix_ns)
    length = _FIRST_NS
    while begin > window.start_unix_ns or end < window.end_unix_ns:
        after = Stretch(end, min(end + length, window.end_unix_ns))
        before = Stretch(max(begin - length, window.start_unix_ns), begin)
        yield from (each for each in (after, before) if each.start_unix_ns < each.end_unix_ns)
        begin, end = before.start_unix_ns, after.end_unix_ns
        length *= 2
