"""
Put the shop's source under a git history of its own.

`source/` is the shop as it is now. `commits/` holds the commits that led there, newest number
last. To rebuild the past, the patches are taken back one by one from a copy of `source/`; what
remains is the first commit, and the patches are then applied and committed in order. So the
history always ends at `source/`, byte for byte, and has the same revisions on every machine.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_string
from email.utils import parseaddr
from pathlib import Path

from .errors import ShopError

HERE = Path(__file__).parent
SOURCE = HERE / "source"
COMMITS = HERE / "commits"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The head of a patch file."""

    author: str
    address: str
    at: str | None
    """RFC 3339; None means the moment it is committed."""
    message: str
    """Subject, empty line, body."""

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.splitlines()[0]


def read_head(patch: Path) -> Recorded:
    """Return who wrote a recorded commit, when and why."""
    mail = message_from_string(patch.read_text())
    author, address = parseaddr(mail["From"])
    body = str(mail.get_payload()).partition("---\n")[0].strip()
    message = f"{mail['Subject']}\n\n{body}".strip()
    return Recorded(author, address, mail["Date"], message)


def build_history(repository: Path) -> str:
    """
    Make a repository that ends at `source/`, and return its newest revision.

    Raises:
        ShopError: `source/` and `commits/` do not fit together, or git is missing.
    """
    first, *later = sorted(COMMITS.glob("*.patch"))
    shutil.copytree(SOURCE, repository, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
    _git(repository, "init", "--quiet", "--initial-branch=main")
    for patch in reversed(later):
        _git(repository, "apply", "--reverse", str(patch))
    _git(repository, "add", "--all")
    _commit(repository, read_head(first))
    for patch in later:
        commit_patch(repository, patch)
    return head_revision(repository)


def commit_patch(repository: Path, patch: Path, reverse: bool = False) -> str:
    """Apply a recorded commit, or take it back, and return the new revision."""
    recorded = read_head(patch)
    if reverse:
        recorded = Recorded(recorded.author, recorded.address, None, f'Revert "{recorded.subject}"')
    _git(repository, "apply", "--index", *(["--reverse"] if reverse else []), str(patch))
    _commit(repository, recorded)
    return head_revision(repository)


def tag_release(repository: Path, service: str, version: str) -> None:
    """Mark the newest revision as a release of one service."""
    _git(repository, "tag", f"{service}/{version}")


def head_revision(repository: Path) -> str:
    """Return the newest revision."""
    return _git(repository, "rev-parse", "HEAD").strip()


def _commit(repository: Path, recorded: Recorded) -> None:
    at = recorded.at or datetime.now(UTC).isoformat(timespec="seconds")
    who = {
        f"GIT_{role}_{field}": value
        for role in ("AUTHOR", "COMMITTER")
        for field, value in (("NAME", recorded.author), ("EMAIL", recorded.address), ("DATE", at))
    }
    _git(repository, "commit", "--quiet", "--message", recorded.message, extra=who)


def _git(repository: Path, *words: str, extra: Mapping[str, str] | None = None) -> str:
    # The settings of whoever runs the demo (signing, hooks, templates) would change the revisions.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "core.autocrlf=false", *words]
    try:
        done = subprocess.run(
            command,
            cwd=repository,
            env=environment | dict(extra or {}),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise ShopError(f"cannot run git ({missing}): install git") from missing
    if done.returncode:
        raise ShopError(f"`git {' '.join(words)}` in {repository} failed: {done.stderr.strip()}")
    return done.stdout
