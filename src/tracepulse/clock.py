"""Time and ids as arguments, so that everything else can be tested without either."""

import time
import uuid
from typing import Protocol

__all__ = ["Clock", "IdSource", "SystemClock", "UuidSource"]


class Clock(Protocol):
    """Tells the time."""

    def now_unix_ns(self) -> int:
        """Return the present instant in nanoseconds since 1970, UTC."""


class IdSource(Protocol):
    """Makes ids that were not used before."""

    def new_id(self) -> str:
        """Return a new id: 32 lower-case hex digits that sort by time of making."""


class SystemClock:
    """The machine's own clock."""

    def now_unix_ns(self) -> int:
        """Return the present instant in nanoseconds since 1970, UTC."""
        return time.time_ns()


class UuidSource:
    """Ids from time and the operating system's randomness (the layout of UUID version 7)."""

    def new_id(self) -> str:
        """Return a new id: 32 lower-case hex digits that sort by time of making."""
        random_bits = uuid.uuid4().int & ((1 << 74) - 1)
        millis = time.time_ns() // 1_000_000
        value = (millis << 80) | (7 << 76) | ((random_bits >> 62) << 64) | (2 << 62)
        return f"{value | (random_bits & ((1 << 62) - 1)):032x}"
