"""One log file that is followed: its lines as they come, wherever it is moved meanwhile."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.receive.log_lines import MAX_LINE_BYTES, LogReader, LogSource
from tracepulse.receive.pull.packed_files import is_packed_name, read_before, unpacked_copy
from tracepulse.receive.pull.places import (
    FINGERPRINT_BYTES,
    Identity,
    Place,
    Places,
    copied_from,
    fingerprint,
    fingerprint_of,
    packed_mark,
)

__all__ = ["FollowedFile"]

_READ_BYTES = 1024 * 1024
_PIECE_LINES = 10_000
"""Read at once, so that a request has fewer records than it may have."""
_REMEMBERED_LINES = 100_000
"""More lines than one folded record can have."""


class FollowedFile:
    """An open file, its place, and the reader that makes records of its lines."""

    def __init__(self, path: str, places: Places, now_unix_ns: int, now_s: float) -> None:
        """
        Open a file where it was left, or at its beginning.

        Args:
            now_s: monotonic.
        Raises:
            OSError: it cannot be opened.
        """
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self._descriptor)
        self.identity: Identity = status.st_dev, status.st_ino
        self._folder = os.path.dirname(os.path.realpath(path))
        self.packed_seen: tuple[int, int] | None = None
        """Size and time of change of a packed file, which is read from a copy; None of others."""
        if is_packed_name(path):
            os.close(self._descriptor)
            self._descriptor = unpacked_copy(path)
            self.packed_seen = status.st_size, status.st_mtime_ns
        place = places.get(self.identity)
        if place is not None and not place.fits(self._descriptor):
            places.keep_former(place)
            place = None
        self.came_from: Place | None = None
        """Where the file was read to that it was packed or copied from."""
        if place is None and self.packed_seen is not None:
            place = self.came_from = read_before(self._descriptor, places.all())
        elif place is None:
            place = self.came_from = copied_from(self._descriptor, path, places.all())
        self.was_known = place is not None
        """False when it is another file than any that was read before, or was cut off."""
        if place is not None and (self.came_from is None or self.packed_seen is not None):
            self.path = path = place.path
        source = LogSource(
            reference_unix_ns=now_unix_ns,
            service=Path(path).name.split(".")[0],
            resource=(("log.file.path", path),),
        )
        self._reader = LogReader(source)
        self.last_read_s = now_s
        self.last_stored_s = now_s
        self.away_since_s: float | None = None
        """Since when its path leads to another file, or to none."""
        self.open_ended = False
        """True while the reader may hold a record that a next line could continue."""
        self.has_more = False
        """True when the last `read` ended before the file did."""
        self._seen = (-1, -1)
        self._read_to = 0
        """End of the last whole line that was read."""
        self._rest = b""
        """Beginning of a line whose end is not there yet; cut when it is very long."""
        self._rest_bytes = 0
        """Length of that beginning in the file."""
        self._head = b""
        """The first bytes."""
        self._tail = b""
        """The last bytes read: when others stand there, the file was cut and written anew."""
        self.cut_at: Place | None = None
        """Where it was read to when it was cut off; whoever takes note of it sets it back."""
        self._line_bytes: deque[int] = deque(maxlen=_REMEMBERED_LINES)
        """Lengths of the last lines, line ends included."""
        self._begin_at(place.offset if place is not None else 0)

    # -- reading -------------------------------------------------------------------------------

    def read(self, at_most_bytes: int, now_s: float) -> Iterator[list[ExportLogsServiceRequest]]:
        """
        Yield, piece by piece of the file, what its lines make full.

        Args:
            at_most_bytes: are read, roughly.
        """
        status = os.fstat(self._descriptor)
        seen = status.st_size, status.st_mtime_ns
        if seen == self._seen and not self.has_more:
            return
        self._seen = seen
        self.has_more = True
        taken = 0
        while taken < at_most_bytes:
            data = self._next_bytes()
            if data is None:
                self.cut_at = self._end_of_what_was_read()
                rest = list(self.finish(whole=True))
                self._begin_at(self._data_begin())
                yield rest
                data = self._next_bytes()
            if not data:
                self.has_more = False
                return
            taken += len(data)
            self.last_read_s = now_s
            self.open_ended = True
            lines, sizes = self._whole_lines(data)
            for first in range(0, len(lines), _PIECE_LINES):
                end = first + _PIECE_LINES
                self._line_bytes.extend(sizes[first:end])
                self._read_to += sum(sizes[first:end])
                yield list(self._reader.read(lines[first:end]))

    def flush(self) -> Iterator[ExportLogsServiceRequest]:
        """Yield what is complete."""
        yield from self._reader.flush()

    def finish(self, whole: bool = False) -> Iterator[ExportLogsServiceRequest]:
        """Yield the last record too; `whole` says that the last line will not be ended either."""
        self.open_ended = False
        if whole and self._rest:
            lines = [self._rest]
            self._line_bytes.append(self._rest_bytes)
            self._read_to += self._rest_bytes
            self._rest = b""
            self._rest_bytes = 0
            yield from self._reader.read(lines)
        yield from self._reader.finish()

    def place(self) -> Place:
        """Return where to go on after a crash: the start of the record that is still open."""
        held = min(self._reader.held_lines, len(self._line_bytes))
        held_bytes = sum(list(self._line_bytes)[len(self._line_bytes) - held :])
        offset = self._read_to - held_bytes
        mark = fingerprint(self._descriptor, offset)
        packed = ""
        if self.packed_seen is not None and not self.has_more and not self.open_ended:
            packed = packed_mark(self.packed_seen)
        return Place(self.path, self._folder, *self.identity, offset, mark, packed)

    def beginning(self) -> Place:
        """Return where a file is begun of which nothing was read yet."""
        if self.came_from is not None:
            offset, mark = self.came_from.offset, self.came_from.fingerprint
            return Place(self.path, self._folder, *self.identity, offset, mark)
        return Place(self.path, self._folder, *self.identity, 0, fingerprint(self._descriptor, 0))

    def is_at_its_path(self) -> bool:
        """Return whether the path still leads to this file."""
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.identity

    @property
    def seen(self) -> tuple[int, int]:
        """Size in bytes and time of change, Unix ns, when it was last read."""
        return self._seen if self.packed_seen is None else self.packed_seen

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    # -- bytes ---------------------------------------------------------------------------------

    def _begin_at(self, offset: int) -> None:
        self._read_to = offset
        self._rest = b""
        self._rest_bytes = 0
        self._line_bytes.clear()
        size = min(FINGERPRINT_BYTES, offset)
        self._head = os.pread(self._descriptor, size, 0)
        self._tail = os.pread(self._descriptor, size, offset - size)

    def _next_bytes(self) -> bytes | None:
        """Return what follows, b"" at the end; None when the file was cut off since."""
        tail = self._tail
        start = self._read_to + self._rest_bytes - len(tail)
        data = os.pread(self._descriptor, len(tail) + _READ_BYTES, start)
        if not data.startswith(tail):
            return None
        if not start:
            self._head = data[:FINGERPRINT_BYTES]
        self._tail = data[-FINGERPRINT_BYTES:]
        return data[len(tail) :]

    def _end_of_what_was_read(self) -> Place:
        """Return the place behind all that was read, of a file that may be another by now."""
        offset = self._read_to + self._rest_bytes
        size = min(FINGERPRINT_BYTES, offset)
        mark = fingerprint_of(self._head[:size], self._tail[-size:] if size else b"")
        return Place(self.path, self._folder, *self.identity, offset, mark)

    def _data_begin(self) -> int:
        """
        Return where a file that was cut off begins anew.

        A writer that does not append goes on at its old offset, which leaves a hole before it.
        """
        try:
            return os.lseek(self._descriptor, 0, os.SEEK_DATA)
        except OSError:
            return 0  # it is empty, or its file system knows no holes

    def _whole_lines(self, data: bytes) -> tuple[list[bytes], list[int]]:
        """Return the lines that end in `data` and their lengths; keep the beginning of the next."""
        pieces = data.split(b"\n")
        sizes = [len(piece) + 1 for piece in pieces]
        sizes[0] += self._rest_bytes
        pieces[0] = (self._rest + pieces[0]).lstrip(b"\0")
        self._rest = pieces.pop()[: MAX_LINE_BYTES + 1]
        self._rest_bytes = sizes.pop() - 1
        return pieces, sizes
