"""What a process and all its descendants cost, as Linux counts it in /proc."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Drained", "PeakMemory", "cpu_seconds", "drain", "resident_bytes", "settle"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _family(pid: int) -> list[int]:
    """Return the process and its living descendants."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue  # the thread ended meanwhile
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time of the family so far, with that of children already ended."""
    ticks = 0
    for each in _family(pid):
        try:
            # The name, in brackets, may hold spaces; utime is the 14th field.
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(value) for value in fields[11:15])
    return ticks / _TICKS_PER_S


def resident_bytes(pid: int) -> int:
    """Return the memory in use by the family; pages that they share count for each."""
    total = 0
    for each in _family(pid):
        try:
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * _PAGE_BYTES


@dataclass(frozen=True, slots=True)
class Drained:
    """What a family had cost when its work in the background was done."""

    cpu_s: float
    """Since it began, up to the start of the quiet that showed it: waiting costs nothing."""
    in_time: bool
    """False: it was busy all the time that there was, so some of the cost is missing."""


def drain(pid: int, *, idle_ratio: float, within_s: float) -> Drained:
    """
    Wait until the family has cost hardly more than when it had nothing to do, for two seconds.

    Work in the background, such as merges, is done then. `idle_ratio` is the share of a core that
    the family uses when idle.
    """
    busy_ratio = idle_ratio + 0.05
    deadline = time.monotonic() + within_s
    quiet, quiet_from = 0, cpu_seconds(pid)
    while time.monotonic() < deadline:
        before = cpu_seconds(pid)
        time.sleep(0.5)
        if cpu_seconds(pid) - before >= busy_ratio * 0.5:
            quiet = 0
            continue
        quiet_from = before if quiet == 0 else quiet_from
        quiet += 1
        if quiet == 4:
            return Drained(quiet_from, in_time=True)
    return Drained(cpu_seconds(pid), in_time=False)


def settle(pid: int, *, idle_ratio: float, within_s: float) -> bool:
    """Wait as `drain` does; False where it was busy all the time that there was."""
    return drain(pid, idle_ratio=idle_ratio, within_s=within_s).in_time


class PeakMemory:
    """Watches the family's memory while a `with` block runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0
        """The most that was seen."""

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.bytes = max(self.bytes, resident_bytes(self._pid))

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
