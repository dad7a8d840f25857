"""Changes: deploys, flags and settings, as the people who made them reported them."""

from dataclasses import dataclass

__all__ = ["Change"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change to a running system."""

    change_id: str
    kind: str
    """deploy, flag, config or other."""
    service: str
    at_unix_ns: int
    version: str | None = None
    previous_version: str | None = None
    revision: str | None = None
    """The commit that runs from then on."""
    previous_revision: str | None = None
    repository: str | None = None
    """A path or address under which the source can be read."""
    summary: str = ""
