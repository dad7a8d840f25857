"""Incidents: triggers that belong together, with a life cycle."""

from dataclasses import dataclass
from enum import StrEnum

from tracepulse.model.trigger import Trigger

__all__ = ["Incident", "IncidentState"]


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that went wrong, as the triggers that share its time and flow show it."""

    incident_id: str
    """`inc_` and twelve hex digits of a hash of the first trigger and its onset; never changes."""
    fingerprint: str
    """Sixteen hex digits of what it is about, without its time: equal when it happens again."""
    state: IncidentState
    onset_unix_ns: int
    """The earliest onset of its triggers."""
    onset_slack_ns: int
    opened_unix_ns: int
    """When it was first known."""
    last_seen_unix_ns: int
    """The last instant at which a trigger of it still showed."""
    triggers: tuple[Trigger, ...]
    """By onset, then id."""
    services: tuple[str, ...]
    """All services its triggers name, sorted."""
    entry_service: str = ""
    """Where the affected requests enter the system; '' while not known."""
    entry_operation: str = ""
    faulty_service: str = ""
    """The service where the failures begin: the deepest error of the failing traces."""
    faulty_operation: str = ""
    path: tuple[str, ...] = ()
    """Services of the affected flow, from the entry to the faulty one; () while not known."""
    acknowledged_unix_ns: int | None = None
    acknowledged_by: str = ""
    resolved_unix_ns: int | None = None
