"""
Log files to OTLP log records: plain text, JSON lines and logfmt, in whatever layout they have.

Every line is kept. A line begins a record, or continues the one before (a stack trace, an indented
line), or is blank; what was recognised of its header (time, level, thread, logger) leaves the
body, and the whole line is kept beside it as `log.record.original`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, BinaryIO

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tracepulse.receive.any_value import add_attributes
from tracepulse.receive.log_entries import Entry, LineReader

__all__ = [
    "MAX_LINE_BYTES",
    "LogReader",
    "LogSource",
    "LogTally",
    "looks_like_log",
    "read_log_file",
    "split_lines",
]

MAX_LINE_BYTES = 64 * 1024
"""Longer lines are cut and the rest is dropped and counted: a body is at most this long anyway."""
MAX_FOLDED_CHARACTERS = 64 * 1024
"""Past this a continuation begins a record of its own."""
MAX_ORIGINAL_CHARACTERS = 4096
"""What is kept of the original line in its attribute: attribute values are bounded at 4 KiB."""
BATCH_BYTES = 1024 * 1024
_RECORD_BYTES = 96
"""What a record takes beside its texts, roughly."""
_ATTRIBUTE_BYTES = 32
_LEARNT_LINES = 200
_READ_BYTES = 256 * 1024
_LOG_RATIO = 0.2
_BATCH_FILL = 0.8
"""Texts are counted in characters; the rest is room for those that take several bytes."""

_CONTINUES = re.compile(
    r"Caused by: |Suppressed: |Traceback \(most recent call last\)|at [\w.$<>]+\("
    r"|\.\.\. \d+ (?:more|common)|During handling of the above exception|The above exception was"
    r"|(?:[A-Za-z_$][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable)\b"
    r"|goroutine \d+ \[|[)}\]]+[,;]?$"
)
_CONTINUATION_CHARACTERS = 512
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where lines come from, and what completes what they leave out."""

    reference_unix_ns: int
    """When the lines were read or last written; completes times without year or date."""
    zone: tzinfo = UTC
    """Of times that name none."""
    service: str = ""
    """For records that name no service of their own."""
    resource: tuple[tuple[str, str], ...] = ()
    """Further attributes of every record's resource, such as log.file.path."""


@dataclass(slots=True)
class LogTally:
    """What became of the lines: `lines == records + folded + blank`."""

    lines: int = 0
    records: int = 0
    folded: int = 0
    """Lines that continue a record."""
    blank: int = 0
    without_time: int = 0
    """Records that took the time of the one before, or of the reference."""
    undecodable: int = 0
    """Lines with bytes that are not UTF-8; each such byte became U+FFFD."""
    cut: int = 0
    """Lines longer than MAX_LINE_BYTES."""


@dataclass(slots=True)
class LogReader:
    """Reads the lines of one file in order, and yields requests of at most about 1 MiB."""

    source: LogSource
    tally: LogTally = field(default_factory=LogTally)
    _lines: LineReader = field(init=False)
    _first: list[str] | None = field(default_factory=list)
    _pending: Entry | None = None
    _blank: int = 0
    _in_traceback: bool = False
    _last_unix_ns: int | None = None
    _batch: "_Batch" = field(init=False)
    _held: int = 0

    def __post_init__(self) -> None:
        self._lines = LineReader(self.source.reference_unix_ns, self.source.zone)
        self._batch = _Batch(self.source)

    def read(self, lines: Iterable[bytes]) -> Iterator[ExportLogsServiceRequest]:
        """Take further lines, without their line ends, and yield what is full."""
        for raw in lines:
            line = self._decoded(raw)
            if self._first is None:
                full = self._take(line)
                if full:
                    yield from full
                continue
            self._first.append(line)
            if len(self._first) >= _LEARNT_LINES:
                yield from self._take_first()

    @property
    def held_lines(self) -> int:
        """How many of the last lines belong to a record that later lines may continue."""
        return self._held

    def flush(self) -> Iterator[ExportLogsServiceRequest]:
        """Yield what is complete; the last record stays open for lines that continue it."""
        yield from self._take_first()
        yield from self._batch.rest()

    def finish(self) -> Iterator[ExportLogsServiceRequest]:
        """Yield what is left: the last record is complete only when no line follows."""
        yield from self._take_first()
        yield from self._release()
        self.tally.blank += self._blank
        self._blank = 0
        self._held = 0
        yield from self._batch.rest()

    def _decoded(self, raw: bytes) -> str:
        self.tally.lines += 1
        if len(raw) > MAX_LINE_BYTES:
            self.tally.cut += 1
            raw = raw[:MAX_LINE_BYTES]
        try:
            return raw.decode().rstrip("\r")
        except UnicodeDecodeError:
            self.tally.undecodable += 1
            return raw.decode(errors="replace").rstrip("\r")

    def _take_first(self) -> Iterator[ExportLogsServiceRequest]:
        if self._first is not None:
            first, self._first = self._first, None
            self._lines.learn(first)
            for line in first:
                yield from self._take(line)

    def _take(self, line: str) -> Iterable[ExportLogsServiceRequest]:
        self._held += 1
        if not line or line.isspace():
            self._blank += 1
            return ()
        entry = self._lines.read(line)
        pending = self._pending
        if pending is not None:
            if pending.partial and self._join(pending, entry):
                return ()
            if not entry.headed and self._continues(entry.body, pending):
                self._fold(pending, entry.body)
                return ()
        self._in_traceback = _TRACEBACK in entry.body
        full = self._release()
        self._pending = entry
        self._held = 1
        return full

    def _join(self, pending: Entry, entry: Entry) -> bool:
        """Append the rest of a line that the container runtime had split."""
        if len(pending.body) > MAX_FOLDED_CHARACTERS:
            return False
        pending.body += entry.original or entry.body
        pending.partial = entry.partial
        self.tally.folded += 1
        return True

    def _continues(self, text: str, pending: Entry) -> bool:
        if len(pending.body) + len(text) > MAX_FOLDED_CHARACTERS:
            return False
        if text[0] in " \t" or _CONTINUES.match(text, 0, _CONTINUATION_CHARACTERS):
            self._in_traceback = self._in_traceback or _TRACEBACK in text
            return True
        # The line that ends a Python traceback names the exception and is not indented.
        ends, self._in_traceback = self._in_traceback, False
        return ends

    def _fold(self, pending: Entry, text: str) -> None:
        joint = "\n" * (self._blank + 1)
        pending.body += joint + text
        if pending.original is not None and len(pending.original) < MAX_ORIGINAL_CHARACTERS:
            pending.original += joint + text
        self.tally.folded += self._blank + 1
        self._blank = 0

    def _release(self) -> Iterable[ExportLogsServiceRequest]:
        """Pass the pending record on, now that nothing can continue it."""
        entry, self._pending = self._pending, None
        if entry is None:
            return ()
        self.tally.blank += self._blank
        self._blank = 0
        self.tally.records += 1
        time_source = None
        if entry.time_unix_ns is None:
            self.tally.without_time += 1
            entry.time_unix_ns, time_source = self._last_unix_ns, "line before"
            if entry.time_unix_ns is None:
                entry.time_unix_ns, time_source = self.source.reference_unix_ns, "reading"
        else:
            self._last_unix_ns = entry.time_unix_ns
        return self._batch.add(entry, time_source)


class _Batch:
    """A request under construction."""

    def __init__(self, source: LogSource) -> None:
        self._source = source
        self._begin()

    def _begin(self) -> None:
        self._request = ExportLogsServiceRequest()
        self._records: dict[str, Any] = {}
        self._size = 0

    def add(self, entry: Entry, time_source: str | None) -> Iterable[ExportLogsServiceRequest]:
        """Add one record; returns the request so far if it would have grown too large."""
        original = entry.original
        size = _RECORD_BYTES + len(entry.body) + _ATTRIBUTE_BYTES * len(entry.attributes)
        if original is not None:
            original = original[:MAX_ORIGINAL_CHARACTERS]
            size += len(original)
        else:
            size += sum(len(value) for _, value in entry.attributes if type(value) is str)
        full: Iterable[ExportLogsServiceRequest] = ()
        if self._size + size > BATCH_BYTES * _BATCH_FILL and self._size:
            full = list(self.rest())
        self._size += size
        records = self._records.get(entry.service)
        if records is None:
            records = self._records[entry.service] = self._new_records(entry.service)
        _fill(records.add(), entry, original, time_source)
        return full

    def rest(self) -> Iterator[ExportLogsServiceRequest]:
        """Yield the request so far, if it holds anything, and begin another."""
        if self._records:
            request = self._request
            self._begin()
            yield request

    def _new_records(self, service: str) -> Any:
        resource_logs = self._request.resource_logs.add()
        name = service or self._source.service
        add_attributes(
            resource_logs.resource.attributes,
            [("service.name", name or None), *self._source.resource],
        )
        return resource_logs.scope_logs.add().log_records


def _fill(record: LogRecord, entry: Entry, original: str | None, time_source: str | None) -> None:
    record.time_unix_nano = entry.time_unix_ns or 0
    record.body.string_value = entry.body
    if entry.severity_number:
        record.severity_number = entry.severity_number  # type: ignore[assignment]
    if entry.severity_text:
        record.severity_text = entry.severity_text
    if entry.trace_id:
        record.trace_id = entry.trace_id
        record.span_id = entry.span_id
    attributes = record.attributes
    if entry.attributes:
        add_attributes(attributes, entry.attributes)
    if original is not None:
        kept = attributes.add()
        kept.key = "log.record.original"
        kept.value.string_value = original
    if time_source is not None:
        add_attributes(attributes, [("tracepulse.time_from", time_source)])


def looks_like_log(head: bytes, source: LogSource) -> bool:
    """Tell whether a text's first lines carry times, levels or fields, as those of a log do."""
    lines = head.decode(errors="replace").split("\n")[:_LEARNT_LINES]
    reader = LineReader(source.reference_unix_ns, source.zone)
    return reader.learn([line.rstrip("\r") for line in lines]) >= _LOG_RATIO


def split_lines(stream: BinaryIO) -> Iterator[list[bytes]]:
    """
    Yield the lines of a stream in lists, without line ends.

    A line past MAX_LINE_BYTES comes one byte longer than that, so that it is seen to be cut;
    the rest of it is dropped as it is read, so that memory stays bounded.
    """
    rest = b""
    while chunk := stream.read(_READ_BYTES):
        lines = chunk.split(b"\n")
        lines[0] = rest + lines[0]
        rest = lines.pop()[: MAX_LINE_BYTES + 1]
        if lines:
            yield lines
    if rest:
        yield [rest]


def read_log_file(
    stream: BinaryIO, source: LogSource, tally: LogTally | None = None
) -> Iterator[ExportLogsServiceRequest]:
    """Read a whole log file; `tally` is filled as it goes."""
    reader = LogReader(source, LogTally() if tally is None else tally)
    for lines in split_lines(stream):
        yield from reader.read(lines)
    yield from reader.finish()
