"""
The lines of a request, read by the compiled loops; those that are left undone, by Python.

Until the loops are compiled (`line_warm_up.py`), Python reads all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.receive.key_shapes import LINES, KeyShapes
from tracepulse.receive.line_kernel import (
    AFTER_START,
    BEFORE_START,
    DONE,
    END,
    GROUP,
    HASH,
    IDS,
    ITEM_COLUMNS,
    KNOWN,
    KNOWN_COLUMNS,
    LAYOUT_COLUMNS,
    LINE_ROOM,
    MAX_GROUPS,
    OUT_END,
    OUT_START,
    START,
    STATUS,
    TIME,
    UNKNOWN_KEYS,
    read_items,
)
from tracepulse.receive.line_readers import Lent, LineReaders
from tracepulse.receive.log_entries import LineReader
from tracepulse.receive.log_writer import pack_attributes
from tracepulse.receive.otlp_bytes import key_bytes
from tracepulse.receive.sent_logs import Known, Pairs, SentLogs

__all__ = ["Batch", "Lines", "address", "is_ready", "run", "set_ready"]

Cells = NDArray[np.int64]

_LONGEST_BYTES = 192 * 1024
"""What is longer is left to Python: a record may have 256 KiB."""
_GROUP_BYTES = 64 * 1024
_ORIGINAL: NDArray[np.uint8] = np.frombuffer(key_bytes("log.record.original"), np.uint8)
_NO_IDS = bytes(24)
_state = {"ready": False}


def is_ready() -> bool:
    """Tell whether the loops are compiled, so that a request need not wait for that."""
    return _state["ready"]


def set_ready(ready: bool = True) -> None:
    """Have the loops used from now on, or not."""
    _state["ready"] = ready


def address(array: NDArray[np.uint8]) -> int:
    """Return where an array's bytes are."""
    return int(array.ctypes.data)


@dataclass(slots=True)
class Batch:
    """Items after the loops have seen them."""

    items: Cells
    out: bytes
    groups: list[tuple[int, bytes]]
    """Of documents: what `known` and keys have (two numbers in one), and the values of the places."""


def run(data: bytes, items: Cells, known: Cells, layouts: Cells, shapes: KeyShapes) -> Batch:
    """
    Have the loops read items; twice, if there are keys that they have not seen.

    Args:
        data: what the rows of `items` and `known` point into.
    """
    lengths = items[:, END] - items[:, START]
    items[lengths > _LONGEST_BYTES, END] = 0
    items[lengths > _LONGEST_BYTES, START] = 0
    room = int(3 * lengths.sum() + (items[:, BEFORE_START + 1] - items[:, BEFORE_START]).sum())
    room += int((items[:, AFTER_START + 1] - items[:, AFTER_START]).sum())
    out: NDArray[np.uint8] = np.empty(room + (len(items) + 8) * LINE_ROOM, np.uint8)
    source = np.frombuffer(data or b"\0", np.uint8)
    given = items.copy()
    for _ in range(2):
        tables = shapes.tables
        spaced = bool(len(known)) and known[0, -1] != 0
        keys: NDArray[np.uint8] = np.empty(_GROUP_BYTES if spaced else 8, np.uint8)
        groups: Cells = np.empty((MAX_GROUPS if spaced else 1, 3), np.int64)
        slots: NDArray[np.int32] = np.full(2 * MAX_GROUPS if spaced else 1, -1, np.int32)
        counts: Cells = np.array([0, 0, len(keys)], np.int64)
        used = read_items(
            items, known, layouts, tables.slots, tables.rows, tables.plan, address(tables.pool),
            address(source), address(out), len(out), address(keys), groups, slots, counts,
            address(_ORIGINAL),
        )  # fmt: skip
        written = out[:used].tobytes()
        unknown = items[items[:, STATUS] == UNKNOWN_KEYS]
        if not len(unknown):
            break
        found = [(written[row[OUT_START] : row[OUT_END]], int(row[HASH])) for row in unknown]
        if not shapes.learn(found):
            break
        items[:] = given
    named = keys[: counts[1]].tobytes()
    told = [
        (int.from_bytes(named[at : at + 8], "little"), named[at + 8 : at + size])
        for _, at, size in groups[: counts[0]].tolist()
    ]
    return Batch(items, written, told)


class Lines:
    """Lines of one request, each with what is known of it, in order."""

    def __init__(self, logs: SentLogs, readers: LineReaders, received_unix_ns: int) -> None:
        self._logs = logs
        self._readers = readers
        self._received_unix_ns = received_unix_ns
        self._lent: dict[str, Lent] = {}
        self._known: list[list[int]] = []
        self._layouts: list[list[int]] = []
        self._streams: list[tuple[Known, LineReader, int]] = []
        """What is known of the lines of a sender, its reader, and how many lines there were before."""
        self._lines: list[tuple[str, int, Known, Pairs]] = []
        self._rows: list[tuple[int, int, int, int, int, int]] = []
        """KNOWN, TIME, IDS, BEFORE_START, BEFORE_END of each line, and the bytes of its text."""
        self._texts: list[bytes] = []
        self._rest: list[bytes] = []
        """What stands behind the texts: ids, attributes, words."""
        self._rest_size = 0

    def begin(self, sender: str, known: Known, lines: Sequence[str]) -> None:
        """Begin with further lines of a sender, which `add` adds next."""
        lent = self._lent.get(sender)
        if lent is None:
            lent = self._readers.lend(sender, lines, self._received_unix_ns)
            self._lent[sender] = lent
        else:
            self._readers.prepare(lent, lines, self._received_unix_ns)
        self._streams.append((known, lent.reader, len(self._lines)))
        self._levels: dict[tuple[int, str], int] = {}
        self._first_layout = len(self._layouts)
        headers = lent.reader.headers
        for layout in headers.layouts if headers.is_settled else ():
            self._layouts.append([1, *layout.plain] if layout.plain else [0, 0, 0])
        if not headers.is_settled:
            self._layouts.append([0, 0, 0])

    def add(self, line: str, time_unix_ns: int, known: Known, attributes: Pairs = ()) -> None:
        """Add a line; `known` has the resource and the service of its stream."""
        self._lines.append((line, time_unix_ns, known, attributes))
        level = known[2:4]
        row = self._levels.get(level)
        if row is None:
            row = self._levels[level] = self._known_row(known)
        _, _, _, _, trace, span = known
        ids = self._put((trace or _NO_IDS[:16]) + (span or _NO_IDS[:8])) if trace or span else -1
        before = end = 0
        if attributes:
            packed = pack_attributes(attributes)
            before = self._put(packed)
            end = before + len(packed)
        self._rows.append((row, time_unix_ns, ids, before, end, 0))
        self._texts.append(line.encode())

    def _put(self, data: bytes) -> int:
        self._rest.append(data)
        self._rest_size += len(data)
        return self._rest_size - len(data)

    def _known_row(self, known: Known) -> int:
        word = known.severity_text.encode()
        reader = self._streams[-1][1]
        at = self._put(word)
        count = len(self._layouts) - self._first_layout
        row = [
            known.severity_number, at, at + len(word), bool(known.service), self._first_layout,
            count, reader.is_logfmt, 0,
        ]  # fmt: skip
        self._known.append(row)
        return len(self._known) - 1

    def write(self) -> None:
        """Add the records of all lines to those of the request, and give the readers back."""
        if self._lines:
            self._write()
        for lent in self._lent.values():
            self._readers.take_back(lent)

    def _write(self) -> None:
        batch = self._run()
        status = batch.items[:, STATUS]
        starts, ends = batch.items[:, OUT_START].tolist(), batch.items[:, OUT_END].tolist()
        undone = np.flatnonzero(status != DONE).tolist()
        undone.append(len(self._lines))
        next_undone = iter(undone)
        stop = next(next_undone)
        stream_ends = [at for _, _, at in self._streams[1:]] + [len(self._lines)]
        for (known, reader, at), end in zip(self._streams, stream_ends, strict=True):
            while at < end:
                if at < stop:
                    last = min(stop, end)
                    written = batch.out[starts[at] : ends[last - 1]]
                    self._logs.writer.add_written(known.resource, written, last - at)
                    at = last
                else:
                    line, time_unix_ns, told, attributes = self._lines[at]
                    self._logs.add_line(told, reader, line, time_unix_ns, attributes)
                    stop = next(next_undone)
                    at += 1

    def _run(self) -> Batch:
        items: Cells = np.zeros((len(self._lines), ITEM_COLUMNS), np.int64)
        ends = np.cumsum(np.fromiter(map(len, self._texts), np.int64, len(self._texts)))
        columns: Cells = np.array(self._rows, np.int64)
        rest = int(ends[-1])
        items[1:, START] = ends[:-1]
        items[:, END] = ends
        items[:, KNOWN] = columns[:, 0]
        items[:, TIME] = columns[:, 1]
        items[:, IDS] = np.where(columns[:, 2] < 0, -1, columns[:, 2] + rest)
        items[:, BEFORE_START] = columns[:, 3] + rest
        items[:, BEFORE_START + 1] = columns[:, 4] + rest
        items[:, GROUP] = -1
        known: Cells = np.array(self._known, np.int64).reshape(-1, KNOWN_COLUMNS)
        known[:, 1:3] += rest
        layouts: Cells = np.array(self._layouts, np.int64).reshape(-1, LAYOUT_COLUMNS)
        data = b"".join(self._texts) + b"".join(self._rest)
        return run(data, items, known, layouts, LINES)
