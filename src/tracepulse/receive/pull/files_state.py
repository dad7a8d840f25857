"""How a follower of log files is, for the doctor."""

from dataclasses import dataclass

__all__ = ["FilesState"]

_SHOWN = 3
"""Faults of one kind that are named; of more there is the number."""


@dataclass(frozen=True, slots=True)
class FilesState:
    """What was found when files were looked for last."""

    looked: bool = False
    files: int = 0
    """That match, and can be read."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Path and reason of those that match and cannot be read, by path."""
    unmatched: tuple[str, ...] = ()
    """Patterns that no file matches."""
    gone: int = 0
    """Files that were followed once, and that nothing matches any more."""

    @property
    def ok(self) -> bool:
        """Return whether everything that is to be followed is."""
        return not self.unreadable and not self.unmatched

    def detail(self) -> str:
        """Say it in words, what is wrong first."""
        if not self.looked:
            return "has not looked yet"
        parts = []
        if self.unreadable:
            parts.append(
                "cannot be read: " + _some([f"{path} ({why})" for path, why in self.unreadable])
            )
        if self.unmatched:
            parts.append(f"no file matches {_some(list(self.unmatched))}")
        parts.append(f"files followed: {self.files:,}")
        if self.gone:
            parts.append(f"removed, or called by another name: {self.gone:,}")
        return "; ".join(parts)


def _some(texts: list[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
