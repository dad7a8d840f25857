"""
Log records that another pipeline sends: lines and objects with what the protocol says of them.

A line is read as those of files are, so that level, trace, thread and message are found. What the
protocol itself gives (time, labels, level, trace) wins over what the text says; a time that is only in
the text of an object then stays an attribute, so that nothing is lost.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from tracepulse.receive.any_value import compact_json
from tracepulse.receive.key_plans import remembered_by_keys
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.log_entries import LineReader
from tracepulse.receive.log_fields import FieldRoles, flattened, span_id, trace_id
from tracepulse.receive.log_times import number_unix_ns, rfc3339_unix_ns
from tracepulse.receive.log_writer import LogWriter, Resource
from tracepulse.receive.resource_names import is_of_resource, resource_name
from tracepulse.receive.service_names import naming_fields, service_name
from tracepulse.receive.severities import severity_of_number, severity_of_word

__all__ = ["Known", "SentLogs", "instant_unix_ns", "message_field"]

Pairs = Sequence[tuple[str, Any]]

MAX_ORIGINAL_CHARACTERS = 4096
"""What is kept of the whole line beside the message: attribute values are bounded at 4 KiB."""
_SEVERITY_NAMES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


class Known(NamedTuple):
    """What the protocol says of a record; it wins over what the text says."""

    resource: Resource
    """Without a service.name unless `service` is set."""
    service: str = ""
    severity_number: int = 0
    severity_text: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""


class _Names(NamedTuple):
    """Which key of an object is what; '' where none is."""

    time: str
    level: str
    message: str
    service: str
    trace: str
    span: str
    traceparent: str


@remembered_by_keys
def _names(keys: tuple[str, ...]) -> _Names:
    found = {role: key for key, role in FieldRoles().of(dict.fromkeys(keys))}
    return _Names(*(found.get(role, "") for role in _Names._fields))


class _Line(NamedTuple):
    """A line that is yet to be read."""

    known: Known
    text: str
    time_unix_ns: int
    attributes: Pairs


@remembered_by_keys
def _places_in(keys: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the fields of the resource with their names there, and all that tell it and the service."""
    pairs = [(key, resource_name(key)) for key in keys if is_of_resource(key)]
    pairs += [(key, "service.name") for key in keys if key in ("service.name", "service_name")]
    told = {key for key, _ in pairs}
    naming = [key for key in naming_fields(keys) if key not in told]
    return tuple(pairs), (*(key for key, _ in pairs), *naming)


def _place_of(fields: dict[str, Any], pairs: tuple[tuple[str, str], ...]) -> tuple[Resource, str]:
    service = service_name(fields)
    place: dict[str, Any] = {"service.name": service} if service else {}
    for key, name in pairs:
        value = fields[key]
        if value is not None and name != "service.name":
            place.setdefault(name, compact_json(value) if type(value) in (list, dict) else value)
    return tuple(place.items()), service


class SentLogs:
    """The records of one request, in the making."""

    def __init__(self) -> None:
        self.writer = LogWriter()
        self._named: dict[tuple[Resource, str], Resource] = {}
        self._places: dict[tuple[Any, ...], tuple[Resource, str]] = {}
        self._lines: dict[str, list[_Line]] = {}

    def add_line(
        self, known: Known, reader: LineReader, line: str, time_unix_ns: int, attributes: Pairs = ()
    ) -> None:
        """
        Add the record of a line of text.

        Args:
            time_unix_ns: as the protocol gives it; 0 if it does not, then the line's own counts.
        """
        if line[:1] == "{":
            fields = _object(line)
            if fields is not None:
                if not ("log" in fields and "stream" in fields and "time" in fields):
                    self.add_object(known, fields, line, time_unix_ns, attributes)
                    return
        entry = reader.read(line)
        if entry.original is not None:
            original = ("log.record.original", entry.original[:MAX_ORIGINAL_CHARACTERS])
            attributes = [*attributes, *entry.attributes, original]
        elif entry.attributes:
            attributes = [*attributes, *entry.attributes]
        self.writer.add(
            known.resource if known.service else self._of(known.resource, entry.service),
            entry.body,
            time_unix_ns=time_unix_ns or entry.time_unix_ns or 0,
            severity_number=known.severity_number or entry.severity_number,
            severity_text=known.severity_text or entry.severity_text,
            attributes=attributes,
            trace_id=known.trace_id or entry.trace_id,
            span_id=known.span_id if known.trace_id else entry.span_id,
        )

    def add_known(self, known: Known, body: str, time_unix_ns: int, attributes: Pairs = ()) -> None:
        """Add a record of which everything is known."""
        self.writer.add(
            known.resource,
            body,
            time_unix_ns=time_unix_ns,
            severity_number=known.severity_number,
            severity_text=known.severity_text,
            attributes=attributes,
            trace_id=known.trace_id,
            span_id=known.span_id,
        )

    def add_object(
        self,
        known: Known,
        fields: dict[str, Any],
        whole: str,
        time_unix_ns: int,
        attributes: Pairs = (),
    ) -> None:
        """
        Add the record of an object, whose fields become message, level, trace and attributes.

        Args:
            fields: is used up.
            whole: the body of a record that has no message; '' for the object as JSON.
            time_unix_ns: as for a line.
        """
        if dict in map(type, fields.values()):
            fields = flattened(fields)
        names = _names(tuple(fields))
        body = _message(fields, names.message)
        if body is None:
            body = whole or compact_json(fields)
        number, text = known.severity_number, known.severity_text
        if names.level and not number:
            number, text = _taken_level(fields, names.level)
        trace, span = known.trace_id, known.span_id
        if not trace and (names.trace or names.traceparent):
            trace, span = _taken_trace(fields, names)
        service = known.service
        if not service and names.service:
            value = fields[names.service]
            if isinstance(value, str) and value:
                service = value
                del fields[names.service]
        if not time_unix_ns and names.time:
            time_unix_ns = instant_unix_ns(fields[names.time]) or 0
            if time_unix_ns:
                del fields[names.time]
        self.writer.add(
            known.resource if known.service else self._of(known.resource, service),
            body,
            time_unix_ns=time_unix_ns,
            severity_number=number,
            severity_text=text,
            attributes=[*attributes, *fields.items()] if attributes else list(fields.items()),
            trace_id=trace,
            span_id=span,
        )

    def add_later(
        self, sender: str, known: Known, line: str, time_unix_ns: int, attributes: Pairs = ()
    ) -> None:
        """Note a line of a sender, to be read with its others by `read_lines`."""
        noted = _Line(known, line, time_unix_ns, attributes)
        self._lines.setdefault(sender, []).append(noted)

    def read_lines(self, readers: LineReaders, received_unix_ns: int) -> None:
        """Add the records of the lines that were noted."""
        for sender, noted in self._lines.items():
            texts = [one.text for one in noted]
            with readers.reader(sender, texts, received_unix_ns) as reader:
                for known, text, time_unix_ns, attributes in noted:
                    self.add_line(known, reader, text, time_unix_ns, attributes)
        self._lines.clear()

    def known_of(self, fields: dict[str, Any]) -> Known:
        """
        Take out of the fields of a record what says where it is from, its level and its trace.

        Args:
            fields: flattened; those that mean nothing special are left.
        """
        pairs, naming = _places_in(tuple(fields))
        try:
            key = (naming, tuple([fields[name] for name in naming]))
            found = self._places.get(key)
        except TypeError:  # a list, which cannot be remembered
            key, found = None, None
        if found is None:
            found = _place_of(fields, pairs)
            if key is not None:
                self._places[key] = found
        for name, _ in pairs:
            del fields[name]
        names = _names(tuple(fields))
        number, text = _taken_level(fields, names.level)
        trace, span = (
            _taken_trace(fields, names) if names.trace or names.traceparent else (b"", b"")
        )
        return Known(found[0], found[1], number, text, trace, span)

    def _of(self, resource: Resource, service: str) -> Resource:
        """Return a resource with the service that a record itself names."""
        if not service:
            return resource
        named = self._named.get((resource, service))
        if named is None:
            named = (("service.name", service), *resource)
            self._named[resource, service] = named
        return named


def instant_unix_ns(value: Any) -> int | None:
    """Return the instant that a field of an object holds, as RFC 3339 or as a number since 1970."""
    if isinstance(value, str):
        if value[4:5] == "-":
            return rfc3339_unix_ns(value)
        return _number_in(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_unix_ns(value)
    return None


def message_field(fields: dict[str, Any]) -> str:
    """Return which field of a record is its message; '' if none is."""
    return _names(tuple(fields)).message


def _number_in(text: str) -> int | None:
    """Return the instant of a number written as text, to its last digit."""
    whole, _, fraction = text.strip().partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 19):
        return None
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        return None
    if len(whole) <= 10:
        return number_unix_ns(int(whole) * 10**9 + int(fraction[:9].ljust(9, "0")))
    if fraction and len(whole) == 13:  # milliseconds, and the rest as their fraction
        return number_unix_ns(int(whole) * 10**6 + int(fraction[:6].ljust(6, "0")))
    return number_unix_ns(int(whole))


def _object(line: str) -> dict[str, Any] | None:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return fields if type(fields) is dict and fields else None


def _message(fields: dict[str, Any], name: str) -> str | None:
    """Take the message out of an object; None if it has none."""
    if not name:
        return None
    value = fields[name]
    if type(value) is str:
        del fields[name]
        return value.rstrip("\r\n")
    if value is None:
        return None
    del fields[name]
    return compact_json(value)


def _level(value: Any) -> tuple[int, str]:
    if type(value) is str:
        number = severity_of_word(value)
        if number or not value.strip().isdigit():
            return number, value.strip()
        value = int(value) if len(value) < 4 else None
    if type(value) is int:
        number = severity_of_number(value)
        return number, _SEVERITY_NAMES[(number - 1) // 4] if number else ""
    return 0, ""


def _taken_level(fields: dict[str, Any], name: str) -> tuple[int, str]:
    """Take the level out of an object, as number and text."""
    if not name:
        return 0, ""
    number, text = _level(fields[name])
    if number or text:
        del fields[name]
    return number, text


def _taken_trace(fields: dict[str, Any], names: _Names) -> tuple[bytes, bytes]:
    """Take trace and span out of an object; a traceparent stays, as it says more."""
    trace, span = b"", b""
    if names.trace:
        trace = trace_id(fields[names.trace])
        if trace:
            del fields[names.trace]
    if names.span and trace:
        span = span_id(fields[names.span])
        if span:
            del fields[names.span]
    if not trace and names.traceparent:
        value = fields[names.traceparent]
        parts = value.split("-") if isinstance(value, str) else []
        if len(parts) == 4:
            trace = trace_id(parts[1])
            span = span_id(parts[2]) if trace else b""
    return trace, span
