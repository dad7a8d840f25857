"""Commits between two versions, with the hunks that matter."""

from dataclasses import dataclass

__all__ = ["CodeReading", "Commit", "Hunk"]


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk of a commit's diff."""

    path: str
    """Path in the repository after the commit (before it, when deleted)."""
    old_start_line: int
    new_start_line: int
    section: str
    """What git prints after the second @@: the enclosing function or class, when it knows."""
    lines: tuple[str, ...]
    """Each with its leading ' ', '+' or '-'; bounded."""
    lines_left_out: int = 0
    matched: tuple[str, ...] = ()
    """Words of the incident's log templates, routes or settings that the hunk or its file holds."""
    template_line: int | None = None
    """Line of the file that holds a log template's literal, when one does."""
    template: str = ""
    """That template."""
    score: float = 0.0
    """How far it overlaps with what is implicated; larger first."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit."""

    revision: str
    """Full hash."""
    author_unix_ns: int
    subject: str
    """First line of the message: text of its author, quote it."""
    files: tuple[str, ...]
    files_left_out: int
    hunks: tuple[Hunk, ...]
    """By score, falling; then path and line."""
    hunks_left_out: int = 0


@dataclass(frozen=True, slots=True)
class CodeReading:
    """What was read of the source for one change."""

    change_id: str
    repository: str
    commits: tuple[Commit, ...]
    """By best hunk score, falling; then newest first; then revision."""
    commits_left_out: int = 0
    skipped: str = ""
    """Why nothing could be read, in our words; '' when it was."""
