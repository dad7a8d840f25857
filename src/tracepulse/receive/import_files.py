"""
Files and folders of telemetry to OTLP requests, one bounded batch at a time.

What a file holds is told from its contents, not its name. What cannot be read is skipped and
reported with file, place and reason; it never stops the files after it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import BinaryIO, cast

import orjson
from google.protobuf.message import DecodeError

from tracepulse.errors import BadSetting, LimitExceeded, MalformedBody, SenderError
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.compressed_files import UNPACKING_ERRORS, open_unpacked
from tracepulse.receive.json_body import decode_json
from tracepulse.receive.json_files import json_kind, requests_of
from tracepulse.receive.log_lines import LogReader, LogSource, looks_like_log, split_lines
from tracepulse.receive.log_sources import service_of_path
from tracepulse.receive.protobuf_files import (
    MAX_PIECE_BYTES,
    Framing,
    framing_of,
    protobuf_pieces,
    signal_of,
)
from tracepulse.receive.signals import REQUEST_TYPES, ExportRequest, Signal, record_count
from tracepulse.receive.split_requests import split_request

__all__ = [
    "FileImport",
    "FileReport",
    "ImportReport",
    "ImportSettings",
    "ImportedBatch",
    "Progress",
    "Skipped",
]

MAX_DOCUMENT_BYTES = MAX_PIECE_BYTES
"""A JSON document that is not one line each must be decoded whole, at about ten times its size."""
_HEAD_BYTES = 64 * 1024
_MAX_SKIPPED = 1000
"""Skips described per import; past it they are counted."""
_CONTROL_RATIO = 0.01
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SPACE = b" \t\r\n"

Progress = Callable[[int, int, str], None]
"""Called with bytes read so far, bytes of all files (both as on disk), and the file's name."""


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """What the files do not say themselves."""

    zone: tzinfo = UTC
    """Of log times that name no zone."""
    reference_unix_ns: int | None = None
    """Completes log times without year or date; None takes each file's time of last change."""
    service: str = ""
    """Of log lines that name none; '' takes it from the file's name or folder."""


@dataclass(frozen=True, slots=True)
class ImportedBatch:
    """One request out of a file."""

    signal: Signal
    message: ExportRequest
    source: str
    """File and place, for messages to people."""
    bytes_read: int
    """Of all files so far, as on disk."""
    records: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not imported, or not as it stood."""

    path: str
    line: int | None
    """Line or, in framed protobuf, message; counted from 1. None for the whole file."""
    reason: str


@dataclass(slots=True)
class FileReport:
    """What came out of one file."""

    path: str
    kind: str = ""
    """otlp_protobuf, otlp_json, jaeger, zipkin, log; '' if nothing was read."""
    records: dict[Signal, int] = field(default_factory=dict)
    lines: int = 0
    """Of logs: `lines == records + folded + blank`."""
    folded: int = 0
    blank: int = 0


@dataclass(slots=True)
class ImportReport:
    """What came out of all files, and what did not."""

    files: list[FileReport] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    """The first thousand, in the order met."""
    skipped_count: int = 0

    def skip(self, path: str, line: int | None, reason: str) -> None:
        """Count and describe something that was skipped."""
        self.skipped_count += 1
        if len(self.skipped) < _MAX_SKIPPED:
            self.skipped.append(Skipped(path, line, reason))

    def records(self, signal: Signal) -> int:
        """Return how many spans, log records or points were imported."""
        return sum(file.records.get(signal, 0) for file in self.files)


@dataclass(frozen=True, slots=True)
class _Source:
    """One file to import."""

    path: Path
    shown: str
    size_bytes: int
    named: bool
    """It was named itself, and not found in a folder: import it if at all possible."""


class FileImport:
    """
    Iterates over the batches in files and folders; `report` is complete when that ends.

    Raises:
        BadSetting: on construction, when a path does not exist.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        settings: ImportSettings | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        self.report = ImportReport()
        self._settings = settings or ImportSettings()
        self._on_progress = on_progress
        self._sources = [source for path in paths for source in self._found(path)]
        self.total_bytes = sum(source.size_bytes for source in self._sources)
        self._done_bytes = 0

    def __iter__(self) -> Iterator[ImportedBatch]:
        for source in self._sources:
            yield from self._of_file(source)
            self._done_bytes += source.size_bytes
            self._progress(0, source)

    def _found(self, path: Path) -> Iterator[_Source]:
        """Yield the file, or the files of a folder in sorted order; links to folders are left."""
        if path.is_file():
            yield _Source(path, str(path), path.stat().st_size, named=True)
            return
        if not path.is_dir():
            raise BadSetting(f"{path}: no such file or folder; name one that exists")
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                file = Path(folder, name)
                if name.startswith(".") or not file.is_file():
                    self.report.skip(str(file), None, "hidden, or not a regular file")
                else:
                    yield _Source(file, str(file), file.stat().st_size, named=False)

    def _progress(self, bytes_read: int, source: _Source) -> None:
        if self._on_progress is not None:
            done = min(self._done_bytes + bytes_read, self.total_bytes)
            self._on_progress(done, self.total_bytes, source.shown)

    def _of_file(self, source: _Source) -> Iterator[ImportedBatch]:
        report = FileReport(source.shown)
        self.report.files.append(report)
        try:
            counted, stream = open_unpacked(source.path)
        except OSError as error:
            self.report.skip(source.shown, None, f"cannot be opened: {error.strerror or error}")
            return
        reading = _FileReading(source, report, self.report, self._settings)
        try:
            with counted:
                for signal, message, place in reading.requests(stream):
                    records = record_count(message)
                    report.records[signal] = report.records.get(signal, 0) + records
                    bytes_read = self._done_bytes + counted.bytes_read
                    yield ImportedBatch(signal, message, place, bytes_read, records)
                    self._progress(counted.bytes_read, source)
        except SenderError as error:
            self.report.skip(source.shown, reading.place, str(error))
        except UNPACKING_ERRORS as error:
            self.report.skip(source.shown, reading.place, f"cannot be read further: {error}")


_Requests = Iterator[tuple[Signal, ExportRequest, str]]


@dataclass(slots=True)
class _FileReading:
    """The reading of one file: what it is, and where it has come to."""

    source: _Source
    report: FileReport
    whole: ImportReport
    settings: ImportSettings
    place: int | None = None

    def requests(self, stream: BinaryIO) -> _Requests:
        """Yield the file's requests with their places; notes what is skipped."""
        head = _read_head(stream)
        rejoined = _Rejoined(head, stream)
        if not head.strip(_SPACE):
            self._skip("empty")
        elif head.startswith(_UTF16):
            self._skip("text in UTF-16; convert it to UTF-8 first")
        elif not _is_text(head):
            framing = framing_of(head)
            if framing is None:
                self._skip("binary of no known kind")
            else:
                yield from self._protobuf(rejoined, framing)
        elif _may_be_json(head):
            yield from self._json(rejoined)
        else:
            yield from self._log(rejoined, head)

    def _skip(self, reason: str, line: int | None = None) -> None:
        self.whole.skip(self.source.shown, line, reason)

    def _protobuf(self, stream: "_Rejoined", framing: Framing) -> _Requests:
        self.report.kind = "otlp_protobuf"
        signal = _signal_of_name(self.source.path.name)
        for number, piece in enumerate(protobuf_pieces(cast(BinaryIO, stream), framing), start=1):
            self.place = number
            signal = signal_of(piece) or signal
            if signal is None:
                continue  # holds no record so far
            try:
                message = REQUEST_TYPES[signal].FromString(piece)
            except DecodeError:
                self._skip(f"not an OTLP request of {signal}", number)
                continue
            yield from self._split(signal, message, f"{self.source.shown} message {number}")

    def _split(self, signal: Signal, message: ExportRequest, place: str) -> _Requests:
        for part in split_request(message):
            yield signal, part, place

    def _json(self, stream: "_Rejoined") -> _Requests:
        """Read JSON lines if the first line is a whole value, else one document."""
        line = stream.line(MAX_DOCUMENT_BYTES)
        kind = None
        try:
            value = decode_json(line)
            kind = json_kind(value)
        except MalformedBody:
            yield from self._json_document(line, stream)
            return
        if kind == "log_line":
            stream.put_back(line)
            yield from self._log(stream, line)
        elif kind is None or kind == "log_records":
            yield from self._json_document(line, stream)
        else:
            yield from self._json_lines(line, stream)

    def _json_lines(self, line: bytes, stream: "_Rejoined") -> _Requests:
        number = 0
        while line:
            number += 1
            self.place = number
            if line.strip(_SPACE):
                try:
                    yield from self._json_value(line, number)
                except SenderError as error:
                    self._skip(str(error), number)
            line = stream.line(MAX_DOCUMENT_BYTES)

    def _json_value(self, body: bytes, number: int | None) -> _Requests:
        value = decode_json(body)
        kind = json_kind(value)
        if kind is None or kind == "log_line":
            raise MalformedBody("JSON of no known kind: neither OTLP, Jaeger, Zipkin nor logs")
        if kind == "log_records":
            self.report.kind = "log"
            reader = LogReader(self._log_source())
            yield from self._log_requests(reader, (orjson.dumps(item) for item in value))
            return
        self.report.kind = kind
        complaints = Complaints()
        place = self.source.shown if number is None else f"{self.source.shown} line {number}"
        for signal, message in requests_of(value, kind, complaints):
            yield from self._split(signal, message, place)
        for text in complaints.described:
            self._skip(text, number)
        self.whole.skipped_count += complaints.count - len(complaints.described)

    def _json_document(self, start: bytes, stream: "_Rejoined") -> _Requests:
        """Read a document of several lines; a text that only looked like JSON is read as a log."""
        body = start + stream.read(MAX_DOCUMENT_BYTES + 1 - len(start))
        if len(body) > MAX_DOCUMENT_BYTES:
            raise LimitExceeded(
                f"a JSON document of more than {MAX_DOCUMENT_BYTES >> 20} MiB: "
                "write one value to a line"
            )
        try:
            yield from self._json_value(body, None)
        except MalformedBody as error:
            if "of no known kind" in str(error) or not looks_like_log(body, self._log_source()):
                raise
            stream.put_back(body)
            yield from self._log(stream, body[:_HEAD_BYTES])

    def _log_source(self) -> LogSource:
        path = self.source.path
        reference = self.settings.reference_unix_ns
        return LogSource(
            path.stat().st_mtime_ns if reference is None else reference,
            self.settings.zone,
            self.settings.service or service_of_path(path),
            (("log.file.path", self.source.shown), ("log.file.name", path.name)),
        )

    def _log(self, stream: "_Rejoined", head: bytes) -> _Requests:
        source = self._log_source()
        if not self.source.named and not looks_like_log(head[:_HEAD_BYTES], source):
            self._skip("text without times, levels or fields; name the file itself to import it")
            return
        if not self.source.named and _is_table(head):
            self._skip("a table of values, not a log; name the file itself to import it")
            return
        self.report.kind = "log"
        reader = LogReader(source)
        lines = (line for some in split_lines(cast(BinaryIO, stream)) for line in some)
        yield from self._log_requests(reader, lines)

    def _log_requests(self, reader: LogReader, lines: Iterator[bytes]) -> _Requests:
        tally = reader.tally
        for requests in (reader.read(lines), reader.finish()):
            for message in requests:
                self.place = tally.lines
                yield "logs", message, f"{self.source.shown} to line {tally.lines}"
        self.report.lines += tally.lines
        self.report.folded += tally.folded
        self.report.blank += tally.blank
        if tally.cut:
            self._skip(f"{tally.cut} lines cut: longer than 64 KiB")
        if tally.undecodable:
            self._skip(f"{tally.undecodable} lines with bytes that are not UTF-8, now U+FFFD")


class _Rejoined:
    """A stream whose first bytes have been looked at already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def put_back(self, data: bytes) -> None:
        self._head = data + self._head

    def read(self, size: int) -> bytes:
        if not self._head:
            return self._stream.read(size)
        if len(self._head) >= size:
            data, self._head = self._head[:size], self._head[size:]
            return data
        data, self._head = self._head, b""
        return data + self._stream.read(size - len(data))

    def line(self, limit_bytes: int) -> bytes:
        """Return the next line with its end; b'' at the end of the file."""
        end = self._head.find(b"\n") + 1
        if end:
            return self.read(end)
        data, self._head = self._head, b""
        data += self._stream.readline(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise LimitExceeded(f"a line of more than {limit_bytes >> 20} MiB")
        return data


def _read_head(stream: BinaryIO) -> bytes:
    head = b""
    while len(head) < _HEAD_BYTES and (more := stream.read(_HEAD_BYTES - len(head))):
        head += more
    return head


def _is_text(head: bytes) -> bool:
    """Tell text, in whatever 8-bit encoding, from binary: nearly no control characters."""
    return len(head) - len(head.translate(None, _CONTROL)) <= _CONTROL_RATIO * len(head)


def _may_be_json(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)
    return start[:1] == b"{" or (start[:1] == b"[" and start[1:].lstrip(_SPACE)[:1] in b"{[]")


def _is_table(head: bytes) -> bool:
    """Tell comma-separated values under a line of column names."""
    lines = head.split(b"\n", 2)[:2]
    names = lines[0].split(b",")
    return (
        len(names) > 2
        and all(
            name.strip() and not name.strip()[:1].isdigit() and len(name) < 64 for name in names
        )
        and len(lines) > 1
        and lines[1].count(b",") >= len(names) - 1
    )


def _signal_of_name(name: str) -> Signal | None:
    lower = name.lower()
    for word, signal in (("trace", "traces"), ("span", "traces"), ("log", "logs")):
        if word in lower:
            return cast(Signal, signal)
    return "metrics" if "metric" in lower else None
