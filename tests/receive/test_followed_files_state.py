"""A connector of files says what it cannot follow."""

import gzip
from pathlib import Path

from tests.receive.pulled_hand import PulledJournal, StandingClock

from tracepulse.receive.pull.configured import Connector
from tracepulse.receive.pull.connectors import Connectors
from tracepulse.receive.pull.files import FollowedFiles


class _Files:
    """A follower of a folder, whose time is moved by hand."""

    def __init__(self, folder: Path, *patterns: str) -> None:
        self.now_s = 0.0
        self.files = FollowedFiles(
            tuple(str(folder / pattern) for pattern in patterns),
            folder / "places.json",
            PulledJournal(),
            StandingClock(),
            monotonic_s=lambda: self.now_s,
        )

    def told(self, rounds: int = 3) -> tuple[bool, str]:
        """Look, and tell how it is."""
        for _ in range(rounds):
            self.now_s += 3.0
            self.files.look()
        return self.files.state.ok, self.files.state.detail()


def test_what_is_missing_or_cannot_be_read_is_told(tmp_path: Path) -> None:
    """With its path and why, for as long as it is so."""
    (tmp_path / "shop.log").write_text("2026-11-22 10:00:00 INFO open\n")
    spoilt = tmp_path / "shop.log.1.gz"
    spoilt.write_bytes(gzip.compress(b"line\n" * 100)[:-9])
    follower = _Files(tmp_path, "shop.log*", "till/*.log")
    assert (False, "has not looked yet") == (not follower.told(0)[0], follower.told(0)[1])
    ok, detail = follower.told()
    assert not ok
    assert f"cannot be read: {spoilt} (it cannot be unpacked" in detail
    assert f"no file matches {tmp_path}/till/*.log; files followed: 1" in detail

    spoilt.unlink()
    (tmp_path / "till").mkdir()
    (tmp_path / "till" / "a.log").write_text("2026-11-22 10:00:00 INFO open\n")
    assert (True, "files followed: 2") == follower.told()

    (tmp_path / "till" / "a.log").unlink()
    ok, detail = follower.told(40)
    assert (False, True) == (
        ok,
        detail.endswith("files followed: 1; removed, or called by another name: 1"),
    )


def test_a_connector_of_files_reports_its_faults(tmp_path: Path) -> None:
    """It is not well while nothing matches its paths, and counts what it took once something does."""
    path = tmp_path / "shop.log"
    connector = Connector("shop", "files", paths=(str(path),))
    connectors = Connectors((connector,), tmp_path, PulledJournal(), StandingClock(), 30)
    running = connectors._running["shop"].files
    assert running is not None
    running.look()
    (before,) = connectors.reports()
    path.write_text("2026-11-22 10:00:00 INFO open\n")
    running.stop()
    running.look()
    (after,) = connectors.reports()
    running.close()
    assert (False, f"no file matches {path}; files followed: 0", 0) == (
        before.ok, before.detail, before.records,
    )  # fmt: skip
    assert (True, "files followed: 1", 1) == (after.ok, after.detail, after.records)
