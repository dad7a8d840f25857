"""
Log records that another pipeline sends: lines and objects with what the protocol says of them.

A line is read as those of files are, so that level, trace, thread and message are found. What the
protocol itself gives (time, labels, level, trace) wins over what the text says; a time that is only in
the text of an object then stays an attribute, so that nothing is lost.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from tracepulse.receive.access_json import is_access_record, read_access_fields
from tracepulse.receive.any_value import compact_json
from tracepulse.receive.field_plans import FieldPlan, document_plan, object_plan
from tracepulse.receive.field_values import (
    body_of,
    instant_unix_ns,
    level_of,
    time_of,
    trace_of,
)
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.log_entries import LineReader
from tracepulse.receive.log_fields import flattened, logfmt_fields
from tracepulse.receive.log_writer import LogWriter, Resource
from tracepulse.receive.service_names import service_name

__all__ = ["Kept", "Known", "NotedLine", "Pairs", "SentLogs", "place_of"]

Pairs = Sequence[tuple[str, Any]]

MAX_ORIGINAL_CHARACTERS = 4096
"""What is kept of the whole line beside the message: attribute values are bounded at 4 KiB."""


class Known(NamedTuple):
    """What the protocol says of a record; it wins over what the text says."""

    resource: Resource
    """Without a service.name unless `service` is set."""
    service: str = ""
    severity_number: int = 0
    severity_text: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""


class NotedLine(NamedTuple):
    """A line that is yet to be read."""

    known: Known
    text: str
    time_unix_ns: int
    attributes: Pairs


class Kept(NamedTuple):
    """A line that is yet to be read, and was found in a document by the compiled loops."""

    resource: Resource
    service: str
    text: bytes
    time_unix_ns: int
    packed: bytes
    """Its attributes."""
    ids: bytes
    """16 bytes of trace and 8 of span; zeros where there is none."""


_PLACES: dict[tuple[Any, ...], tuple[Resource, str]] = {}
"""Resource and service by keys and texts, those last seen: senders are few, and their records many."""
_KEPT_PLACES, _PLACE_KEYS, _PLACE_CHARACTERS = 4096, 64, 2048
_TEXT = frozenset({str})


def place_of(plan: FieldPlan, fields: dict[str, Any]) -> tuple[Resource, str]:
    """Return the resource and the service of flattened fields."""
    values = plan.pick_place(fields)
    if set(map(type, values)) - _TEXT:
        return _place_of(fields, plan.place_pairs)
    key = (plan.place_keys, values)
    found = _PLACES.get(key)
    if found is None:
        found = _place_of(fields, plan.place_pairs)
        if (
            len(values) <= _PLACE_KEYS
            and len("".join((*plan.place_keys, *values))) <= _PLACE_CHARACTERS
        ):
            if len(_PLACES) >= _KEPT_PLACES:
                _PLACES.clear()
            _PLACES[key] = found
    return found


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
        self._lines: dict[str, list[NotedLine | Kept]] = {}

    def add_line(
        self, known: Known, reader: LineReader, line: str, time_unix_ns: int, attributes: Pairs = ()
    ) -> None:
        """
        Add the record of a line of text.

        Args:
            time_unix_ns: as the protocol gives it; 0 if it does not, then the line's own counts.
        """
        fields = None
        if line[:1] == "{":
            fields = _object(line)
        elif reader.is_logfmt:
            fields = logfmt_fields(line)
        # What a container's runtime wrapped is another line, which the reader takes out.
        if fields is not None and not ("log" in fields and "stream" in fields):
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
            whole: the body of a record that has no message; '' for the object as JSON.
            time_unix_ns: as for a line.
        """
        if dict in map(type, fields.values()):
            fields = flattened(fields)
        if "response_code" in fields and is_access_record(fields):
            self._add_access(known, fields, time_unix_ns, attributes)
            return
        plan = object_plan(tuple(fields))
        left = [*attributes, *zip(plan.names, plan.pick(fields), strict=True)]
        resource, service, number, text, trace, span = known
        number, text = level_of(plan, fields, left, number, text)
        if plan.trace or plan.traceparent or plan.span:
            trace, span = trace_of(plan, fields, left, trace, span)
        if plan.time:
            time_unix_ns = time_of(plan, fields, left, time_unix_ns)
        if plan.service:
            named = fields[plan.service]
            if service or type(named) is not str:
                left.append((plan.service, named))
            else:
                resource = self._of(resource, named)
        self.writer.add(
            resource,
            body_of(plan, fields, whole),
            time_unix_ns=time_unix_ns,
            severity_number=number,
            severity_text=text,
            attributes=left,
            trace_id=trace,
            span_id=span,
        )

    def add_document(
        self, sender: str, fields: dict[str, Any], source: bytes, time_unix_ns: int
    ) -> None:
        """
        Add the record of flattened fields that say themselves where it is from.

        A message whose level is not known beside it is read as a line, when `read_lines` is called.

        Args:
            source: the document as it came, which is the body of a record that has no message.
        """
        plan = document_plan(tuple(fields))
        left = list(zip(plan.names, plan.pick(fields), strict=True))
        resource, service = place_of(plan, fields)
        if "response_code" in fields and is_access_record(fields):
            placed = dict(plan.place_pairs)
            others = {key: value for key, value in fields.items() if key not in placed}
            self._add_access(Known(resource, service), others, time_unix_ns, ())
            return
        number, text = level_of(plan, fields, left, 0, "")
        trace, span = b"", b""
        if plan.trace or plan.traceparent or plan.span:
            trace, span = trace_of(plan, fields, left, trace, span)
        if plan.time:
            time_unix_ns = time_of(plan, fields, left, time_unix_ns)
        body = body_of(plan, fields, "" if plan.message else source.decode(errors="replace"))
        if plan.message and not number:
            known = Known(resource, service, number, text, trace, span)
            self.add_later(f"{sender}/{service}", known, body, time_unix_ns, left)
            return
        self.writer.add(
            resource,
            body,
            time_unix_ns=time_unix_ns,
            severity_number=number,
            severity_text=text,
            attributes=left,
            trace_id=trace,
            span_id=span,
        )

    def _add_access(
        self, known: Known, fields: dict[str, Any], time_unix_ns: int, attributes: Pairs
    ) -> None:
        """Add the record of a request that a proxy of a mesh wrote as an object."""
        access = read_access_fields(fields)
        named = access.time_unix_ns or instant_unix_ns(fields.get("start_time"))
        self.writer.add(
            known.resource if known.service else self._of(known.resource, access.service),
            access.body,
            time_unix_ns=time_unix_ns or named or 0,
            severity_number=access.severity_number,
            attributes=[*attributes, *access.attributes],
            trace_id=known.trace_id or access.trace_id,
            span_id=known.span_id if known.trace_id else access.span_id,
        )

    def add_later(
        self, sender: str, known: Known, line: str, time_unix_ns: int, attributes: Pairs = ()
    ) -> None:
        """Note a line of a sender, to be read with its others by `read_lines`."""
        noted = NotedLine(known, line, time_unix_ns, attributes)
        self._lines.setdefault(sender, []).append(noted)

    def keep(self, sender: str, line: Kept) -> None:
        """Note a line as `add_later` does."""
        self._lines.setdefault(sender, []).append(line)

    def take_noted(self) -> list[tuple[str, list[NotedLine | Kept]]]:
        """Return the lines that were noted, by sender, and forget them."""
        noted, self._lines = self._lines, {}
        return list(noted.items())

    def read_lines(self, readers: LineReaders, received_unix_ns: int) -> None:
        """Add the records of the lines that were noted."""
        for sender, every in self.take_noted():
            noted = [one for one in every if isinstance(one, NotedLine)]
            lent = readers.lend(sender, [one.text for one in noted], received_unix_ns)
            for known, text, time_unix_ns, attributes in noted:
                self.add_line(known, lent.reader, text, time_unix_ns, attributes)
            readers.take_back(lent)

    def known_of(self, fields: dict[str, Any]) -> tuple[Known, list[tuple[str, Any]]]:
        """Return what flattened fields beside a record say of it, and what is left of them."""
        plan = document_plan(tuple(fields))
        left = list(zip(plan.names, plan.pick(fields), strict=True))
        for name in (plan.message, plan.time):
            if name:
                left.append((name, fields[name]))
        resource, service = place_of(plan, fields)
        number, text = level_of(plan, fields, left, 0, "")
        trace, span = b"", b""
        if plan.trace or plan.traceparent or plan.span:
            trace, span = trace_of(plan, fields, left, trace, span)
        return Known(resource, service, number, text, trace, span), left

    def _of(self, resource: Resource, service: str) -> Resource:
        """Return a resource with the service that a record itself names."""
        if not service:
            return resource
        named = self._named.get((resource, service))
        if named is None:
            named = (("service.name", service), *resource)
            self._named[resource, service] = named
        return named


def _object(line: str) -> dict[str, Any] | None:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return fields if type(fields) is dict and fields else None
