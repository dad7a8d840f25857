"""Events to encoded log records: flattened, scrubbed, encoded; on the exporter's thread, in slices."""

from typing import Any, Dict, List, Tuple

from debugqueue.bounded_queue import Event
from debugqueue.captured import formatted
from debugqueue.limits import MAX_ATTRIBUTES
from debugqueue.otlp import LogEncoder
from debugqueue.scrub import Scrubber
from debugqueue.snapshot import cut

__all__ = ["Readable", "Recorder"]

_STACK_CHARS = 16 * 1024
_NO_PLACE = ("", "", 0)
_NO_TRACE = (0, 0, 0)
_LARGE = 10**12
"""From here on, a whole number may be that of a card."""


class Readable:
    """One event, flat: what is encoded, or written as a line of JSON. Scrubbed in place."""

    __slots__ = ("attributes", "body", "event", "left_out", "place", "tag", "trace")

    def __init__(self, event: Event) -> None:
        """Flatten an event: nested details stand under names with dots, one level deep."""
        self.event = event
        self.tag = event.tag
        self.place = _NO_PLACE if event.place is None else _place(event)
        self.trace = _NO_TRACE if event.trace is None else _trace(event.trace)
        """Trace id, span id and flags."""
        flat: Dict[str, Any] = {}
        if event.bound:
            _flatten(event.bound, flat)
        _flatten(event.attributes, flat)
        body = event.body
        if body is None:
            message = flat.get("message")
            body = flat.pop("message") if type(message) is str else event.tag
        self.body = body
        if event.error is not None:
            flat["exception.type"] = event.error.type
            flat["exception.message"] = event.error.message
            flat["exception.stacktrace"] = cut(formatted(event.error), _STACK_CHARS)
        self.attributes = flat
        self.left_out = event.left_out
        if len(flat) > MAX_ATTRIBUTES:
            kept = list(flat.items())[-MAX_ATTRIBUTES:]  # an exception stands last
            self.left_out += len(flat) - MAX_ATTRIBUTES
            self.attributes = dict(kept)


def _flatten(source: Dict[str, Any], into: Dict[str, Any]) -> None:
    for name, value in source.items():
        if type(value) is dict and value:
            for inner, each in value.items():
                into[f"{name}.{inner}"] = each
        else:
            into[name] = value


def _place(event: Event) -> Tuple[str, str, int]:
    place = event.place
    if type(place) is str:
        return (place, event.function or "", event.line)
    return (place.co_filename, getattr(place, "co_qualname", place.co_name), event.line)


def _trace(trace: Any) -> Tuple[int, int, int]:
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
        flat = [Readable(event) for event in events]
        texts = set()
        is_secret_name = self._scrubber.is_secret_name
        suspicious = []
        for each in flat:
            texts.add(each.body)
            texts.add(each.tag)
            attributes = each.attributes
            texts.update(attributes)
            for name, value in attributes.items():
                kind = type(value)
                if kind is str:
                    texts.add(value)
                elif kind is list or kind is dict or (kind is int and value >= _LARGE):
                    suspicious.append(each)
                    _collect(value, texts)
                if is_secret_name(name):
                    suspicious.append(each)
        rules = self._scrubber.active(texts)
        for each in flat if rules else suspicious:
            self._scrub(each, rules)
        return flat

    def encoded(self, one: Readable) -> bytes:
        """Return the LogRecord of an event."""
        event = one.event
        return self._encoder.record(
            event.time_unix_ns,
            event.severity,
            one.tag,
            one.body,
            one.attributes,
            one.place,
            one.trace,
            one.left_out,
        )

    def _scrub(self, one: Readable, rules: List[Any]) -> None:
        text, field = self._scrubber.text, self._scrubber.field
        one.tag = text(one.tag, rules)
        one.body = text(one.body, rules)
        one.attributes = {
            text(name, rules): field(name, value, rules) for name, value in one.attributes.items()
        }


def _collect(value: Any, texts: "set[str]") -> None:
    kind = type(value)
    if kind is str:
        texts.add(value)
    elif kind is list:
        for each in value:
            _collect(each, texts)
    elif kind is dict:
        for name, each in value.items():
            texts.add(name)
            _collect(each, texts)
