"""How much one question to a source may cost, and how much it has."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tracepulse.errors import TracePulseError

__all__ = ["Budget", "BudgetSpent", "Spend"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What one question may cost; a question is one look at a source, in as many requests as it takes."""

    max_bytes: int = 64 * 1024 * 1024
    """Of answers, unpacked."""
    max_s: float = 30.0


class BudgetSpent(TracePulseError):
    """A question may cost no more; what was read so far stands."""


class Spend:
    """What a question has cost so far."""

    def __init__(self, budget: Budget, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Begin to count now."""
        self.budget = budget
        self.bytes_read = 0
        self.requests = 0
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()

    @property
    def left_bytes(self) -> int:
        """How many bytes may still be read."""
        return max(0, self.budget.max_bytes - self.bytes_read)

    @property
    def left_s(self) -> float:
        """How many seconds it may still take."""
        return max(0.0, self.budget.max_s - (self._monotonic_s() - self._began_s))

    def begin_request(self) -> None:
        """Count a request; raises BudgetSpent when there is nothing left for its answer."""
        self.room_for(1)
        self.requests += 1

    def room_for(self, size_bytes: int) -> None:
        """Raise BudgetSpent where so much more may not be read, or time is up."""
        if size_bytes > self.left_bytes:
            raise BudgetSpent(f"the budget of {self.budget.max_bytes:,} bytes is used up")
        if not self.left_s:
            raise BudgetSpent(f"the budget of {self.budget.max_s:g} s is used up")

    def read(self, size_bytes: int) -> None:
        """Count what was read of an answer."""
        self.bytes_read += size_bytes
