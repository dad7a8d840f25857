"""
`tracepulse serve` with a stop-watch on its stages, for `benchmarks/stages.py`.

    TRACEPULSE_STAGES=FILE python -m benchmarks.stage_server serve …

Python threads get their names as the system's names, so that /proc tells them apart. Calls of the
functions below are counted in FILE, with the processor time of the calling thread and the time on
the clock; a function that no longer exists is left out.
"""

import ctypes
import functools
import importlib
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

__all__ = ["STAGES", "read_stages"]

STAGES: tuple[tuple[str, str], ...] = (
    ("receive: unpack, scan, clean", "tracepulse.receive.app:_open"),
    ("receive: unpack", "tracepulse.receive.compression:decompress"),
    ("receive: scan, clean", "tracepulse.receive.admission:admit"),
    ("journal: hand over", "tracepulse.journal.journal:Journal.append"),
    ("journal: write, fsync", "tracepulse.journal.journal:Journal._write_signal"),
    ("journal: seal", "tracepulse.journal.journal:Journal._seal"),
    ("load: a segment", "tracepulse.store.load.loader:Loader.load"),
    ("load: read", "tracepulse.store.load.inserts:read_segment"),
    ("load: decode", "tracepulse.store.load.decoded:decode"),
    ("load: what is new", "tracepulse.store.load.loader:Loader._decide"),
    ("load: engine insert", "tracepulse.store.chdb:ChdbEngine.insert"),
    ("load: count", "tracepulse.store.load.loader:Loader._count"),
    ("journal: stored", "tracepulse.journal.journal:Journal.stored"),
    ("engine: execute", "tracepulse.store.chdb:ChdbEngine.execute"),
    ("engine: query", "tracepulse.store.chdb:ChdbEngine.query"),
    ("journal: verify", "tracepulse.journal.journal:Journal._verify"),
    ("store: damage check", "tracepulse.store.damage:StoreCheck.look"),
    ("watch: a look", "tracepulse.watch:Watch.look"),
    ("watch: read bins", "tracepulse.watch:Watch._signals"),
    ("watch: find triggers", "tracepulse.derive.triggers:find_triggers"),
    ("state: keys", "tracepulse.store.state.records:StateStore.keys"),
)
"""What is shown, and the function behind it; a stage contains those below it that it calls."""

_SLOT = struct.Struct("ddd")
_PR_SET_NAME = 15


def read_stages(path: Path) -> dict[str, tuple[float, float, float]]:
    """Return calls, seconds of the calling thread and seconds on the clock, by stage."""
    data = path.read_bytes()
    return {
        name: _SLOT.unpack_from(data, number * _SLOT.size)
        for number, (name, _) in enumerate(STAGES)
    }


def _watched(call: Callable[..., Any], slot: int, memory: mmap.mmap) -> Callable[..., Any]:
    lock = threading.Lock()

    @functools.wraps(call)
    def timed(*arguments: Any, **named: Any) -> Any:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return call(*arguments, **named)
        finally:
            cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
            with lock:
                calls, all_cpu, all_wall = _SLOT.unpack_from(memory, slot)
                _SLOT.pack_into(memory, slot, calls + 1, all_cpu + cpu, all_wall + wall)

    return timed


def _watch_stages(path: Path) -> None:
    size = len(STAGES) * _SLOT.size
    path.write_bytes(bytes(size))
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), size)
    for number, (_, place) in enumerate(STAGES):
        module_name, _, qualified = place.partition(":")
        *owners, name = qualified.split(".")
        try:
            owner: Any = importlib.import_module(module_name)
            for each in owners:
                owner = getattr(owner, each)
            call = getattr(owner, name)
        except (ImportError, AttributeError):
            continue
        if not isinstance(call, FunctionType):
            continue
        watched = _watched(call, number * _SLOT.size, memory)
        setattr(owner, name, watched)
        _replace_imported(call, watched)


def _replace_imported(call: Any, watched: Any) -> None:
    """Where a module took the function over by `from … import`, put the watched one."""
    import sys

    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("tracepulse"):
            for name, value in list(vars(module).items()):
                if value is call:
                    setattr(module, name, watched)


def _name_threads() -> None:
    libc = ctypes.CDLL(None)
    run = threading.Thread.run

    def named_run(thread: threading.Thread) -> None:
        libc.prctl(_PR_SET_NAME, f"py:{thread.name}"[:15].encode())
        run(thread)

    threading.Thread.run = named_run  # type: ignore[method-assign,assignment]
    libc.prctl(_PR_SET_NAME, b"py:event-loop")


def main() -> None:
    """Name threads, watch stages, and serve."""
    _name_threads()
    from tracepulse import cli

    importlib.import_module("tracepulse.server")
    _watch_stages(Path(os.environ["TRACEPULSE_STAGES"]))
    cli.main()


if __name__ == "__main__":
    main()
