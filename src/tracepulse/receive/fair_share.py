"""
No sender takes the room of the others.

Two kinds of room are shared. Requests that are being read and converted are in memory, of which
there is a fixed amount. Requests that are durable wait in the journal until the store has them. While
there is plenty of either, everybody is served. Past half of it whoever has more than an equal part
is asked to come back, and the rest goes on as if nothing were; a sender that is alone may fill it.
"""

import time
from collections.abc import Callable
from types import TracebackType

from tracepulse.errors import Overloaded

__all__ = ["FairShare"]

_IN_MEMORY_BYTES = 256 * 1024 * 1024
"""What requests under way may hold in all: with what is made of them a quarter of the memory that
the server is to need."""
_HALF = 0.5
_SPAN_S = 30.0
"""What was sent within the last one to two of these counts as recent."""
_LOOK_S = 0.1
_MOST_SENDERS = 10_000
"""Past so many names the counts begin anew, so that made-up names take no memory."""
_RETRY_S = 5


def _nothing_waits() -> float:
    return 0.0


class FairShare:
    """Keeps the counts. All calls come from the event loop."""

    def __init__(
        self,
        waiting: Callable[[], float] = _nothing_waits,
        in_memory_bytes: int = _IN_MEMORY_BYTES,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Prepare.

        Args:
            waiting: how full the journal is, from 0 to 1.
            in_memory_bytes: what requests under way may hold in all.
        """
        self._waiting = waiting
        self._room = in_memory_bytes
        self._monotonic_s = monotonic_s
        self._held: dict[str, int] = {}
        self._held_bytes = 0
        self._recent: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._turn_s = monotonic_s() + _SPAN_S
        self._is_behind = False
        self._look_s = 0.0

    def request(self, sender: str, size: int) -> "_Held":
        """
        Return a context that holds room for a request while it is read and converted.

        Args:
            sender: address that it comes from.
            size: bytes that it takes in memory.
        Raises:
            Overloaded: on entering, when there is no room for this sender now.
        """
        return _Held(self, sender, size)

    def take(self, sender: str, size: int) -> None:
        """
        Note a request that goes to the journal.

        Args:
            sender: key and address.
            size: its bytes there.
        Raises:
            Overloaded: the store is behind, and this sender has sent more than its part of late.
        """
        now_s = self._monotonic_s()
        if now_s >= self._turn_s:
            is_next = now_s < self._turn_s + _SPAN_S
            self._before = self._recent if is_next else {}
            self._recent = {}
            self._turn_s = now_s + _SPAN_S
        if len(self._recent) >= _MOST_SENDERS:
            self._recent.clear()
        if now_s >= self._look_s:
            self._is_behind = self._waiting() > _HALF
            self._look_s = now_s + _LOOK_S
        if self._is_behind:
            sent = self._recent.get(sender, 0) + self._before.get(sender, 0)
            senders = len(self._recent.keys() | self._before.keys() | {sender})
            in_all = sum(self._recent.values()) + sum(self._before.values())
            if senders > 1 and (sent + size) * senders > in_all + size:
                raise Overloaded(
                    "more arrives than can be stored, and most of it from this sender; send less,"
                    " or try again",
                    retry_after_s=_RETRY_S,
                )
        self._recent[sender] = self._recent.get(sender, 0) + size

    def _enter(self, sender: str, size: int) -> None:
        held = self._held.get(sender, 0)
        after = self._held_bytes + size
        senders = len(self._held) + (sender not in self._held)
        is_alone = senders == 1
        if self._held_bytes and (
            after > self._room
            or (after > _HALF * self._room and not is_alone and (held + size) * senders > after)
        ):
            raise Overloaded(
                f"requests under way hold {self._held_bytes:,} bytes, this sender's {held:,};"
                " send fewer at a time, or try again"
            )
        self._held[sender] = held + size
        self._held_bytes = after

    def _leave(self, sender: str, size: int) -> None:
        self._held_bytes -= size
        rest = self._held[sender] - size
        if rest:
            self._held[sender] = rest
        else:
            del self._held[sender]


class _Held:
    __slots__ = ("_sender", "_shares", "_size")

    def __init__(self, shares: FairShare, sender: str, size: int) -> None:
        self._shares, self._sender, self._size = shares, sender, max(size, 1)

    def __enter__(self) -> None:
        self._shares._enter(self._sender, self._size)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._shares._leave(self._sender, self._size)
