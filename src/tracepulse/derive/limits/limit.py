"""A limit of the derivations: value, unit, and why it is that."""

from dataclasses import dataclass
from typing import TypeVar

__all__ = ["S_NS", "Limit", "Limits"]

S_NS = 1_000_000_000
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, as the reference shows it."""

    name: str
    value: float
    unit: str
    reason: str


class Limits(list[Limit]):
    """The limits of one subject, in the order of their file."""

    def limit(self, name: str, value: N, unit: str, reason: str) -> N:
        """Note a limit; returns its value."""
        self.append(Limit(name, float(value), unit, " ".join(reason.split())))
        return value
