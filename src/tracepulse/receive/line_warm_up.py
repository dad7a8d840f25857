"""
Compile the loops that read log lines now, rather than at the first request.

    python -m tracepulse.receive.line_warm_up

Takes about a minute on a new installation and well under one second after that. Until it is done, Python
reads the lines, with the same result; compiling in a server would hold the interpreter lock.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from tracepulse.receive.line_batches import set_ready
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.log_writer import LogWriter
from tracepulse.receive.loki_push import read_push
from tracepulse.receive.loops import stamp
from tracepulse.receive.loops.compiled import CHECKED
from tracepulse.receive.splunk_events import read_events
from tracepulse.receive.syslog import SyslogReader

__all__ = ["compile_apart", "warm_up"]

_PUSH = b'{"streams":[{"stream":{"app":"a"},"values":[["1700000000000000000","a b"]]}]}'
_EVENT = b'{"event":"a b"}'
_MESSAGE = b"<13>1 2026-11-22T10:00:00Z host app 1 - - a b"


def warm_up() -> None:
    """Run every loop once, and have them used from now on; not those of another version."""
    if not CHECKED and stamp.compiled_stamp() != stamp.STAMP:
        return  # machine code from a source with the time and the size of this one
    set_ready()
    read_push(_PUSH, True, LineReaders(), 1)
    read_push(b"", False, LineReaders(), 1)
    read_events(_EVENT, {}, LineReaders(), 1)
    SyslogReader(1).add_all(LogWriter(), [_MESSAGE], "", 1)


async def compile_apart() -> None:
    """
    Compile in a process of its own, so that this one goes on answering; then use what it made.

    Cancelling ends that process too: a server that stops does not wait for the compiler.
    """
    if await asyncio.to_thread(stamp.compiled_stamp) != stamp.STAMP:
        _forget()
    if not _is_compiled():
        command = [sys.executable, "-m", "tracepulse.receive.line_warm_up"]
        nowhere = asyncio.subprocess.DEVNULL
        compiler = await asyncio.create_subprocess_exec(
            *command, stdin=nowhere, stdout=nowhere, stderr=nowhere
        )
        try:
            status = await compiler.wait()
        except asyncio.CancelledError:
            compiler.kill()
            await compiler.wait()
            raise
        if status or not _is_compiled():
            return  # without a place for compiled code, Python goes on reading the lines
    await asyncio.to_thread(warm_up)


def _is_compiled() -> bool:
    """Tell whether machine code is there that is newer than its sources."""
    newest = max(each.stat().st_mtime for each in stamp.SOURCES)
    return any(each.stat().st_mtime > newest for each in _kept("items.read_items*.nbc"))


def _kept(pattern: str) -> Iterator[Path]:
    return Path(stamp.compiled_stamp.stats.cache_path or ".").glob(pattern)


def _forget() -> None:
    """Remove the machine code of another version; what is made anew is used from the next start on."""
    for source in stamp.SOURCES:
        for each in _kept(f"{source.stem}.*.nb?"):
            each.unlink(missing_ok=True)


if __name__ == "__main__":
    warm_up()
