"""Full disks, failing disks, clocks that jump, bursts, and everything at once."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.faults.ledger import Ledger, read_folder
from tests.faults.server_process import Server, start
from tests.faults.writers import Writer, writing
from tests.running_server import wait_until as wait_until_within

pytestmark = pytest.mark.slow

_S = 1_000_000_000
wait_until = partial(wait_until_within, within_s=300.0)
_HOUR_NS, _DAY_NS = 3600 * _S, 86_400 * _S


def _faults(folder: Path, writers: list[Writer], since: str = "") -> list[str]:
    ledger = Ledger()
    for each in writers:
        assert [] == each.unexplained
        ledger.add(each.ledger)
    assert ledger.acknowledged, "the test shows nothing"
    return ledger.faults(read_folder(folder), since)


def _say(text: str) -> None:
    if os.environ.get("TRACEPULSE_PROGRESS"):
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def _statuses(writers: list[Writer]) -> dict[int, int]:
    summed: dict[int, int] = {}
    for each in writers:
        for status, times in each.statuses.items():
            summed[status] = summed.get(status, 0) + times
    return summed


# -- the disk --------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder of 48 MB, or skip with the reason."""
    if os.getuid() != 0:
        pytest.skip("a full disk needs root, to mount a small file system")
    mounted = tmp_path / "small"
    mounted.mkdir()
    _mount("-t", "tmpfs", "-o", "size=48m", "tmpfs", str(mounted))
    yield mounted
    with suppress(subprocess.CalledProcessError):
        subprocess.run(["umount", str(mounted)], check=True)


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mount: {done.stderr}")


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """Refused before the last byte, with a time to come back; reads go on; room alone heals it."""
    folder = small_disk / "data"
    writer = Writer("traces", 0, batch=50, pad_bytes=3000)
    with start(folder, log_folder=tmp_path) as server:
        with writing(server, [writer]) as wrong:
            wait_until(lambda: writer.statuses.get(503, 0), bool, "refusals")
            time.sleep(2)
            accepted = writer.statuses[200]
            # Dropping what is stored makes room for a moment, now and then.
            wait_until(
                lambda: httpx.get(f"{server.api}/healthz", timeout=60),
                lambda full: full.status_code == 503 and "are free on the disk" in full.text,
                "health that tells of the full disk",
            )
            assert os.statvfs(small_disk).f_bavail > 0, "the last byte was used"
            assert 200 == httpx.get(f"{server.api}/api/overview", timeout=60).status_code
            _mount("-o", "remount,size=400m", str(small_disk))
            wait_until(lambda: writer.statuses[200] > accepted + 5, bool, "it heals")
        assert [] == wrong
        server.wait_loaded()
        server.stop()
    assert [] == _faults(folder, [writer])
    _say(f"full disk: {writer.statuses}")


def test_a_disk_that_fails_to_sync(tmp_path: Path) -> None:
    """Nothing is acknowledged while fsync fails; what was before is kept; later it goes on."""
    folder, failing = tmp_path / "data", tmp_path / "failing"
    writers = [Writer("traces", 0), Writer("logs", 0)]
    with start(folder, {"sync": str(failing)}) as server:
        with writing(server, writers) as wrong:
            wait_until(lambda: writers[0].statuses.get(200, 0) > 5, bool, "a beginning")
            failing.touch()
            wait_until(lambda: writers[0].statuses.get(503, 0), bool, "refusals")
            held = _statuses(writers).get(200, 0)
            time.sleep(2)
            assert held + 1 >= _statuses(writers)[200], "acknowledged without an fsync"
            failing.unlink()
            wait_until(lambda: _statuses(writers)[200] > held + 10, bool, "it goes on")
        assert [] == wrong
        server.wait_loaded()
        server.stop()
    assert [] == _faults(folder, writers)
    _say(f"failing fsync: {_statuses(writers)}")


# -- time ------------------------------------------------------------------------------------------


def test_a_clock_that_jumps(tmp_path: Path) -> None:
    """Hours, days, half a minute back, 1970 and 2261: nothing crashes, nothing is lost."""
    folder, clock = tmp_path / "data", tmp_path / "clock"
    now = time.time_ns()
    to_1970, to_2261 = 100 * _S - now, 9_183_000_000 * _S - now
    clock.write_text("0")
    writers = [Writer("traces", 0), Writer("logs", 0)]
    with start(folder, {"clock": str(clock), "retain_s": 0.5}) as server:
        with writing(server, writers) as wrong:
            for offset in (
                0,
                _HOUR_NS,
                -_HOUR_NS,
                _DAY_NS,
                -_DAY_NS,
                -30 * _S,
                to_1970,
                to_2261,
                0,
            ):
                clock.write_text(str(offset))
                enough = _statuses(writers).get(200, 0) + 10
                wait_until(lambda: _statuses(writers).get(200, 0), enough.__lt__, "it goes on")
        assert [] == wrong
        server.wait_loaded()
        assert 200 == httpx.get(f"{server.api}/api/overview", timeout=60).status_code
        server.stop()
    text = server.log_path.read_text()
    assert "the clock has jumped" in text
    assert "Traceback" not in text, text
    # Roll-ups of live telemetry keep two days of what the clock says is now.
    assert [] == _faults(folder, writers, since="9999")


# -- load ------------------------------------------------------------------------------------------


def _rss_mb(server: Server) -> int:
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def test_a_burst(tmp_path: Path) -> None:
    """Ten times the load from sixteen clients: bounded memory, every acknowledgement queryable."""
    folder = tmp_path / "data"
    steady = [Writer("traces", 0, batch=20), Writer("logs", 0, batch=20)]
    burst = [Writer("traces" if n % 2 else "logs", n * 10_000_000, batch=100) for n in range(1, 17)]
    with start(folder) as server:
        with writing(server, steady) as wrong:
            time.sleep(5)
            with writing(server, burst, readers=1) as more_wrong:
                time.sleep(15)
            time.sleep(5)
        assert [] == [*wrong, *more_wrong]
        began = time.monotonic()
        server.wait_loaded()
        drained_s = time.monotonic() - began
        memory_mb = _rss_mb(server)
        server.stop()
    assert set(_statuses([*steady, *burst])) <= {200, 429, 503}
    assert memory_mb <= 2000
    assert [] == _faults(folder, [*steady, *burst])
    _say(
        f"burst: {_statuses([*steady, *burst])}, at most {memory_mb} MB resident,"
        f" loaded {drained_s:.1f} s after its end"
    )


def test_writers_readers_and_retention_at_once(tmp_path: Path) -> None:
    """Four writers and two readers while old days are dropped again and again."""
    folder, clock = tmp_path / "data", tmp_path / "clock"
    clock.write_text(str(-40 * _DAY_NS))
    old = Writer("traces", 90_000_000)
    with start(folder, {"clock": str(clock)}) as server:
        with writing(server, [old]):
            wait_until(lambda: old.statuses.get(200, 0) > 20, bool, "an old day")
        server.wait_loaded()
        server.stop()
    clock.write_text("0")
    writers = [Writer(("traces", "logs")[n % 2], n * 10_000_000) for n in range(4)]
    with start(folder, {"clock": str(clock), "retain_s": 0.2}) as server:
        with writing(server, writers, readers=2) as wrong:
            time.sleep(20)
        assert [] == wrong
        server.wait_loaded()
        server.stop()
    assert "past retention, dropped: otel_traces" in server.log_path.read_text()
    kept_for_ever = Ledger()  # what lies in data sets is not dropped
    kept_for_ever.add(old.ledger)
    kept_for_ever.acknowledged.clear()
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    extra = Writer("traces", 0, ledger=kept_for_ever)
    assert [] == _faults(folder, [*writers, extra], since=today)


# -- order and repetition --------------------------------------------------------------------------


def test_repeated_requests_count_once(tmp_path: Path) -> None:
    """A sender that missed the answer sends the same spans again: one copy in every table."""
    folder = tmp_path / "data"
    writer = Writer("traces", 0, resend=True)
    with start(folder) as server:
        with writing(server, [writer]) as wrong:
            wait_until(lambda: writer.statuses.get(200, 0) > 60, bool, "some requests")
        assert [] == wrong
        server.wait_loaded()
        server.stop()
    assert [] == _faults(folder, [writer])
