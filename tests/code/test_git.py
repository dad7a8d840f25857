"""Commits between two revisions, read from repositories that may be hostile."""

import os
import subprocess
from pathlib import Path

import pytest

from tracepulse.code.git import GitLimits, read_change
from tracepulse.code.implicated import Implicated
from tracepulse.model.change import Change

TEMPLATE = "SESSION_DROP session <*> expired after <*> s"
IMPLICATED = Implicated((TEMPLATE,), ("expired", "session", "session_drop"))
STORE = 'TTL_S = 1800\n\n\ndef get(session):\n    log.warning("SESSION_DROP session %s expired after %d s", session.id, session.age)\n'


def git(folder: Path, *arguments: str) -> str:
    """Run git as the repository's owner would."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": "2026-11-20T10:00:00Z", "GIT_COMMITTER_DATE": "2026-11-20T10:00:00Z",
    }  # fmt: skip
    command = ["git", "-c", "user.name=Jo", "-c", "user.email=jo@example.org", "-C", str(folder)]
    done = subprocess.run(
        [*command, *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, message: str, files: dict[str, str]) -> str:
    """Write files, commit them and return the revision."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, list[str]]:
    """Five commits; the third changes the time-out in the file that logs the template."""
    folder = tmp_path / "roots/shop"
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    return folder, [
        commit(folder, "start", {"session/store.py": STORE, "README.md": "# Shop\n"}),
        commit(folder, "docs: how sessions expire", {"README.md": "# Shop\n\nA session is expired after 30 min.\n"}),
        commit(folder, "tune", {"session/store.py": STORE.replace("1800", "40")}),
        commit(folder, "cart: rename", {"cart/app.py": "total = 0\n"}),
        commit(folder, "later", {"cart/app.py": "total = 1\n"}),
    ]  # fmt: skip


def change(folder: Path, new: str, old: str | None) -> Change:
    """Return a deploy."""
    return Change("c1", "deploy", "session", 0, None, None, new, old, str(folder))


def test_commit_that_touches_the_template_is_first(repository: tuple[Path, list[str]]) -> None:
    """Of the three commits between the versions the one in the logging file leads, with its line."""
    folder, made = repository
    reading = read_change(change(folder, made[3], made[0]), [folder.parent], IMPLICATED)
    assert reading.skipped == ""
    assert {c.revision for c in reading.commits} == set(made[1:4])
    first = reading.commits[0]
    assert (first.revision, first.subject, first.files) == (made[2], "tune", ("session/store.py",))
    hunk = first.hunks[0]
    assert (hunk.template, hunk.template_line) == (TEMPLATE, 5)
    assert [line for line in hunk.lines if line[0] != " "] == ["-TTL_S = 1800", "+TTL_S = 40"]
    assert first.hunks[0].score > 2 * reading.commits[1].hunks[0].score


def test_roll_back_shows_what_was_taken_away(repository: tuple[Path, list[str]]) -> None:
    """From a newer to an older revision the commits between are the same."""
    folder, made = repository
    reading = read_change(change(folder, made[0], made[3]), [folder.parent], IMPLICATED)
    assert {c.revision for c in reading.commits} == set(made[1:4])


def test_without_a_previous_revision_one_commit_is_read(repository: tuple[Path, list[str]]) -> None:
    """What was deployed before is not guessed."""
    folder, made = repository
    reading = read_change(change(folder, made[2], None), [folder.parent], IMPLICATED)
    assert [c.revision for c in reading.commits] == [made[2]]


def test_repositories_outside_the_roots_are_not_opened(
    repository: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """Neither by path, nor by `..`, nor by a symbolic link, nor by a `.git` file."""
    folder, made = repository
    other = tmp_path / "allowed"
    other.mkdir()
    (other / "link").symlink_to(folder)
    (other / "file").mkdir()
    (other / "file/.git").write_text(f"gitdir: {folder / '.git'}\n")
    for place in (str(folder), f"{other}/../roots/shop", f"{other}/link", f"{other}/file"):
        asked = Change("c1", "deploy", "session", 0, None, None, made[2], made[0], place)
        reading = read_change(asked, [other], IMPLICATED)
        assert reading.commits == ()
        assert "outside the folders" in reading.skipped


def test_folder_inside_another_repository_is_not_taken_for_it(tmp_path: Path) -> None:
    """git must not climb out of the root to a repository around it."""
    git(tmp_path, "init", "-q", "-b", "main")
    revision = commit(tmp_path, "start", {"roots/shop/a.txt": "a\n"})
    reading = read_change(change(tmp_path / "roots/shop", revision, None), [tmp_path / "roots"], IMPLICATED)  # fmt: skip
    assert "no repository" in reading.skipped


@pytest.mark.parametrize(
    "revision", ["--output=/tmp/x", "HEAD..HEAD", "a b", "", "$(id)", "x" * 300, "HEAD@{now}"]
)
def test_revisions_that_are_not_revisions_are_refused(
    repository: tuple[Path, list[str]], revision: str
) -> None:
    """Nothing that could be read as an option or a range reaches git."""
    folder, _ = repository
    reading = read_change(change(folder, revision, None), [folder.parent], IMPLICATED)
    assert reading.commits == ()
    assert reading.skipped != ""


def test_nothing_of_the_repository_is_run(repository: tuple[Path, list[str]]) -> None:
    """Settings, attributes and hooks that name programs are not followed."""
    folder, _ = repository
    mark = folder.parent / "was-run"
    program = folder.parent / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    new = commit(folder, "evil", {".gitattributes": "*.py diff=evil filter=evil\n", "session/store.py": "x = 1\n"})  # fmt: skip
    for key in ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.command",
                "diff.evil.textconv", "filter.evil.smudge", "core.sshCommand", "core.editor",
                "gpg.program", "core.hooksPath"):  # fmt: skip
        git(folder, "config", key, str(program))
    git(folder, "config", "log.showSignature", "true")
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        (folder / ".git/hooks" / hook).write_text(program.read_text())
        (folder / ".git/hooks" / hook).chmod(0o755)
    reading = read_change(change(folder, new, None), [folder.parent], IMPLICATED)
    assert reading.skipped == ""
    assert "session/store.py" in reading.commits[0].files
    assert not mark.exists()


def test_a_reading_leaves_the_repository_untouched(repository: tuple[Path, list[str]]) -> None:
    """No file is written, not even git's own."""
    folder, made = repository

    def state() -> dict[str, int]:
        return {str(p): p.stat().st_mtime_ns for p in sorted(folder.rglob("*"))}

    before = state()
    read_change(change(folder, made[4], made[0]), [folder.parent], IMPLICATED)
    assert state() == before


def test_bounds_are_kept_and_told(repository: tuple[Path, list[str]]) -> None:
    """Commits past the limit are counted; a huge file is not searched; a slow git is given up."""
    folder, made = repository
    two = GitLimits(max_commits=2)
    reading = read_change(change(folder, made[4], made[0]), [folder.parent], IMPLICATED, two)
    assert (len(reading.commits), reading.commits_left_out) == (2, 2)
    big = commit(folder, "big", {"session/big.py": "x = 1\n" * 400_000})
    reading = read_change(change(folder, big, None), [folder.parent], IMPLICATED)
    assert len(reading.commits[0].hunks[0].lines) <= 40
    hurried = GitLimits(timeout_s=0.0)
    reading = read_change(change(folder, big, None), [folder.parent], IMPLICATED, hurried)
    assert reading.skipped == "git took too long"


def test_odd_names_and_bytes_are_read(repository: tuple[Path, list[str]]) -> None:
    """Names with blanks, umlauts and line breaks, files that are no text."""
    folder, _ = repository
    (folder / "a\nb ü.py").write_bytes(b"x = '\xff\xfe'\n")
    (folder / "binary").write_bytes(bytes(range(256)))
    new = commit(folder, "odd", {})
    reading = read_change(change(folder, new, None), [folder.parent], IMPLICATED)
    assert reading.commits[0].files == ("a\nb ü.py", "binary")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (None, "names no repository"),
        ("https://example.org/shop.git", "not a local folder"),
        ("git@example.org:shop.git", "not a local folder"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, place: str | None, words: str) -> None:
    """A missing or remote source is a reason, not an error."""
    asked = Change("c1", "deploy", "session", 0, None, None, "abc", None, place)
    assert words in read_change(asked, [tmp_path], IMPLICATED).skipped


def test_template_with_a_header_is_found_in_the_source(
    repository: tuple[Path, list[str]],
) -> None:
    """Lines of plain log files keep the logger's name and the request before the literal."""
    folder, made = repository
    header = "session [<*>] SESSION_DROP session <*> expired after <*> s"
    implicated = Implicated((header,), ("expired",))
    reading = read_change(change(folder, made[2], made[0]), [folder.parent], implicated)
    hunk = reading.commits[0].hunks[0]
    assert (hunk.path, hunk.template_line) == ("session/store.py", 5)
