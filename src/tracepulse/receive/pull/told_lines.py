"""
Lines that a source tells, as log records: what the line says, completed by what the source says.

Time and labels of the source win over those found in the text. Readers learn the layout of the
lines of a stream, and are kept for a bounded number of streams.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tracepulse.receive.log_entries import Entry, LineReader
from tracepulse.receive.log_fields import span_id, trace_id
from tracepulse.receive.severities import severity_of_word

__all__ = ["Readers", "Told", "key_of", "severity_of", "told"]

_READERS = 256
_LEARNT_LINES = 200
_MAX_LINE_CHARACTERS = 64 * 1024
"""Longer lines are cut: a body is at most this long anyway."""
_TRACE_NAMES = ("trace_id", "traceId", "traceID", "traceid", "trace.id")
_SPAN_NAMES = ("span_id", "spanId", "spanID", "spanid", "span.id")
_LEVEL_NAMES = ("severity_text", "level", "detected_level", "severity", "log.level", "lvl")


@dataclass(frozen=True, slots=True)
class Told:
    """What was made of a line."""

    body: str
    severity_number: int
    severity_text: str
    service: str
    trace_id: bytes
    span_id: bytes
    attributes: tuple[tuple[str, Any], ...]


class Readers:
    """Readers of lines by stream; the one used longest ago is forgotten first."""

    def __init__(self) -> None:
        self._readers: OrderedDict[str, LineReader] = OrderedDict()

    def of(self, stream: str, first_lines: Sequence[str], now_unix_ns: int) -> LineReader:
        """Return the reader of a stream; a new one learns from its first lines."""
        reader = self._readers.get(stream)
        if reader is None:
            reader = self._readers[stream] = LineReader(now_unix_ns)
            reader.learn([line for line in first_lines[:_LEARNT_LINES] if line])
            if len(self._readers) > _READERS:
                self._readers.popitem(last=False)
        self._readers.move_to_end(stream)
        return reader


def told(reader: LineReader, line: str, beside: Mapping[str, Any]) -> Told:
    """Return what a line says; `beside` are fields that the source keeps with it."""
    line = line[:_MAX_LINE_CHARACTERS].rstrip("\r\n")
    entry = reader.read(line) if line else Entry("")
    number, text = severity_of(beside)
    used = set()
    if not number:
        number, text = entry.severity_number, entry.severity_text
    trace = span = b""
    for name in _TRACE_NAMES:
        if name in beside and (trace := trace_id(beside[name])):
            used.add(name)
            break
    for name in _SPAN_NAMES:
        if name in beside and (span := span_id(beside[name])):
            used.add(name)
            break
    kept = tuple((key, value) for key, value in beside.items() if key not in used)
    original = (("log.record.original", entry.original[:4096]),) if entry.original else ()
    return Told(
        entry.body,
        number,
        text,
        entry.service,
        trace or entry.trace_id,
        span if trace else entry.span_id,
        (*entry.attributes, *kept, *original),
    )


def severity_of(fields: Mapping[str, Any]) -> tuple[int, str]:
    """Return the severity that fields name, as number and word; (0, '') where they name none."""
    for name in _LEVEL_NAMES:
        word = fields.get(name)
        if isinstance(word, str) and (number := severity_of_word(word)):
            return number, word
    return 0, ""


def key_of(*parts: Any) -> int:
    """Return 64 signed bits that stand for some values."""
    text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
