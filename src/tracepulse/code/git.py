"""
Read commits between two revisions of a local repository, without running anything of it.

git is called with a bare environment: no system, user or repository settings that name programs
(hooks, pagers, file-system monitors, external diffs, text converters, credential helpers), no
network, and a time limit. Repositories outside the roots that the operator allows are not opened.
"""

import os
import re
import selectors
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tracepulse.code.hunks import parse_hunks, rank_hunks
from tracepulse.code.implicated import Implicated
from tracepulse.model.change import Change
from tracepulse.model.commit import CodeReading, Commit

__all__ = ["GitLimits", "read_change"]

REVISION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,199}")


@dataclass(frozen=True, slots=True)
class GitLimits:
    """Bounds on one reading."""

    timeout_s: float = 10.0
    """For each call of git."""
    max_commits: int = 40
    max_output_bytes: int = 4 * 1024 * 1024
    """Of one call; what is longer is cut."""
    max_files: int = 200
    """Names kept per commit."""
    max_hunks: int = 12
    """Kept per commit, the best ones."""
    max_content_files: int = 12
    """Files per commit whose text is searched for log templates."""
    max_content_bytes: int = 512 * 1024


class _Unreadable(Exception):
    """Why the source cannot be read."""


def read_change(
    change: Change,
    roots: Sequence[Path],
    implicated: Implicated,
    limits: GitLimits | None = None,
) -> CodeReading:
    """
    Return the commits that a change brought, those that touch what is implicated first.

    With a previous revision these are the commits between the two; without one, the single commit
    of the revision. Whatever cannot be read is said in `skipped`; nothing is raised.
    """
    bounds = limits or GitLimits()
    reading = CodeReading(change.change_id, change.repository or "", ())
    try:
        git = _open(change, roots, bounds)
        revisions, left_out = _revisions(git, change)
        commits = [_commit(git, revision, implicated) for revision in revisions]
    except _Unreadable as reason:
        return CodeReading(change.change_id, reading.repository, (), skipped=str(reason))
    commits.sort(key=_rank)
    return CodeReading(change.change_id, reading.repository, tuple(commits), left_out)


def _rank(commit: Commit) -> tuple[float, int, str]:
    best = commit.hunks[0].score if commit.hunks else 0.0
    return -best, -commit.author_unix_ns, commit.revision


def _open(change: Change, roots: Sequence[Path], limits: GitLimits) -> "_Git":
    if not change.repository:
        raise _Unreadable("the change names no repository")
    if "://" in change.repository or change.repository.startswith("git@"):
        raise _Unreadable("the repository is not a local folder")
    # realpath so that neither `..` nor a symbolic link leads out of the roots.
    folder = Path(os.path.realpath(change.repository.removeprefix("file:")))
    allowed = [Path(os.path.realpath(root)) for root in roots]
    root = next((root for root in allowed if folder == root or root in folder.parents), None)
    if root is None:
        raise _Unreadable("the repository is outside the folders that may be read")
    if not folder.is_dir():
        raise _Unreadable("there is no such folder")
    return _Git(folder, root, limits)


def _revisions(git: "_Git", change: Change) -> tuple[list[str], int]:
    """Return the hashes of the change's commits, newest first, and how many were left out."""
    if not change.revision:
        raise _Unreadable("the change names no revision")
    new = git.resolve(change.revision)
    if not change.previous_revision:
        return [new], 0
    old = git.resolve(change.previous_revision)
    # A roll-back goes to an older revision: what it took away is what changed.
    wanted = git.between(old, new) or git.between(new, old)
    most = git.limits.max_commits
    return wanted[:most], max(0, len(wanted) - most)


def _commit(git: "_Git", revision: str, implicated: Implicated) -> Commit:
    when, subject = git.heading(revision)
    files = git.files(revision)
    hunks = tuple(parse_hunks(git.diff(revision)))
    paths = sorted({hunk.path for hunk in hunks})[: git.limits.max_content_files]
    contents = {path: git.content(revision, path) for path in paths}
    ranked = rank_hunks(hunks, implicated, contents)
    most_files, most_hunks = git.limits.max_files, git.limits.max_hunks
    return Commit(
        revision=revision,
        author_unix_ns=when,
        subject=subject,
        files=tuple(files[:most_files]),
        files_left_out=max(0, len(files) - most_files),
        hunks=ranked[:most_hunks],
        hunks_left_out=max(0, len(ranked) - most_hunks),
    )


class _Git:
    """git, read-only, in one repository."""

    SAFE = (
        "--no-pager",
        "--no-replace-objects",
        "--no-optional-locks",
        "--literal-pathspecs",
        "-c", "core.hooksPath=/dev/null",
        "-c", "core.fsmonitor=",
        "-c", "core.pager=",
        "-c", "core.attributesFile=/dev/null",
        "-c", "core.quotePath=false",
        "-c", "log.showSignature=false",
        "-c", "protocol.allow=never",
        "-c", "fetch.recurseSubmodules=false",
        "-c", "color.ui=false",
    )  # fmt: skip
    DIFF = (
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--no-color",
        "--ignore-submodules=all",
        "--submodule=short",
        "--src-prefix=a/",
        "--dst-prefix=b/",
    )

    def __init__(self, folder: Path, root: Path, limits: GitLimits) -> None:
        self.folder = folder
        self.root = root
        self.limits = limits
        # A `.git` file may point anywhere.
        if not all(root == place or root in place.parents for place in self.directories()):
            raise _Unreadable("the repository's data is outside the folders that may be read")

    def resolve(self, name: str) -> str:
        """Return the full hash of a revision."""
        if not REVISION.fullmatch(name) or ".." in name:
            raise _Unreadable("a revision is not written as one")
        found = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
        return found.strip()

    def between(self, old: str, new: str) -> list[str]:
        """Return the commits that `new` has and `old` has not, newest first."""
        text = self._run(
            "rev-list", "--no-merges", "--date-order",
            f"--max-count={self.limits.max_commits * 25}", "--end-of-options", f"{old}..{new}", "--",
        )  # fmt: skip
        return text.split()

    def heading(self, revision: str) -> tuple[int, str]:
        """Return the author's time and the subject of a commit."""
        text = self._run(
            "show", "--no-patch", "--no-notes", "--format=%at%x00%s", "--end-of-options", revision
        )
        when, _, subject = text.partition("\0")
        seconds = int(when) if when.strip().lstrip("-").isdigit() else 0
        return seconds * 1_000_000_000, subject.strip()[:300]

    def files(self, revision: str) -> list[str]:
        """Return the paths that a commit touches, against its first parent."""
        text = self._run(
            "diff-tree", "-r", "-z", "--root", "--no-commit-id", "--name-only", *self.DIFF,
            "--end-of-options", revision, "--",
        )  # fmt: skip
        return sorted(path for path in text.split("\0") if path)

    def diff(self, revision: str) -> str:
        """Return a commit's diff against its first parent, bounded."""
        return self._run(
            "diff-tree", "-r", "-p", "--root", "--no-commit-id", "-U3", *self.DIFF,
            "--end-of-options", revision, "--",
        )  # fmt: skip

    def content(self, revision: str, path: str) -> str:
        """Return a file's text after a commit; '' when it is not there, not text or too long."""
        try:
            size = self._run("cat-file", "-s", f"{revision}:{path}").strip()
            if not size.isdigit() or int(size) > self.limits.max_content_bytes:
                return ""
            text = self._run("cat-file", "blob", f"{revision}:{path}")
        except _Unreadable:
            return ""
        return "" if "\0" in text else text

    def directories(self) -> list[Path]:
        """Return where git really reads from: the repository's own and its shared folder."""
        text = self._run(
            "rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-common-dir"
        )
        return [Path(os.path.realpath(line)) for line in text.splitlines()]

    def _run(self, *arguments: str) -> str:
        command = ["git", *self.SAFE, "-c", f"safe.directory={self.folder}"]
        command += ["-C", str(self.folder), *arguments]
        try:
            with subprocess.Popen(  # noqa: S603  fixed program, checked arguments, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(),
            ) as process:
                output, whole = _read_bounded(process, self.limits)
        except FileNotFoundError:
            raise _Unreadable("git is not installed") from None
        if whole and process.returncode != 0:
            raise _Unreadable("git found no such revision, or no repository, there")
        return output.decode("utf-8", "replace")

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self.root.parent),
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_PAGER": "cat",
            "GIT_ASKPASS": "true",
            "GIT_SSH_COMMAND": "false",
        }


def _read_bounded(process: "subprocess.Popen[bytes]", limits: GitLimits) -> tuple[bytes, bool]:
    """Return at most so much output, and whether that was all; a slow or long-winded git is killed."""
    assert process.stdout is not None
    deadline = time.monotonic() + limits.timeout_s
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(output) < limits.max_output_bytes:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                process.kill()
                raise _Unreadable("git took too long")
            piece = os.read(process.stdout.fileno(), 65_536)
            if not piece:
                process.wait()
                return bytes(output), True
            output += piece
    process.kill()
    return bytes(output[: limits.max_output_bytes]), False
