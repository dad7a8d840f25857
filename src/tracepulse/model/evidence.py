"""Evidence: one observed fact, with where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["EvidencePart", "Fact"]


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One observed fact, worded by us.

    Text written by services or their users stands only in `names` (short identifiers, shown inert)
    and `quotes` (anything longer, shown quoted and fenced), never in `wording`.
    """

    key: str
    """Unique in an investigation and free of order, such as `edge:checkout>session`."""
    kind: str
    """trigger, change, edge, edges, origin, path, blocking, log, value, commit, version, traffic, none."""
    wording: str
    """A sentence with `{name}` places for `names`; no telemetry text."""
    names: Mapping[str, str] = field(default_factory=dict)
    quotes: tuple[str, ...] = ()
    at_unix_ns: int | None = None
    trust: str = "server_computed"
    """server_computed, or that of the text in `quotes`."""


@dataclass(frozen=True, slots=True)
class EvidencePart:
    """One named part of a cause's score, and the facts it rests on."""

    name: str
    """proximity, topology, error_origin, only_edge, code_overlap, value_match, version_contrast, …"""
    strength: float
    """-1 to 1: how far the facts speak for (or against) the cause in this respect."""
    weight: float
    """Log-odds that full strength adds."""
    fact_keys: tuple[str, ...]

    @property
    def log_odds(self) -> float:
        """Return what this part adds to the score."""
        return self.strength * self.weight
