"""Bins that were read once: the next look asks only for what may have changed since."""

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Generic, TypeVar

import numpy as np

from tracepulse.model.bins import LogBins, SpanBins
from tracepulse.model.question import Window

__all__ = ["BIN_NS", "UNSETTLED_NS", "RecentBins"]

BIN_NS = 5_000_000_000
UNSETTLED_NS = 120_000_000_000
"""How far back bins are read again, for rows that come late; later ones are not counted."""
_KEPT_NS = 3_600_000_000_000
_PIECE_NS = 300_000_000_000
"""What is asked for at once: half an hour of a large table would break the limits of a question."""

_Bins = TypeVar("_Bins", SpanBins, LogBins)


class RecentBins(Generic[_Bins]):
    """The bins of the last hour, of which only the newest are asked for again."""

    def __init__(self, ask: Callable[[Window], _Bins]) -> None:
        self._ask_once: Callable[[Window], _Bins] = ask
        self._lock = threading.Lock()
        self._held: _Bins | None = None
        self._start = self._end = 0

    def read(self, window: Window) -> _Bins:
        """Return the bins that begin in a window."""
        with self._lock:
            start = window.start_unix_ns // BIN_NS * BIN_NS
            settled = (self._end - UNSETTLED_NS) // BIN_NS * BIN_NS
            if self._held is None or not self._start <= start <= settled:
                if self._held is not None and window.end_unix_ns < settled:
                    return self._ask_for(window)  # long ago: not worth forgetting the present for
                self._held = self._ask_for(Window(start, window.end_unix_ns))
                self._start, self._end = start, window.end_unix_ns
            elif window.end_unix_ns > settled:
                end = max(self._end, window.end_unix_ns)
                fresh = self._ask_for(Window(settled, end))
                self._start = max(self._start, end - _KEPT_NS)
                self._held = _joined(_between(self._held, self._start, settled), fresh)
                self._end = end
            return _between(self._held, window.start_unix_ns, window.end_unix_ns)

    def _ask_for(self, window: Window) -> _Bins:
        start, end = window.start_unix_ns, window.end_unix_ns
        found = self._ask_once(Window(start, min(start + _PIECE_NS, end)))
        for at in range(start + _PIECE_NS, end, _PIECE_NS):
            found = _joined(found, self._ask_once(Window(at, min(at + _PIECE_NS, end))))
        return found


def _between(bins: _Bins, start_unix_ns: int, end_unix_ns: int) -> _Bins:
    at = bins.bin_start_unix_ns
    # As the statements have it: bounds are whole seconds.
    kept = (at >= start_unix_ns // 10**9 * 10**9) & (at < end_unix_ns // 10**9 * 10**9)
    if kept.all():
        return bins
    return replace(bins, **{each.name: getattr(bins, each.name)[kept] for each in fields(bins)})


def _joined(before: _Bins, after: _Bins) -> _Bins:
    return replace(
        before,
        **{
            each.name: np.concatenate((getattr(before, each.name), getattr(after, each.name)))
            for each in fields(before)
        },
    )
