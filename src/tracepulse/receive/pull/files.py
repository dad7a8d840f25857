"""
Log files, followed as they grow.

A file's place is remembered only once its lines are durable, so a crash reads some lines again at
most; a file that was rotated away is read to its end before the new one is begun.
"""

import glob
import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.clock import Clock
from tracepulse.errors import Overloaded
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.log_lines import MAX_LINE_BYTES, LogReader, LogSource
from tracepulse.receive.pull.interface import DurableAppend

__all__ = ["FollowedFiles"]

_log = logging.getLogger("tracepulse")
_LOOK_S = 0.25
_FIND_S = 2.0
_FLUSH_S = 0.5
_QUIET_S = 0.5
"""A last line waits this long for lines that continue it."""
_READ_BYTES = 1024 * 1024
_RETRY_S = 1.0
_REMEMBERED_LINES = 100_000
"""More lines than one folded record can have."""


@dataclass(slots=True)
class _Followed:
    """One open file."""

    path: str
    file: BinaryIO
    inode: int
    reader: LogReader
    read_to: int
    """End of the last whole line that was read."""
    rest: bytes = b""
    """Beginning of a line whose end is not there yet."""
    rest_bytes: int = 0
    """Length of that beginning in the file; `rest` is cut when it is very long."""
    line_bytes: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_LINES))
    """Lengths of the last lines, line ends included."""
    last_read_s: float = field(default_factory=time.monotonic)
    last_stored_s: float = field(default_factory=time.monotonic)
    open_ended: bool = False
    """True while the reader may hold a record that a next line could continue."""

    @property
    def durable_to(self) -> int:
        """Where to go on after a crash: the start of the record that is still open."""
        held = min(self.reader.held_lines, len(self.line_bytes))
        return self.read_to - sum(list(self.line_bytes)[len(self.line_bytes) - held :])


def _whole_lines(followed: _Followed, data: bytes) -> list[bytes]:
    """Return the lines that end in `data`, and keep the beginning of the next."""
    pieces = data.split(b"\n")
    sizes = [len(piece) + 1 for piece in pieces]
    sizes[0] += followed.rest_bytes
    pieces[0] = followed.rest + pieces[0]
    followed.rest = pieces.pop()[: MAX_LINE_BYTES + 1]
    followed.rest_bytes = sizes.pop() - 1
    followed.line_bytes.extend(sizes)
    followed.read_to += sum(sizes)
    return pieces


class FollowedFiles:
    """Follows the files that match some patterns; a file's stem is its service."""

    def __init__(
        self, patterns: tuple[str, ...], places: Path, journal: DurableAppend, clock: Clock
    ) -> None:
        """
        Prepare; nothing is read before `start`.

        Args:
            patterns: as for a shell, `**` included.
            places: file in which the places are remembered.
        """
        self._patterns = patterns
        self._places_file = places
        self._journal = journal
        self._clock = clock
        self._followed: dict[str, _Followed] = {}
        self._places = self._read_places()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read what is there, and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        find_at = 0.0
        while True:
            stopping = self._stop.is_set()
            if time.monotonic() >= find_at or stopping:
                self._find()
                find_at = time.monotonic() + _FIND_S
            for followed in list(self._followed.values()):
                self._advance(followed, stopping)
            if stopping:
                break
            self._stop.wait(_LOOK_S)
        for followed in self._followed.values():
            followed.file.close()

    # -- finding -------------------------------------------------------------------------------

    def _find(self) -> None:
        found = {p for pattern in self._patterns for p in glob.glob(pattern, recursive=True)}
        for path in sorted(found):
            if path in self._followed or not os.path.isfile(path):
                continue
            try:
                self._open(path)
            except OSError as error:
                _log.warning("log file %s cannot be read: %s", path, error.strerror)

    def _open(self, path: str) -> None:
        file = open(path, "rb")  # noqa: SIM115 - open for as long as it is followed
        inode = os.fstat(file.fileno()).st_ino
        place = self._places.get(path, {})
        size = os.fstat(file.fileno()).st_size
        offset = place.get("offset", 0) if place.get("inode") == inode else 0
        if offset > size:
            offset = 0  # it was cut off and begun anew
        file.seek(offset)
        source = LogSource(
            reference_unix_ns=self._clock.now_unix_ns(),
            service=Path(path).name.split(".")[0],
            resource=(("log.file.path", path),),
        )
        self._followed[path] = _Followed(path, file, inode, LogReader(source), offset)

    # -- reading -------------------------------------------------------------------------------

    def _advance(self, followed: _Followed, stopping: bool) -> None:
        while data := followed.file.read(_READ_BYTES):
            followed.last_read_s = time.monotonic()
            followed.open_ended = True
            self._store(followed, followed.reader.read(_whole_lines(followed, data)))
        now = time.monotonic()
        quiet = now - followed.last_read_s >= _QUIET_S
        if followed.open_ended and (quiet or stopping):
            followed.open_ended = False
            self._store(followed, followed.reader.finish())
            self._remember(followed)
        elif followed.open_ended and now - followed.last_stored_s >= _FLUSH_S:
            followed.last_stored_s = now
            self._store(followed, followed.reader.flush())
            self._remember(followed)
        if quiet and self._was_replaced(followed):
            followed.file.close()
            del self._followed[followed.path]

    def _store(self, followed: _Followed, requests: Iterator[ExportLogsServiceRequest]) -> None:
        for request in requests:
            admitted = admit(request.SerializeToString(), "logs", SERVER_LIMITS)
            if not admitted.records:
                continue
            receipt = Receipt(self._clock.now_unix_ns(), "files", "loopback")
            while True:
                try:
                    self._journal.append("logs", admitted.body, receipt, admitted.records).result()
                    break
                except Overloaded as error:
                    if self._stop.is_set():
                        return
                    _log.warning("log file %s waits: %s", followed.path, error)
                    self._stop.wait(_RETRY_S)

    def _was_replaced(self, followed: _Followed) -> bool:
        try:
            status = os.stat(followed.path)
        except OSError:
            return True
        return status.st_ino != followed.inode or status.st_size < followed.read_to

    # -- places --------------------------------------------------------------------------------

    def _read_places(self) -> dict[str, dict[str, int]]:
        try:
            places = json.loads(self._places_file.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            _log.warning("%s cannot be read (%s): files are read anew", self._places_file, error)
            return {}
        return places if isinstance(places, dict) else {}

    def _remember(self, followed: _Followed) -> None:
        self._places[followed.path] = {"inode": followed.inode, "offset": followed.durable_to}
        temporary = self._places_file.with_suffix(".new")
        temporary.write_text(json.dumps(self._places, sort_keys=True))
        os.replace(temporary, self._places_file)
