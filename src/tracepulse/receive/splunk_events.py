"""
Events of Splunk's HTTP Event Collector to OTLP log records.

Host, source, sourcetype and index are kept under the names that OpenTelemetry's Collector gives them.
https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/format-events-for-http-event-collector
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.errors import LimitExceeded
from tracepulse.receive.any_value import compact_json
from tracepulse.receive.document_batches import DocumentBatch, Kind
from tracepulse.receive.document_plans import SPLUNK, SPLUNK_METADATA
from tracepulse.receive.field_values import instant_unix_ns
from tracepulse.receive.json_body import check_json_cost
from tracepulse.receive.json_sequence import UNREADABLE_VALUE, read_json_sequence
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.line_batches import Cells, address, is_ready, read_noted
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.log_fields import flattened
from tracepulse.receive.log_lines import LogReader, LogSource
from tracepulse.receive.loops.requests import split_objects
from tracepulse.receive.sent_logs import Known, SentLogs
from tracepulse.receive.service_names import service_name
from tracepulse.receive.severities import severity_of_word

__all__ = ["HecCode", "SplunkEvents", "read_events", "read_raw"]

HecCode = int
"""Number of an answer, as Splunk lists them."""
_NO_EVENT, _BLANK_EVENT, _BAD_FORMAT, _BAD_FIELDS = 12, 13, 6, 15
_REASONS = {
    _NO_EVENT: "no_event",
    _BLANK_EVENT: "blank_event",
    _BAD_FORMAT: "unreadable",
    _BAD_FIELDS: "fields",
}
_MAX_LINES = 4 * SERVER_LIMITS.records
"""Of raw text; an event may have several."""
METRIC = "metric_event"
"""Why an event was left out: it holds metrics, which are taken by OTLP and remote write only."""
_SEVERITY_NUMBER, _SEVERITY_TEXT = "otel.log.severity.number", "otel.log.severity.text"
"""Fields in which the Collector sends a record's severity."""


class SplunkEvents(NamedTuple):
    """What a request holds."""

    body: bytes
    """An ExportLogsServiceRequest."""
    records: int
    rejected: Counter[str]
    """Events left out, by reason."""
    fault: tuple[HecCode, int] | None = None
    """The first event left out: why, and its place, counted from 0."""


class _RefusedError(Exception):
    """An event cannot be used; holds Splunk's code for why, and our reason."""

    def __init__(self, code: HecCode, reason: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason or _REASONS[code]


def read_events(
    body: bytes, defaults: Mapping[str, str], readers: LineReaders, received_unix_ns: int
) -> SplunkEvents:
    """
    Read a batch of events: JSON objects one behind another.

    Args:
        defaults: host, source, sourcetype and index for events without.
    Raises:
        LimitExceeded: there are too many.
    """
    logs = SentLogs()
    rejected: Counter[str] = Counter()
    fault = None
    batch, events = _batch(body) if is_ready() and not defaults else (None, None)
    for place, event in enumerate(read_json_sequence(body) if events is None else events):
        try:
            if batch is None or not batch.add(logs, place):
                _add_event(logs, event, defaults)
        except _RefusedError as refused:
            rejected[refused.reason] += 1
            fault = fault or (refused.code, place)
    read_noted(logs, readers, received_unix_ns)
    return SplunkEvents(logs.writer.to_bytes(), logs.writer.records, rejected, fault)


def _batch(body: bytes) -> tuple[DocumentBatch | None, list[Any] | None]:
    """
    Have the compiled loops read events.

    Returns them, and the values of those that are left to Python, by place; None where the body is
    anything but objects.
    """
    check_json_cost(body)
    places: Cells = np.empty((min(body.count(b"{"), SERVER_LIMITS.records), 2), np.int64)
    data = np.frombuffer(body or b" ", np.uint8)
    count = split_objects(address(data), len(data), places)
    if count <= 0:
        return None, None
    batch = DocumentBatch("splunk", body, places[:count], [Kind(SPLUNK)])
    events: list[Any] = [None] * count
    try:
        for at in batch.undone():
            start, end = places[at].tolist()
            events[at] = orjson.loads(body[start:end])
    except orjson.JSONDecodeError:
        return None, None  # where such an event ends is not certain
    return batch, events


def _add_event(logs: SentLogs, event: Any, defaults: Mapping[str, str]) -> None:
    if type(event) is not dict or event is UNREADABLE_VALUE:
        raise _RefusedError(_BAD_FORMAT)
    if "event" not in event:
        raise _RefusedError(_NO_EVENT)
    content = event["event"]
    if content is None or content in ("", {}):
        raise _RefusedError(_BLANK_EVENT)
    if type(content) is str and len(content) > SERVER_LIMITS.record_bytes:
        raise _RefusedError(_BAD_FORMAT, "record_size")
    time_unix_ns = 0
    if event.get("time") is not None:
        time_unix_ns = instant_unix_ns(event["time"]) or 0
        if not time_unix_ns:
            raise _RefusedError(_BAD_FORMAT, "timestamp")
    fields = _fields(event, defaults)
    if content == "metric" and any(name.startswith("metric_name") for name in fields):
        raise _RefusedError(_BAD_FORMAT, METRIC)
    known, attributes = _known(logs, fields)
    if type(content) is str:
        logs.add_later(_sender(known), known, content, time_unix_ns, attributes)
    elif type(content) is dict:
        _add_object(logs, known, content, time_unix_ns, attributes)
    else:
        logs.add_object(known, {}, compact_json(content), time_unix_ns, attributes)


def _fields(event: dict[str, Any], defaults: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of an event, with its metadata among them."""
    given = event.get("fields")
    if given is None:
        fields: dict[str, Any] = {}
    elif type(given) is dict:
        fields = flattened(given) if dict in map(type, given.values()) else given
    else:
        raise _RefusedError(_BAD_FIELDS)
    for name, attribute in SPLUNK_METADATA.items():
        value = event.get(name) or (defaults and defaults.get(name))
        if value:
            text = value if type(value) is str else compact_json(value)
            fields.setdefault(attribute, text)
    return fields


def _known(logs: SentLogs, fields: dict[str, Any]) -> tuple[Known, list[tuple[str, Any]]]:
    """Return what the fields say of an event, and the attributes that are left."""
    if _SEVERITY_NUMBER not in fields and _SEVERITY_TEXT not in fields:
        return logs.known_of(fields)
    number, text = fields.pop(_SEVERITY_NUMBER, 0), fields.pop(_SEVERITY_TEXT, "")
    known, left = logs.known_of(fields)
    number = (
        int(number)
        if type(number) in (int, str) and str(number).isdecimal() and len(str(number)) < 3
        else 0
    )
    text = text if type(text) is str else ""
    if not 1 <= number <= 24:
        number = severity_of_word(text)
    return known._replace(severity_number=number, severity_text=text), left


def _sender(known: Known) -> str:
    return f"splunk/{known.service}"


def _add_object(
    logs: SentLogs,
    known: Known,
    content: dict[str, Any],
    time_unix_ns: int,
    attributes: list[tuple[str, Any]],
) -> None:
    line = content.get("line")
    if line is None or "message" in content or "msg" in content:
        logs.add_object(known, content, "", time_unix_ns, attributes)
        return
    # Docker's driver: the line, and beside it where it is from.
    del content["line"]
    rest = flattened(content)
    if rest.get("source") in ("stdout", "stderr"):
        rest["log.iostream"] = rest.pop("source")
    attributes += rest.items()
    if not known.service or known.service == dict(known.resource).get("com.splunk.source"):
        named = service_name({key.removeprefix("attrs."): value for key, value in rest.items()})
        if named:
            others = [pair for pair in known.resource if pair[0] != "service.name"]
            known = known._replace(service=named, resource=(("service.name", named), *others))
    if type(line) is dict and line:
        logs.add_object(known, line, "", time_unix_ns, attributes)
    else:
        text = line if type(line) is str else compact_json(line)
        logs.add_later(_sender(known), known, text, time_unix_ns, attributes)


def read_raw(body: bytes, defaults: Mapping[str, str], received_unix_ns: int) -> SplunkEvents:
    """
    Read raw text as that of a file: a line is an event, or continues the one before.

    Raises:
        LimitExceeded: there are too many lines.
    """
    if body.count(b"\n") > _MAX_LINES:
        raise LimitExceeded(f"more than {_MAX_LINES:,} lines: send smaller batches")
    fields: dict[str, Any] = {
        attribute: defaults[name]
        for name, attribute in SPLUNK_METADATA.items()
        if defaults.get(name)
    }
    known, _ = SentLogs().known_of(fields)
    resource = tuple((name, str(value)) for name, value in known.resource if name != "service.name")
    reader = LogReader(LogSource(received_unix_ns, service=known.service, resource=resource))
    requests = [*reader.read(body.removesuffix(b"\n").split(b"\n")), *reader.finish()]
    for request in requests:
        _forget_reading(request)
    # Messages of protobuf one behind another are one message.
    whole = b"".join(request.SerializeToString() for request in requests)
    return SplunkEvents(whole, reader.tally.records, Counter())


def _forget_reading(request: ExportLogsServiceRequest) -> None:
    """Leave the time of lines that have none open: the same request must give the same bytes."""
    for group in request.resource_logs:
        for record in group.scope_logs[0].log_records:
            if record.attributes and record.attributes[-1].key == "tracepulse.time_from":
                if record.attributes[-1].value.string_value == "reading":
                    record.time_unix_nano = 0
                del record.attributes[-1]
