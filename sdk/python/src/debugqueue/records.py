"""Events to encoded log records: flattened, scrubbed, encoded; on the exporter's thread, in slices."""

from typing import Any, Dict, List, NamedTuple, Tuple

from debugqueue.bounded_queue import Event
from debugqueue.captured import formatted
from debugqueue.limits import MAX_ATTRIBUTES
from debugqueue.otlp import LogEncoder
from debugqueue.scrub import Scrubber
from debugqueue.snapshot import cut

__all__ = ["Readable", "Recorder", "readable"]

_STACK_CHARS = 16 * 1024
_NO_TRACE = (0, 0, 0)


class Readable(NamedTuple):
    """One event, flat: what is encoded, or written as a line of JSON."""

    event: Event
    body: str
    attributes: List[Tuple[str, Any]]
    place: Tuple[str, str, int]
    trace: Tuple[int, int, int]
    left_out: int


def readable(event: Event) -> Readable:
    """Return an event with its nested details under names with dots, one level deep."""
    attributes: Dict[str, Any] = {}
    for source in (event.bound, event.attributes):
        if source:
            _flatten(source, attributes)
    body = event.body
    if body is None:
        message = attributes.pop("message", None)
        body = message if type(message) is str else event.tag
        if message is not None and body is not message:
            attributes["message"] = message
    if event.error is not None:
        attributes["exception.type"] = event.error.type
        attributes["exception.message"] = event.error.message
        attributes["exception.stacktrace"] = cut(formatted(event.error), _STACK_CHARS)
    kept = list(attributes.items())
    left_out = event.left_out + max(0, len(kept) - MAX_ATTRIBUTES)
    return Readable(
        event, body, kept[-MAX_ATTRIBUTES:], _place(event), _trace(event.trace), left_out
    )


def _flatten(source: Dict[str, Any], into: Dict[str, Any]) -> None:
    for name, value in source.items():
        if type(value) is dict and value:
            for inner, each in value.items():
                into[f"{name}.{inner}"] = each
        else:
            into[name] = value


def _place(event: Event) -> Tuple[str, str, int]:
    place = event.place
    if place is None:
        return ("", "", 0)
    if type(place) is str:
        return (place, event.function or "", event.line)
    return (place.co_filename, getattr(place, "co_qualname", place.co_name), event.line)


def _trace(trace: Any) -> Tuple[int, int, int]:
    if trace is None:
        return _NO_TRACE
    try:
        ids = (int(trace.trace_id), int(trace.span_id), int(trace.trace_flags))
    except Exception:
        return _NO_TRACE
    return ids if 0 < ids[0] < 2**128 and 0 < ids[1] < 2**64 else _NO_TRACE


class Recorder:
    """Scrubs and encodes events."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._encoder = LogEncoder()

    def scrubbed(self, events: List[Event]) -> List[Readable]:
        """Return the events flat and without secrets."""
        flat = [readable(event) for event in events]
        texts: List[str] = []
        for each in flat:
            texts.append(each.body)
            if each.event.tag != each.body:
                texts.append(each.event.tag)
            for name, value in each.attributes:
                texts.append(name)
                if type(value) is str:
                    texts.append(value)
                elif type(value) is list or type(value) is dict:
                    _collect(value, texts)
        rules = self._scrubber.active(texts)
        return [self._scrub(each, rules) for each in flat]

    def encoded(self, one: Readable) -> bytes:
        """Return the LogRecord of an event."""
        event = one.event
        return self._encoder.record(
            event.time_unix_ns,
            event.severity,
            event.tag,
            one.body,
            one.attributes,
            one.place,
            one.trace,
            one.left_out,
        )

    def _scrub(self, one: Readable, rules: List[Any]) -> Readable:
        field = self._scrubber.field
        if not rules:
            attributes = [(name, field(name, value, rules)) for name, value in one.attributes]
            return one._replace(attributes=attributes)
        text = self._scrubber.text
        attributes = [
            (text(name, rules), field(name, value, rules)) for name, value in one.attributes
        ]
        event = one.event._replace(tag=text(one.event.tag, rules))
        return one._replace(event=event, body=text(one.body, rules), attributes=attributes)


def _collect(value: Any, texts: List[str]) -> None:
    kind = type(value)
    if kind is str:
        texts.append(value)
    elif kind is list:
        for each in value:
            _collect(each, texts)
    elif kind is dict:
        for name, each in value.items():
            texts.append(name)
            _collect(each, texts)
