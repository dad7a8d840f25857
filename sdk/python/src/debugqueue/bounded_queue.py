"""
Events that wait, within a number and a size, and the account of what became of every event.

One re-entrant lock of the interpreter guards it. It is held for a few instructions, never across
input or output. A signal handler or a finaliser that logs in the middle of one takes it again, finds
that somebody is inside, and leaves its event beside for them.
"""

from collections import deque
from contextlib import contextmanager
from typing import Any, Callable, Deque, Dict, Iterator, List, NamedTuple, Optional, Tuple

from debugqueue.captured import Captured
from debugqueue.limits import MAX_BATCH_EVENTS, MAX_QUEUE_BYTES, MAX_QUEUE_EVENTS
from debugqueue.originals import original

__all__ = ["BoundedQueue", "Counts", "Event"]


class Event(NamedTuple):
    """One event as it waits: copies, and nothing of the host's that can change."""

    time_unix_ns: int
    severity: int
    tag: str
    body: Optional[str]
    """The message; None where it is the tag."""
    attributes: Dict[str, Any]
    bound: Optional[Dict[str, Any]]
    place: Any
    """The code object that logged, or the path of its file."""
    function: Optional[str]
    line: int
    trace: Any
    """OpenTelemetry's span context, or one like it; None outside of spans."""
    error: Optional[Captured]
    left_out: int
    bytes: int


class Counts(NamedTuple):
    """Events since the process began; waiting are those that are neither sent nor dropped."""

    created: int
    sent: int
    dropped: Dict[str, int]
    """By reason: queue_full, too_large, refused, expired."""
    waiting: int


class BoundedQueue:
    """Takes events on any thread; gives them to one exporter, which settles each."""

    def __init__(
        self, max_events: int = MAX_QUEUE_EVENTS, max_bytes: int = MAX_QUEUE_BYTES
    ) -> None:
        """Take the bounds; what is under way counts."""
        self._lock = original("_thread", "RLock")()
        self._wake = original("_thread", "allocate_lock")()
        self._wake.acquire()
        self._events: Deque[Tuple[Any, ...]] = deque()
        self._max_events, self._max_bytes = max_events, max_bytes
        self._room = max_events
        self._free_bytes = max_bytes
        self._sent = 0
        self._inside = False
        self._beside: Deque[Tuple[Tuple[Any, ...], int]] = deque()
        """Events of whoever interrupted a holder of the lock."""
        self._dropped: Dict[str, int] = {}
        self._untold: Dict[str, int] = {}
        self.urgent = False
        """Whether an error waits."""
        self.flushing = 0
        """How many wait for a flush."""
        self.on_first: Optional[Callable[[], None]] = None
        """Called with each event that found none waiting: starts the exporter."""
        self.done = 0
        """Events that were taken and settled: the oldest come first."""

    def add(self, event: Tuple[Any, ...], size: int) -> None:
        """
        Add the fields of an event, or drop it where there is no room; wake the exporter if need be.

        A plain tuple, because making an `Event` takes longer than all the rest of this.
        """
        with self._lock:
            if self._inside:
                self._beside.append((event, size))
                return
            self._inside = True
            try:
                length = len(self._events)
                if length >= self._room or size > self._free_bytes:
                    self._drop("queue_full", 1)
                else:
                    self._free_bytes -= size
                    self._events.append(event)
                    if length == 0 or length + 1 == MAX_BATCH_EVENTS:
                        self._wake_up()
            finally:
                self._inside = False
            if self._beside:
                self._add_beside()
        if length == 0 and self.on_first is not None:
            self.on_first()

    def _add_beside(self) -> None:
        while self._beside:
            try:
                self.add(*self._beside.popleft())
            except IndexError:  # another interruption took it
                return

    def hurry(self) -> None:
        """Have what waits sent soon: an error is among it."""
        with self._lock:
            if not self.urgent:
                self.urgent = True
                self._wake_up()

    def wake(self, flushing: int = 0) -> None:
        """Let the exporter look; add to those who wait for a flush, or take from them."""
        with self._lock:
            self.flushing += flushing
            self._wake_up()

    def wait(self, timeout_s: float = -1) -> bool:
        """Wait, as the exporter, until there is something to look at; -1 is for ever."""
        return bool(self._wake.acquire(True, timeout_s))

    def take(self, count: int) -> List[Event]:
        """Take up to `count` of the oldest events; each is to be settled by `sent` or `lost`."""
        with self._alone():
            count = min(count, len(self._events))
            taken = [self._events.popleft() for _ in range(count)]
            self._room -= count
        return [Event(*fields) for fields in taken]

    def sent(self, events: int, size: int) -> None:
        """Settle events that the server has."""
        with self._alone():
            self._settle(events, size)
            self._sent += events

    def lost(self, events: int, size: int, reason: str) -> None:
        """Settle events that were given up."""
        with self._alone():
            self._settle(events, size)
            self._drop(reason, events)

    def take_untold(self) -> Dict[str, int]:
        """Take the drops to report, by reason; `untell` gives back what did not arrive."""
        with self._alone():
            untold, self._untold = self._untold, {}
            return untold

    def untell(self, drops: Dict[str, int]) -> None:
        """Give back drops that could not be reported."""
        with self._alone():
            for reason, count in drops.items():
                self._untold[reason] = self._untold.get(reason, 0) + count

    @property
    def length(self) -> int:
        """Events that wait to be taken."""
        return len(self._events)

    @property
    def has_untold(self) -> bool:
        """Whether drops are still to be reported."""
        return bool(self._untold)

    @property
    def bytes(self) -> int:
        """What all events that are not settled are reckoned to hold."""
        return self._max_bytes - self._free_bytes

    @property
    def unsettled(self) -> int:
        """Events that are neither sent nor dropped."""
        return len(self._events) + self._max_events - self._room

    def counts(self) -> Counts:
        """Return the account: created = sent + all dropped + waiting."""
        with self._alone():
            waiting = self.unsettled
            created = self._sent + sum(self._dropped.values()) + waiting
            return Counts(created, self._sent, dict(self._dropped), waiting)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock; events of interruptions are added at the end."""
        with self._lock:
            around, self._inside = self._inside, True
            try:
                yield
            finally:
                self._inside = around
            if not around and self._beside:
                self._add_beside()

    def _settle(self, events: int, size: int) -> None:
        self._room += events
        self.done += events
        self._free_bytes += size

    def _drop(self, reason: str, events: int) -> None:
        if events > 0:
            self._dropped[reason] = self._dropped.get(reason, 0) + events
            self._untold[reason] = self._untold.get(reason, 0) + events

    def _wake_up(self) -> None:
        if self._wake.locked():
            self._wake.release()
