"""One log line as an entry: text, JSON, logfmt, and what container runtimes wrap around them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

import orjson

from tracepulse.receive.access_json import is_access_record, read_access_fields
from tracepulse.receive.access_lines import read_access_line
from tracepulse.receive.access_records import AccessRecord
from tracepulse.receive.any_value import compact_json
from tracepulse.receive.log_fields import (
    FieldRoles,
    flattened,
    has_log_fields,
    logfmt_fields,
    span_id,
    trace_id,
)
from tracepulse.receive.log_headers import HeaderReader
from tracepulse.receive.log_times import TIME_LAYOUTS, InstantReader, number_unix_ns
from tracepulse.receive.severities import LEVEL_PATTERN, severity_of_number, severity_of_word

__all__ = ["Entry", "LineReader"]

_LOGFMT_RATIO = 0.5
_MAX_NUMBER = 24
_WRAPPINGS = 2
"""A runtime's wrapping, and the line inside it."""

_CRI = re.compile(r"(\d{4}-\d\d-\d\dT\S+) (?:stdout|stderr) ([FP]) ?")
_TRACE_IN_TEXT = re.compile(
    r"(?i)\btrace[._-]?id\\?[\"']?\s*[=:]\s*\\?[\"']?([0-9a-f]{32}|[0-9a-f]{16})(?![0-9a-z])"
)
_SPAN_IN_TEXT = re.compile(
    r"(?i)\bspan[._-]?id\\?[\"']?\s*[=:]\s*\\?[\"']?([0-9a-f]{16})(?![0-9a-z])"
)
_SERVICE_IN_TEXT = re.compile(r"\bservice[._]name=[\"']?([\w.-]+)")
_LEADING_LEVEL = re.compile(rf"[\[(<]?((?i:{LEVEL_PATTERN}))[\])>]?:(?:\s|$)")
_SEVERITY_NAMES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@dataclass(slots=True)
class Entry:
    """A log record in the making."""

    body: str
    time_unix_ns: int | None = None
    severity_number: int = 0
    severity_text: str = ""
    original: str | None = None
    """The whole line, where the body is only a part of it."""
    trace_id: bytes = b""
    span_id: bytes = b""
    service: str = ""
    attributes: Sequence[tuple[str, Any]] = ()
    headed: bool = False
    """A header or fields were recognised, so that this is the beginning of a record."""
    partial: bool = False
    """The runtime split the line: the next entry continues this text."""


@dataclass(slots=True)
class LineReader:
    """Reads the lines of one file one by one; learns its layout from the first of them."""

    reference_unix_ns: int
    zone: tzinfo = UTC
    headers: HeaderReader = field(init=False)
    _logfmt: bool = False
    _roles: FieldRoles = field(default_factory=FieldRoles)
    _instants: list[tuple[re.Pattern[str], InstantReader]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.headers = HeaderReader(self.reference_unix_ns, self.zone)
        self._instants = [
            (
                re.compile(layout.pattern, re.ASCII),
                InstantReader(layout, self.reference_unix_ns, self.zone),
            )
            for layout in TIME_LAYOUTS
            if layout.civil is not None
        ]

    def learn(self, lines: Sequence[str]) -> float:
        """Learn from a file's first lines; returns the share of them that begin as log lines do."""
        inner = [text for line in lines if (text := self._unwrapped(line)).strip()]
        begun = [line for line in inner if not line[0].isspace()]
        texts = [line for line in begun if line[0] != "{"]
        pairs = sum(1 for line in texts if logfmt_fields(line) is not None)
        self._logfmt = bool(texts) and pairs >= _LOGFMT_RATIO * len(texts)
        if texts and not self._logfmt:
            self.headers.learn(texts)
        known = sum(1 for line in begun if self._entry(line, 0).headed)
        self.headers.keep_learning([] if self._logfmt else texts)
        return known / len(begun) if begun else 0.0

    @property
    def is_logfmt(self) -> bool:
        """Whether most of the lines learnt from were made of pairs."""
        return self._logfmt

    def settle(self) -> None:
        """Learn no more: from now on a line is read alike whenever it comes."""
        self.headers.settle()

    def renew(self, reference_unix_ns: int) -> None:
        """Forget the instants seen, and complete times from now on by another reference."""
        self.reference_unix_ns = reference_unix_ns
        self.headers.renew(reference_unix_ns)
        for _, reader in self._instants:
            reader.renew(reference_unix_ns)

    def read(self, line: str, wrappings: int = _WRAPPINGS) -> Entry:
        """Return the entry of one line; with nothing recognised, its body is the line."""
        entry = self._entry(line, wrappings)
        body = entry.body
        if not entry.trace_id and ("race" in body or "RACE" in body):
            _find_trace(entry, line)
        if not entry.severity_number and entry.headed and ":" in body:
            match = _LEADING_LEVEL.match(body)
            if match is not None:
                _set_level(entry, match[1])
        return entry

    def _entry(self, line: str, wrappings: int) -> Entry:
        if line[:1] == "{":
            fields = _json_fields(line)
            if fields is not None:
                return self._fielded(line, fields, wrappings)
        elif wrappings and line[10:11] == "T" and ("stdout" in line[:48] or "stderr" in line[:48]):
            match = _CRI.match(line)
            if match is not None:
                return self._wrapped(line[match.end() :], match[1], match[2] == "P", wrappings)
        elif self._logfmt:
            fields = logfmt_fields(line)
            if fields is not None:
                return self._fielded(line, fields, 0)
        if line[:2] == "[2" and '"' in line[20:48]:
            access = read_access_line(line)
            if access is not None:
                return _of_access(access, line)
        header = self.headers.read(line)
        if header is None and line[:1] > " ":
            header = self.headers.read_unusual(line)
        if header is None:
            return Entry(line)
        message = line[header.message_start :]
        entry = Entry(
            message or line,  # nothing but a header is a message all the same
            header.time_unix_ns,
            original=line if message else None,
            attributes=header.attributes,
            headed=True,
        )
        if header.severity_text:
            entry.severity_text = header.severity_text
            entry.severity_number = severity_of_word(header.severity_text)
        return entry

    def _wrapped(self, text: str, time: Any, partial: bool, wrappings: int) -> Entry:
        """Return the entry of the line in a runtime's wrapping; its time is the second choice."""
        entry = self.read(text, wrappings - 1)
        entry.partial = partial
        if entry.time_unix_ns is None:
            entry.time_unix_ns = self._instant_ns(time)
        return entry

    def _unwrapped(self, line: str) -> str:
        match = _CRI.match(line)
        if match is not None:
            return line[match.end() :]
        if line[:1] == "{":
            fields = _json_fields(line)
            if fields is not None and _is_docker(fields):
                return str(fields["log"]).rstrip("\r\n")
        return line

    def _fielded(self, line: str, fields: dict[str, Any], wrappings: int) -> Entry:
        if wrappings and _is_docker(fields):
            text = str(fields["log"])
            whole = text.endswith("\n")
            return self._wrapped(text.rstrip("\r\n"), fields.get("time"), not whole, wrappings)
        if any(type(value) is dict for value in fields.values()):
            fields = flattened(fields)
            _join_instant(fields)
        if is_access_record(fields):
            entry = _of_access(read_access_fields(fields), line)
            if entry.time_unix_ns is None:
                entry.time_unix_ns = self._instant_ns(fields.get("start_time"))
            return entry
        entry = Entry(line, headed=True)
        for key, role in self._roles.of(fields):
            if self._take(entry, role, fields[key]):
                del fields[key]
        entry.attributes = list(fields.items())
        return entry

    def _take(self, entry: Entry, role: str, value: Any) -> bool:
        """Give a field to the part of the record that it is; False if it cannot be that."""
        if role == "time":
            entry.time_unix_ns = self._instant_ns(value)
            return entry.time_unix_ns is not None
        if role == "level":
            return _set_level(entry, value)
        if role == "message":
            if value is None:
                return False
            entry.body = value.rstrip("\r\n") if isinstance(value, str) else compact_json(value)
            return True
        if role == "service":
            entry.service = value if isinstance(value, str) else ""
            return bool(entry.service)
        if role == "traceparent":
            parts = value.split("-") if isinstance(value, str) else []
            if len(parts) == 4 and not entry.trace_id:
                entry.trace_id, entry.span_id = trace_id(parts[1]), span_id(parts[2])
            return False
        if role == "trace":
            entry.trace_id = trace_id(value) or entry.trace_id
            return bool(entry.trace_id)
        entry.span_id = span_id(value) or entry.span_id
        return bool(entry.span_id)

    def _instant_ns(self, value: Any) -> int | None:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return number_unix_ns(value)
        if not isinstance(value, str):
            return None
        text = value.strip()
        if len(text) < _MAX_NUMBER and text.isascii() and text.replace(".", "", 1).isdigit():
            return number_unix_ns(float(text) if "." in text else int(text))
        for place, (pattern, reader) in enumerate(self._instants):
            match = pattern.fullmatch(text)
            if match is not None:
                if place:  # the layout that fitted last is tried first
                    self._instants.insert(0, self._instants.pop(place))
                return reader.read(match[1], match[2], match[3])
        return None


def _of_access(access: AccessRecord, line: str) -> Entry:
    """Return the entry of a line of Envoy's or Istio's access log."""
    return Entry(
        access.body,
        access.time_unix_ns,
        access.severity_number,
        original=line,
        trace_id=access.trace_id,
        span_id=access.span_id,
        service=access.service,
        attributes=access.attributes,
        headed=True,
    )


def _json_fields(line: str) -> dict[str, Any] | None:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return fields if isinstance(fields, dict) and has_log_fields(fields) else None


def _is_docker(fields: dict[str, Any]) -> bool:
    """Tell whether this is a line of Docker's json-file driver, which wraps another line."""
    return isinstance(fields.get("log"), str) and "stream" in fields and "time" in fields


_INSTANTS_IN_TWO = (
    ("instant", "instant.epochSecond", "instant.nanoOfSecond"),  # log4j2
    ("timestamp", "timestamp.seconds", "timestamp.nanos"),  # Google Cloud
)


def _join_instant(fields: dict[str, Any]) -> None:
    """Make one field of the two in which some loggers write an instant."""
    for name, whole, rest in _INSTANTS_IN_TWO:
        seconds, nanos = fields.get(whole), fields.get(rest)
        if isinstance(seconds, int) and isinstance(nanos, int):
            del fields[whole], fields[rest]
            fields[name] = seconds * 10**9 + nanos


def _set_level(entry: Entry, level: Any) -> bool:
    if isinstance(level, str) and level.strip().isdecimal() and len(level) < 4:
        level = int(level)
    if isinstance(level, str):
        entry.severity_text = level.strip()
        entry.severity_number = severity_of_word(level)
        return bool(entry.severity_text)
    if isinstance(level, int) and not isinstance(level, bool):
        entry.severity_number = severity_of_number(level)
        if entry.severity_number:
            entry.severity_text = _SEVERITY_NAMES[(entry.severity_number - 1) // 4]
    return bool(entry.severity_number)


def _find_trace(entry: Entry, line: str) -> None:
    """Take the trace, span and service that a text line names, if it names a trace."""
    match = _TRACE_IN_TEXT.search(line)
    if match is None:
        return
    entry.trace_id = trace_id(match[1])
    match = _SPAN_IN_TEXT.search(line)
    if match is not None and entry.trace_id:
        entry.span_id = span_id(match[1])
    if not entry.service:
        match = _SERVICE_IN_TEXT.search(line)
        if match is not None:
            entry.service = match[1]
