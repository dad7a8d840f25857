"""
The file in which the accounts survive: one line for each thing that happened, durable at once.

A line is a checksum and JSON. The first holds the whole state; it is written anew, in place of all
lines, when the file has grown. A last line that was cut off had not happened.
"""

import json
import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Ledger"]

_log = logging.getLogger("tracepulse")
_REWRITE_BYTES = 1024 * 1024
_REWRITE_FACTOR = 4


class Ledger:
    """Appends lines durably; one writer."""

    def __init__(self, path: Path) -> None:
        """Prepare; `read` comes first."""
        self._path = path
        self._descriptor = -1
        self._size = 0
        self._rewritten_size = 0

    def read(self) -> tuple[list[dict[str, Any]], int]:
        """Return the lines that are whole, and how many are not, a last one that was cut off aside."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return [], 0
        lines, _, _cut = data.rpartition(b"\n")
        events = []
        damaged = 0
        for line in lines.split(b"\n") if lines else ():
            event = _parsed(line)
            if event is None:
                damaged += 1
            else:
                events.append(event)
        return events, damaged

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one line durably; raises OSError, and then it has not happened."""
        line = _line(event)
        try:
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(28, "No space left on device")
            os.fdatasync(self._descriptor)
        except OSError:
            # Half a line would spoil the next.
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(line)

    @property
    def is_long(self) -> bool:
        """Whether it is time to write it anew."""
        return self._size > _REWRITE_BYTES + _REWRITE_FACTOR * self._rewritten_size

    def rewrite(self, state: Mapping[str, Any]) -> None:
        """Replace all lines by one; raises OSError, and then the old ones stay."""
        temporary = self._path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600)
        try:
            line = _line(state)
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
            os.replace(temporary, self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            os.close(descriptor)
            raise
        self.close()
        self._descriptor = descriptor
        self._size = self._rewritten_size = len(line)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _line(event: Mapping[str, Any]) -> bytes:
    text = json.dumps(event, separators=(",", ":"), sort_keys=True).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parsed(line: bytes) -> dict[str, Any] | None:
    checksum, _, text = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(text):
            return None
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
