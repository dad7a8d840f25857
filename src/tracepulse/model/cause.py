"""Causes: candidates for why an incident happened, with the parts of their score."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tracepulse.model.evidence import EvidencePart, Fact

__all__ = ["Cause", "CauseKind", "CauseRanking", "RuledOut"]


class CauseKind(StrEnum):
    """What kind of thing is suspected."""

    CHANGE = "change"
    OPERATION = "operation"
    """Something inside a service that no recorded change explains."""
    RESOURCE = "resource"
    """A database, queue or outside address that a service calls."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One candidate, with an honest probability."""

    cause_id: str
    """Kind and subject, such as `change:chg_1`; stable."""
    kind: CauseKind
    service: str
    probability: float
    """0 to 1; all causes and the unknown sum to 1."""
    score: float
    """Sum of the parts and the prior, in log-odds against the unknown."""
    prior: float
    parts: tuple[EvidencePart, ...]
    """By size of effect, then name."""
    wording: str
    """Our sentence with `{name}` places for `names`."""
    names: Mapping[str, str] = field(default_factory=dict)
    would_refute: tuple[str, ...] = ()
    """What, if seen, would show that it is not the cause; our words, same places."""
    change_id: str = ""
    revision: str = ""
    """The suspected commit, when one stands out."""
    operation: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class RuledOut:
    """Something that was looked at and is not the cause, with the reason."""

    cause_id: str
    wording: str
    names: Mapping[str, str]
    fact_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CauseRanking:
    """All that was considered for one incident."""

    causes: tuple[Cause, ...]
    """By probability, falling; then id."""
    unknown_probability: float
    """The mass on everything that was not considered or left no sign."""
    ceiling: float
    """The most that any one cause could get, given how many independent kinds of evidence exist."""
    ruled_out: tuple[RuledOut, ...]
    facts: tuple[Fact, ...]
    """Every fact that a part or a ruling cites, by key."""
    missing: tuple[str, ...]
    """What was not there to look at, in our words."""
