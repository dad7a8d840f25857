"""
A power cut: a file system of its own is shut down without writing anything more.

The kernel's EXT4_IOC_SHUTDOWN without a flush of its log drops whatever was not synced. It needs root
and a loop device; what a disk does with its own cache is not shown.
"""

import fcntl
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.faults.ledger import Ledger, read_folder
from tests.faults.server_process import start
from tests.faults.writers import Writer, writing
from tests.running_server import wait_until

_SHUTDOWN = 0x8004587D
_WITHOUT_FLUSH = 2
_IMAGE_BYTES = 1024**3

pytestmark = pytest.mark.slow


class Disk:
    """A small ext4 on a loop device."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "disk.img"
        self.mounted = folder / "mounted"
        self.mounted.mkdir()
        with self.image.open("wb") as file:
            file.truncate(_IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(self.image))

    def mount(self) -> None:
        """Make it readable; the file system replays its own log."""
        _run("mount", "-o", "loop", str(self.image), str(self.mounted))

    def unmount(self) -> None:
        """Let go of it."""
        for _ in range(50):
            if subprocess.run(["umount", str(self.mounted)], check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError("the file system is still in use")

    def cut(self) -> None:
        """Drop everything that was not synced."""
        descriptor = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("i", _WITHOUT_FLUSH))
        finally:
            os.close(descriptor)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, f"{' '.join(command)}: {done.stderr}"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return a file system that can be shut down, or skip with the reason."""
    if os.getuid() != 0:
        pytest.skip("a power cut needs root, to mount a file system of its own")
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("a power cut needs mkfs.ext4")
    made = Disk(tmp_path)
    try:
        made.mount()
    except AssertionError as error:
        pytest.skip(f"a power cut needs a loop device: {error}")
    yield made
    with suppress(AssertionError):
        made.unmount()


def _cut_under_load(
    disk: Disk, turn: int, seconds: float, plan: dict[str, Any] | None = None
) -> Ledger:
    """Let writers work on a server for a while, then cut the power under it."""
    writers = [
        Writer(signal, turn * 1_000_000 + n * 100_000)  # type: ignore[arg-type]
        for n, signal in enumerate(("traces", "logs", "metrics"))
    ]
    folder = disk.mounted / "data"
    with (
        start(folder, plan, log_folder=disk.image.parent) as server,
        writing(server, writers, readers=0),
    ):
        wait_until(
            lambda: min(each.statuses.get(200, 0) for each in writers),
            bool,
            "acknowledgements of each writer",
            300,
        )
        time.sleep(seconds)
        for each in writers:
            each.closing = True  # an answer on its way now was given before the cut
        disk.cut()
        server.kill()
    disk.unmount()
    disk.mount()
    ledger = Ledger()
    for each in writers:
        ledger.add(each.ledger)
    return ledger


def _settled(disk: Disk) -> Path:
    with start(disk.mounted / "data", log_folder=disk.image.parent) as server:
        server.wait_loaded()
        server.stop()
    return disk.mounted / "data"


def test_fifty_power_cuts(disk: Disk) -> None:
    """Whatever was acknowledged is there, once, and the server starts by itself each time."""
    total = int(os.environ.get("TRACEPULSE_CUTS", "50"))
    chance = random.Random(3)
    ledger = Ledger()
    began = time.monotonic()
    for cut in range(1, total + 1):
        ledger.add(_cut_under_load(disk, cut, chance.uniform(0.0, 3.0)))
        if cut % 10 == 0 or cut == total:
            held = read_folder(_settled(disk))
            assert [] == ledger.faults(held)
            if os.environ.get("TRACEPULSE_PROGRESS"):
                counts = {s: len(n) for s, n in sorted(ledger.acknowledged.items())}
                print(  # noqa: T201
                    f"{cut} power cuts, {time.monotonic() - began:.0f} s, acknowledged and there:"
                    f" {counts}; parts set aside by the engine: {len(held.detached)}",
                    file=sys.stderr,
                    flush=True,
                )
    assert {"traces", "logs", "metrics"} <= set(ledger.acknowledged)


def test_without_syncing_a_power_cut_loses_what_was_acknowledged(disk: Disk) -> None:
    """Positive control: the same cuts on a journal whose fsync does nothing."""
    _settled(disk)  # made with syncing, so that it starts
    subprocess.run(["sync", "-f", str(disk.mounted)], check=True)
    ledger = Ledger()
    for cut in range(1, 4):
        ledger.add(_cut_under_load(disk, cut, 0.5, {"unsynced": True}))
    told = " ".join(ledger.faults(read_folder(_settled(disk))))
    assert " lost" in told
    if os.environ.get("TRACEPULSE_PROGRESS"):
        print("without syncing:", told, file=sys.stderr, flush=True)  # noqa: T201
