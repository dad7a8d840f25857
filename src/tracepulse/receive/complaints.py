"""What a reader could not use: counted always, described up to a bound."""

from dataclasses import dataclass, field

__all__ = ["MAX_DESCRIBED", "Complaints"]

MAX_DESCRIBED = 100
"""Descriptions kept per reading; past it only the count grows, so a bad file cannot fill memory."""


@dataclass(slots=True)
class Complaints:
    """The records of one body or file that were refused or altered, and why."""

    count: int = 0
    described: list[str] = field(default_factory=list)
    refused_records: int = 0
    """Spans, log records and points that were left out; the others were altered, or their fate is
    decided later."""

    def add(self, where: str, why: str) -> None:
        """Count one complaint; `where` is a path such as `spans[3].traceId`."""
        self.count += 1
        if len(self.described) < MAX_DESCRIBED:
            self.described.append(f"{where}: {why}" if where else why)
