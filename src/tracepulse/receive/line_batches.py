"""
The lines of a request, read by the compiled loops; those that are left undone, by Python.

Until the loops are compiled (`line_warm_up.py`), Python reads all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tracepulse.receive.key_shapes import LINES, KeyShapes, ObjectPlan
from tracepulse.receive.line_readers import Lent, LineReaders
from tracepulse.receive.log_entries import LineReader
from tracepulse.receive.log_writer import pack_attributes
from tracepulse.receive.loops.columns import (
    AFTER_START,
    BEFORE_START,
    DONE,
    END,
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
    SCRATCH_BYTES,
    START,
    STATUS,
    TIME,
    UNKNOWN_KEYS,
)
from tracepulse.receive.loops.items import read_items
from tracepulse.receive.otlp_bytes import key_bytes
from tracepulse.receive.sent_logs import Kept, Known, NotedLine, Pairs, SentLogs

__all__ = [
    "Batch",
    "Cells",
    "Lines",
    "address",
    "is_ready",
    "joined",
    "read_noted",
    "run",
    "set_ready",
]

Cells = NDArray[np.int64]

_LONGEST_BYTES = 192 * 1024
"""What is longer is left to Python: a record may have 256 KiB."""
_GROUP_BYTES = 64 * 1024
_NAMES = (
    "log.record.original", "http.request.method", "envoy.response_flags",
    "envoy.response_code_details", "envoy.connection_termination_details",
    "envoy.upstream_transport_failure_reason", "user_agent.original",
    "http.request.header.x-request-id", "envoy.upstream_host", "envoy.upstream_cluster",
    "tls.client.server_name", "envoy.route_name", "http.response.status_code",
    "network.protocol.version", "server.address", "server.port", "envoy.direction",
    "", "", "peer.service", "http.request.body.size", "http.response.body.size",
    "envoy.duration_ms", "envoy.upstream_service_time_ms", "url.path", "url.query",
    "network.peer.address", "client.address",
)  # fmt: skip
"""Attributes that lines have of themselves; the loops know them by their numbers."""
_DIRECTIONS = {17: b"inbound", 18: b"outbound"}
_NO_IDS = bytes(24)
_state = {"ready": False}


def joined(pieces: Sequence[bytes]) -> tuple[NDArray[np.uint8], Cells]:
    """Return pieces one behind another, and offset and length of each."""
    sizes = [len(piece) for piece in pieces]
    rows = [(sum(sizes[:at]), size, 0) for at, size in enumerate(sizes)]
    return np.frombuffer(b"".join(pieces), np.uint8), np.array(rows, np.int64)


_BLOB, _PARTS = joined(
    [_DIRECTIONS.get(number, key_bytes(name)) for number, name in enumerate(_NAMES)]
)


def is_ready() -> bool:
    """Tell whether the loops are compiled, so that a request need not wait for that."""
    return _state["ready"]


def set_ready(ready: bool = True) -> None:
    """Have the loops used from now on, or not."""
    _state["ready"] = ready


def address(array: NDArray[np.uint8]) -> int:
    """Return where an array's bytes are."""
    return int(array.ctypes.data)


_Line = tuple[str, int, Known, Pairs | bytes] | Kept
"""A line: its text, its time, what is known of it, and attributes or its ids."""


class _Stream(NamedTuple):
    """Lines of one sender that follow one another."""

    reader: LineReader
    first: int
    known: Known | None
    """What all of them have in common; None where each has its own resource."""


@dataclass(slots=True)
class Batch:
    """Items after the loops have seen them."""

    items: Cells
    out: bytes
    groups: list[tuple[int, bytes]]
    """Of documents: their row of `known`, from bit 32 on the number of their plan, and their places."""
    plans: Sequence[ObjectPlan | None]
    """By number."""


def run(data: bytes, items: Cells, known: Cells, layouts: Cells, shapes: KeyShapes) -> Batch:
    """
    Have the loops read items; twice, if there are keys that they have not seen.

    Args:
        data: what the rows of `items` and `known` point into.
    """
    lengths = items[:, END] - items[:, START]
    items[lengths > _LONGEST_BYTES, END] = 0
    items[lengths > _LONGEST_BYTES, START] = 0
    room = int(6 * lengths.sum() + (items[:, BEFORE_START + 1] - items[:, BEFORE_START]).sum())
    room += int((items[:, AFTER_START + 1] - items[:, AFTER_START]).sum())
    out: NDArray[np.uint8] = np.empty(room + (len(items) + 8) * LINE_ROOM, np.uint8)
    source = np.frombuffer(data or b"\0", np.uint8)
    given = items.copy()
    scratch: NDArray[np.uint8] = np.empty(SCRATCH_BYTES, np.uint8)
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
            address(_BLOB), _PARTS, address(scratch),
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
    return Batch(items, written, told, tables.plans)


class Lines:
    """Lines of one request, each with what is known of it, in order."""

    def __init__(self, logs: SentLogs, readers: LineReaders, received_unix_ns: int) -> None:
        self._logs = logs
        self._readers = readers
        self._received_unix_ns = received_unix_ns
        self._lent: dict[str, Lent] = {}
        self._streams: list[_Stream] = []
        self._levels: dict[tuple[int, str, bool], int] = {}
        """Rows of `_known` for the sender whose lines are being added."""
        self._first_layout = 0
        self._known: list[list[int]] = []
        self._layouts: list[list[int]] = []
        self._lines: list[_Line] = []
        self._rows: list[tuple[int, int, int, int, int]] = []
        """KNOWN, TIME, IDS, BEFORE_START, BEFORE_END of each line."""
        self._texts: list[bytes] = []
        self._rest: list[bytes] = []
        """What stands behind the texts: ids, attributes, words."""
        self._rest_size = 0

    def begin(self, sender: str, lines: Sequence[str], known: Known | None = None) -> None:
        """Begin with further lines of a sender, which are added next; all of `known` if that is given."""
        lent = self._lent.get(sender)
        if lent is None:
            lent = self._readers.lend(sender, lines, self._received_unix_ns)
            self._lent[sender] = lent
        else:
            self._readers.prepare(lent, lines, self._received_unix_ns)
        self._streams.append(_Stream(lent.reader, len(self._lines), known))
        self._levels = {}
        self._first_layout = len(self._layouts)
        headers = lent.reader.headers
        if headers.is_settled:
            self._layouts += [
                [1, *layout.plain] if layout.plain else [0, 0, 0] for layout in headers.layouts
            ]
        else:
            self._layouts.append([0, 0, 0])

    def add(self, line: str, time_unix_ns: int, known: Known, attributes: Pairs = ()) -> None:
        """Add a line."""
        _, service, number, text, trace, span = known
        ids = (trace or _NO_IDS[:16]) + (span or _NO_IDS[:8]) if trace or span else b""
        packed = pack_attributes(attributes) if attributes else b""
        row = self._known_row(number, text, bool(service))
        self._add(line.encode(), row, time_unix_ns, ids, packed)
        self._lines.append((line, time_unix_ns, known, attributes))

    def add_all(self, entries: Sequence[tuple[int, str, bytes]], known: Known) -> None:
        """Add lines of which no more is known than time and ids: trace and span together, or b""."""
        if not entries:
            return
        row = self._known_row(known.severity_number, known.severity_text, bool(known.service))
        at = self._rest_size
        for time_unix_ns, _, ids in entries:
            if ids:
                self._rows.append((row, time_unix_ns, at, 0, 0))
                self._rest.append(ids)
                at += len(ids)
            else:
                self._rows.append((row, time_unix_ns, -1, 0, 0))
        self._rest_size = at
        self._texts += [line.encode() for _, line, _ in entries]
        self._lines += [(line, time, known, ids) for time, line, ids in entries]

    def add_kept(self, lines: Sequence[Kept]) -> None:
        """Add lines that were in documents."""
        named = sorted({kept.service != "" for kept in lines})
        row_of = {has_service: self._known_row(0, "", has_service) for has_service in named}
        at = self._rest_size
        for kept in lines:
            ids_at = -1
            if kept.ids != _NO_IDS:
                ids_at = at
                self._rest.append(kept.ids)
                at += len(kept.ids)
            end = at + len(kept.packed)
            self._rest.append(kept.packed)
            self._rows.append((row_of[kept.service != ""], kept.time_unix_ns, ids_at, at, end))
            at = end
        self._rest_size = at
        self._texts += [kept.text for kept in lines]
        self._lines += lines

    def _add(self, text: bytes, row: int, time_unix_ns: int, ids: bytes, packed: bytes) -> None:
        ids_at = self._put(ids) if ids else -1
        before = self._put(packed) if packed else 0
        self._rows.append((row, time_unix_ns, ids_at, before, before + len(packed)))
        self._texts.append(text)

    def _put(self, data: bytes) -> int:
        self._rest.append(data)
        self._rest_size += len(data)
        return self._rest_size - len(data)

    def _known_row(self, number: int, text: str, has_service: bool) -> int:
        row = self._levels.get((number, text, has_service))
        if row is None:
            word = text.encode()
            at = self._put(word)
            count = len(self._layouts) - self._first_layout
            is_logfmt = self._streams[-1].reader.is_logfmt
            self._known.append(
                [number, at, at + len(word), has_service, self._first_layout, count, is_logfmt, 0]
            )
            row = self._levels[number, text, has_service] = len(self._known) - 1
        return row

    def write(self) -> None:
        """Add the records of all lines to those of the request, and give the readers back."""
        if self._lines:
            self._write(self._run())
        for lent in self._lent.values():
            self._readers.take_back(lent)

    def _write(self, batch: Batch) -> None:
        add = self._logs.writer.add_written
        starts, ends = batch.items[:, OUT_START].tolist(), batch.items[:, OUT_END].tolist()
        undone = np.flatnonzero(batch.items[:, STATUS] != DONE).tolist()
        undone.append(len(self._lines))
        next_undone = iter(undone)
        stop = next(next_undone)
        stream_ends = [stream.first for stream in self._streams[1:]] + [len(self._lines)]
        for stream, end in zip(self._streams, stream_ends, strict=True):
            at = stream.first
            while at < end:
                if at == stop:
                    self._read(stream.reader, self._lines[at])
                    stop = next(next_undone)
                    at += 1
                    continue
                last = min(stop, end)
                if stream.known is not None:
                    add(stream.known.resource, batch.out[starts[at] : ends[last - 1]], last - at)
                else:
                    for each in range(at, last):
                        line = self._lines[each]
                        resource = line.resource if isinstance(line, Kept) else line[2].resource
                        add(resource, batch.out[starts[each] : ends[each]], 1)
                at = last

    def _read(self, reader: LineReader, line: _Line) -> None:
        """Add the record of a line that the loops left undone."""
        if isinstance(line, Kept):
            trace, span = line.ids[:16], line.ids[16:]
            known = Known(
                line.resource,
                line.service,
                trace_id=trace if any(trace) else b"",
                span_id=span if any(span) else b"",
            )
            text = line.text.decode()
            self._logs.add_line(known, reader, text, line.time_unix_ns, _unpacked(line.packed))
            return
        text, time_unix_ns, known, rest = line
        if isinstance(rest, bytes):
            known, rest = known._replace(trace_id=rest[:16], span_id=rest[16:]), ()
        self._logs.add_line(known, reader, text, time_unix_ns, rest)

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
        items[:, BEFORE_START : BEFORE_START + 2] = columns[:, 3:] + rest
        known: Cells = np.array(self._known, np.int64).reshape(-1, KNOWN_COLUMNS)
        known[:, 1:3] += rest
        layouts: Cells = np.array(self._layouts, np.int64).reshape(-1, LAYOUT_COLUMNS)
        data = b"".join(self._texts) + b"".join(self._rest)
        return run(data, items, known, layouts, LINES)


def _unpacked(packed: bytes) -> Pairs:
    """Return attributes that were packed, which are texts, numbers and truths."""
    pairs = []
    for each in LogRecord.FromString(packed).attributes:
        kind = each.value.WhichOneof("value")
        pairs.append((each.key, getattr(each.value, kind) if kind else ""))
    return pairs


def read_noted(logs: SentLogs, readers: LineReaders, received_unix_ns: int) -> None:
    """Add the records of lines that were noted while a request was read."""
    if not is_ready():
        logs.read_lines(readers, received_unix_ns)
        return
    lines = Lines(logs, readers, received_unix_ns)
    for sender, noted in logs.take_noted():
        texts = [one.text if type(one.text) is str else one.text.decode() for one in noted]  # type: ignore[union-attr]
        lines.begin(sender, texts)
        for was_kept, some in groupby(noted, key=lambda one: type(one) is Kept):
            if was_kept:
                lines.add_kept(cast("list[Kept]", list(some)))
                continue
            for one in cast("list[NotedLine]", list(some)):
                lines.add(one.text, one.time_unix_ns, one.known, one.attributes)
    lines.write()
