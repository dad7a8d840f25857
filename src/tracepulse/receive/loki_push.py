"""
Loki's push request, in JSON or protobuf, to OTLP log records.

Labels of a stream become attributes of the resource under OpenTelemetry's names, structured metadata
those of the record. An entry that cannot be used is left out and counted; all others are kept.
https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs and pkg/push/push.proto of Loki
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, cast

from tracepulse.errors import MalformedBody
from tracepulse.receive.any_value import plain_text
from tracepulse.receive.json_body import decode_json_leniently
from tracepulse.receive.key_plans import remembered_by_keys
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.line_batches import Lines, is_ready
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.log_fields import span_id, trace_id
from tracepulse.receive.log_times import number_unix_ns, rfc3339_unix_ns
from tracepulse.receive.loki_labels import LabelsError, parsed_labels
from tracepulse.receive.loki_protobuf import packed_streams, protobuf_streams
from tracepulse.receive.resource_names import resource_name
from tracepulse.receive.sent_logs import Known, SentLogs
from tracepulse.receive.service_names import service_name
from tracepulse.receive.severities import severity_of_word

__all__ = ["BAD_ENTRY", "BAD_LABELS", "BAD_TIME", "LokiPush", "read_push"]

BAD_LABELS, BAD_TIME, BAD_ENTRY = "labels", "timestamp", "entry"
"""Why an entry was left out."""

Entry = tuple[Any, Any, Any]
"""Time (text or number of ns), line, and structured metadata or None; as yet unchecked."""

_Good = tuple[int, str, dict[str, Any] | None]
"""An entry that can be used: ns since 1970, line, structured metadata."""

_LEVEL_LABELS = ("level", "severity", "severity_text", "lvl", "loglevel", "detected_level")
_TRACE_LABELS = ("trace_id", "traceid", "traceID", "trace.id", "TraceID")
_SPAN_LABELS = ("span_id", "spanid", "spanID", "span.id", "SpanID")
_REMEMBERED_LABELS, _REMEMBERED_CHARACTERS = 64, 2048
"""More or longer ones are read each time, so that what is remembered is bounded."""
_SOONEST_NS = 10**17
"""Smaller numbers than this (1973) are taken for seconds, milliseconds or microseconds."""
_LATEST_NS = 2**63
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)


class LokiPush(NamedTuple):
    """What a push request holds."""

    body: bytes
    """An ExportLogsServiceRequest."""
    records: int
    rejected: Counter[str]
    """Entries left out, by reason."""
    example: str
    """The first of them, in words."""


class _Refusals:
    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self.example = ""

    def add(self, reason: str, text: str, entries: int = 1) -> None:
        self.rejected[reason] += entries
        if not self.example:
            self.example = text


def read_push(body: bytes, as_json: bool, readers: LineReaders, received_unix_ns: int) -> LokiPush:
    """
    Read a push request, once decompressed.

    Raises:
        MalformedBody: it is neither JSON nor protobuf of that shape.
        LimitExceeded: it holds too much.
    """
    logs, refusals = SentLogs(), _Refusals()
    lines = Lines(logs, readers, received_unix_ns) if is_ready() else None
    if as_json:
        streams = _json_streams(body, refusals)
    else:
        streams = packed_streams(body) if lines is not None else protobuf_streams(body)
    for labels, entries in streams:
        try:
            stream = _stream(labels)
        except LabelsError as error:
            refusals.add(BAD_LABELS, f"labels: {error}", len(entries))
            continue
        good = [_quickly(entry) or _checked(entry, refusals) for entry in entries]
        usable = cast("list[_Good]", good if None not in good else list(filter(None, good)))
        _read(usable, stream, logs, lines, readers, received_unix_ns)
    if lines is not None:
        lines.write()
    return LokiPush(
        logs.writer.to_bytes(), logs.writer.records, refusals.rejected, refusals.example
    )


def _read(
    entries: list[_Good],
    stream: Known,
    logs: SentLogs,
    lines: Lines | None,
    readers: LineReaders,
    received_unix_ns: int,
) -> None:
    """Add the records of a stream's entries, or the lines to those that are read together."""
    texts = [line for _, line, _ in entries]
    sender = f"loki/{stream.service}"
    if lines is None:
        lent = readers.lend(sender, texts, received_unix_ns)
        for time_unix_ns, line, metadata in entries:
            known, attributes = _with_metadata(stream, metadata) if metadata else (stream, ())
            logs.add_line(known, lent.reader, line, time_unix_ns, attributes)
        readers.take_back(lent)
        return
    lines.begin(sender, texts, stream)
    with_ids: list[tuple[int, str, bytes]] = []
    for time_unix_ns, line, metadata in entries:
        ids = _ids_alone(metadata) if metadata else b""
        if ids is not None:
            with_ids.append((time_unix_ns, line, ids))
            continue
        lines.add_all(with_ids, stream)
        with_ids = []
        known, attributes = _with_metadata(stream, metadata or {})
        lines.add(line, time_unix_ns, known, attributes)
    lines.add_all(with_ids, stream)


def _json_streams(body: bytes, refusals: _Refusals) -> Iterator[tuple[Any, list[Any]]]:
    """Yield labels and entries of each stream: of v1 (`stream`, `values`) or v0 (`labels`, `entries`)."""
    message = decode_json_leniently(body)
    streams = message.get("streams") if isinstance(message, dict) else None
    if not isinstance(streams, list):
        raise MalformedBody('need an object with "streams", a list')
    for stream in streams:
        if not isinstance(stream, dict):
            refusals.add(BAD_ENTRY, "a stream is not an object")
            continue
        values = stream.get("values")
        if values is None:
            values = stream.get("entries")
        if not isinstance(values, list):
            refusals.add(BAD_ENTRY, 'a stream has no list "values"')
            continue
        labels = stream.get("stream", stream.get("labels"))
        yield labels, values


def _quickly(entry: Any) -> _Good | None:
    """Return an entry in the usual form: time as 19 digits, line, and perhaps metadata."""
    size = len(entry) if type(entry) is list else 0
    if size == 3:
        time, line, metadata = entry
        if type(metadata) is not dict:
            return None
    elif size == 2:
        time, line = entry
        metadata = None
    else:
        return None
    if type(time) is not str or type(line) is not str or len(time) != 19:
        return None
    if len(line) > SERVER_LIMITS.record_bytes or not (time.isascii() and time.isdigit()):
        return None
    time_unix_ns = int(time)
    if not _SOONEST_NS <= time_unix_ns < _LATEST_NS:
        return None
    return time_unix_ns, line, metadata


def _checked(value: Any, refusals: _Refusals) -> _Good | None:
    """Return an entry; None for one that cannot be used, which is counted."""
    time, line, metadata = value if type(value) is tuple else _json_entry(value)
    if type(line) is not str:
        refusals.add(BAD_ENTRY, 'an entry is not ["<ns>", "<line>", {metadata}]')
        return None
    if len(line) > SERVER_LIMITS.record_bytes:
        refusals.add("record_size", f"a line of {len(line):,} characters")
        return None
    if metadata is not None and type(metadata) is not dict:
        refusals.add(BAD_ENTRY, "structured metadata is not an object")
        return None
    time_unix_ns = time if type(time) is int else _time_in(time)
    if not 0 < time_unix_ns < _LATEST_NS:
        refusals.add(BAD_TIME, f"timestamp {plain_text(time)[:40]!r} is not nanoseconds since 1970")
        return None
    if time_unix_ns < _SOONEST_NS:
        time_unix_ns = number_unix_ns(time_unix_ns) or time_unix_ns
    return time_unix_ns, line, metadata


def _json_entry(value: Any) -> Entry:
    if type(value) is list:
        size = len(value)
        if size == 2:
            return value[0], value[1], None
        return (value[0], value[1], value[2]) if size == 3 else (None, None, None)
    if type(value) is dict:
        return value.get("ts", value.get("timestamp")), value.get("line"), None
    return None, None, None


def _time_in(value: Any) -> int:
    """Return nanoseconds since 1970 of a text; -1 if it is no instant."""
    if type(value) is not str or len(value) > 64:
        return -1
    if value.isascii() and value.isdigit():
        return int(value)
    return rfc3339_unix_ns(value) or -1


def _stream(labels: Any) -> Known:
    """
    Return what a stream's labels say of each of its records.

    Raises:
        LabelsError: they cannot be read.
    """
    if isinstance(labels, dict):
        pairs = tuple(
            (key, value if type(value) is str else plain_text(value))
            for key, value in labels.items()
        )
        size = sum(len(key) + len(value) for key, value in pairs)
        is_small = size <= _REMEMBERED_CHARACTERS and len(pairs) <= _REMEMBERED_LABELS
        return _stream_of_pairs(pairs) if is_small else _stream_of_pairs.__wrapped__(pairs)
    if isinstance(labels, str):
        is_small = len(labels) <= _REMEMBERED_CHARACTERS and labels.count("=") <= _REMEMBERED_LABELS
        return _stream_of_text(labels) if is_small else _stream_of_text.__wrapped__(labels)
    raise LabelsError("need an object of labels and their values")


@lru_cache(maxsize=4096)
def _stream_of_text(text: str) -> Known:
    return _stream_of_pairs.__wrapped__(tuple(parsed_labels(text)))


@lru_cache(maxsize=4096)
def _stream_of_pairs(pairs: tuple[tuple[str, str], ...]) -> Known:
    labels = dict(pairs)
    service = service_name(labels)
    named = next((name for name in _LEVEL_LABELS if severity_of_word(labels.get(name, ""))), "")
    level = labels.pop(named, "")
    renamed: dict[str, str] = {"service.name": service} if service else {}
    for label, value in labels.items():
        renamed.setdefault(resource_name(label), value)
    renamed.pop("service_name", None)
    return Known(tuple(renamed.items()), service, severity_of_word(level), level)


class _Metadata(NamedTuple):
    """What the names of structured metadata mean; '' where none does."""

    level: str
    trace: str
    span: str
    others: tuple[tuple[str, str], ...]
    """Name and OpenTelemetry's name of each."""


@remembered_by_keys
def _metadata(names: tuple[str, ...]) -> _Metadata:
    level, trace, span = (
        next((name for name in wanted if name in names), "")
        for wanted in (_LEVEL_LABELS, _TRACE_LABELS, _SPAN_LABELS)
    )
    others = [(name, resource_name(name)) for name in names if name not in (level, trace, span)]
    return _Metadata(level, trace, span, tuple(others))


def _ids_alone(metadata: dict[str, Any]) -> bytes | None:
    """Return trace and span, 24 bytes, where the metadata are these in their usual form; else None."""
    if len(metadata) != 2:
        return None
    trace_name, span_name = metadata
    if trace_name not in _TRACE_LABELS or span_name not in _SPAN_LABELS:
        span_name, trace_name = trace_name, span_name
        if trace_name not in _TRACE_LABELS or span_name not in _SPAN_LABELS:
            return None
    trace, span = metadata[trace_name], metadata[span_name]
    if type(trace) is not str or type(span) is not str or len(trace) != 32 or len(span) != 16:
        return None
    try:
        ids = bytes.fromhex(trace + span)
    except ValueError:
        return None
    if len(ids) != 24 or ids[:16] == _NO_TRACE or ids[16:] == _NO_SPAN:
        return None
    return ids


def _with_metadata(stream: Known, metadata: dict[str, Any]) -> tuple[Known, list[tuple[str, Any]]]:
    """Return what is known of a record with structured metadata, and its attributes."""
    meant = _metadata(tuple(metadata))
    attributes = [(name, metadata[key]) for key, name in meant.others]
    resource, service, number, text, trace, span = stream
    if meant.level:
        level = metadata[meant.level]
        found = severity_of_word(level) if type(level) is str else 0
        if found:
            number, text = found, level
        else:
            attributes.append((meant.level, level))
    if meant.trace:
        trace = trace_id(metadata[meant.trace])
        if not trace:
            attributes.append((meant.trace, metadata[meant.trace]))
    if meant.span:
        span = span_id(metadata[meant.span]) if trace else b""
        if not span:
            attributes.append((meant.span, metadata[meant.span]))
    return Known(resource, service, number, text, trace, span), attributes
