"""
Grafana Faro's payloads as OTLP: logs, exceptions, events and measurements as log records, and spans.

Web vitals get the names that our own browser SDK gives them, so that both are found by one question.

Source:
    https://github.com/grafana/faro-web-sdk, packages/core/src/api; the payload is what its
    FetchTransport posts, https://grafana.com/docs/alloy/latest/reference/components/faro/faro.receiver/
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.admission import UNREADABLE
from tracepulse.receive.any_value import plain_text
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.faro_meta import Attributes, leaves, read_meta
from tracepulse.receive.json_body import decode_json_leniently
from tracepulse.receive.limits import FARO_LIMITS
from tracepulse.receive.log_times import rfc3339_unix_ns
from tracepulse.receive.log_writer import LogWriter
from tracepulse.receive.otlp_json import read_otlp_value
from tracepulse.receive.receiver import Converted
from tracepulse.receive.severities import severity_of_word

__all__ = ["convert_faro"]

_KINDS = ("logs", "exceptions", "events", "measurements")
_INFO, _ERROR = 9, 17
_HEX = re.compile(r"[0-9a-fA-F]+")
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_VITALS = ("cls", "fcp", "fid", "inp", "lcp", "ttfb")
_MAX_FRAMES = 128
_COMMON = frozenset({"timestamp", "trace"})
_OF_LOG = frozenset({"message", "level", "context"})
_OF_EXCEPTION = frozenset({"type", "value", "stacktrace", "context"})
_OF_EVENT = frozenset({"name", "domain", "attributes"})
_OF_MEASUREMENT = frozenset({"type", "values", "context"})
"""Fields of an item that have a place of their own; the others become attributes."""
_Object = dict[str, Any]


def convert_faro(body: bytes) -> tuple[Converted, ...]:
    """
    Return the requests that a payload holds: one of logs, one of traces, or either, or none.

    An item that is no object is counted and left out.

    Raises:
        MalformedBody: it is no payload of Faro.
        LimitExceeded: it holds more than one page sends at a time.
    """
    payload = decode_json_leniently(body)
    if not isinstance(payload, dict):
        raise MalformedBody("Faro: need an object with meta, logs, exceptions, events or traces")
    known = (*_KINDS, "traces", "meta")
    if payload and payload.keys().isdisjoint(known):
        raise MalformedBody(f"Faro: none of {', '.join(known)} is there")
    made = (_logs(payload), _traces(payload.get("traces")))
    return tuple(each for each in made if each is not None)


def _logs(payload: _Object) -> Converted | None:
    resource, everywhere = read_meta(payload.get("meta"))
    writer = LogWriter()
    rejected: Counter[str] = Counter()
    example = ""
    for kind in _KINDS:
        items = payload.get(kind)
        if items is None:
            continue
        if not isinstance(items, list):
            raise MalformedBody(f"{kind}: must be a list")
        if writer.records + len(items) > FARO_LIMITS.records:
            raise LimitExceeded(f"more than {FARO_LIMITS.records:,} items in one payload")
        for place, item in enumerate(items):
            if isinstance(item, dict):
                _WRITERS[kind](writer, resource, everywhere, item)
            else:
                rejected[UNREADABLE] += 1
                example = example or f"{kind}[{place}]: must be an object"
    if not writer.records and not rejected:
        return None
    return Converted("logs", writer.to_bytes(), rejected, example)


def _traces(given: Any) -> Converted | None:
    if not given:
        return None
    complaints = Complaints()
    message = read_otlp_value(given, "traces", complaints, FARO_LIMITS)
    refused = complaints.refused_records
    rejected = Counter({UNREADABLE: refused} if refused else {})
    return Converted(
        "traces", message.SerializeToString(), rejected, "".join(complaints.described[:1])
    )


def _write(
    writer: LogWriter,
    resource: tuple[tuple[str, Any], ...],
    item: _Object,
    body: str,
    attributes: Iterable[tuple[str, Any]],
    used: frozenset[str],
    *,
    severity: int = _INFO,
    severity_text: str = "",
    event_name: str = "",
) -> None:
    """Write an item; of its fields those in `used` are in the arguments, the others become attributes."""
    trace = item.get("trace")
    trace = trace if isinstance(trace, dict) else {}
    trace_id, span_id = _hex(trace.get("trace_id"), 16), _hex(trace.get("span_id"), 8)
    told = list(attributes)
    if trace and not trace_id:
        told += leaves("faro.trace.", trace)
    rest = item.keys() - _COMMON - used
    at = item.get("timestamp")
    time_unix_ns = rfc3339_unix_ns(at) if isinstance(at, str) else None
    if at is not None and time_unix_ns is None:
        rest |= {"timestamp"}
    if rest:
        told += leaves("faro.", {key: item[key] for key in item if key in rest})
    writer.add(
        resource,
        body,
        time_unix_ns=time_unix_ns or 0,
        severity_number=severity,
        severity_text=severity_text,
        attributes=told,
        trace_id=trace_id,
        span_id=span_id if trace_id else b"",
        event_name=event_name,
    )


def _hex(given: Any, size: int) -> bytes:
    """Return an id; b"" for what is none."""
    if not isinstance(given, str) or len(given) != 2 * size or not _HEX.fullmatch(given):
        return b""
    raw = bytes.fromhex(given)
    return raw if any(raw) else b""


def _text(given: Any) -> str:
    return given if isinstance(given, str) else ""


def _inside(item: _Object, name: str) -> _Object:
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def _context(item: _Object) -> Iterator[tuple[str, Any]]:
    return leaves("context.", _inside(item, "context"))


def _log(writer: LogWriter, resource: Any, everywhere: Attributes, item: _Object) -> None:
    level = _text(item.get("level"))
    _write(
        writer, resource, item, _text(item.get("message")), [*everywhere, *_context(item)],
        _OF_LOG,
        severity=severity_of_word(level) or _INFO, severity_text=level,
    )  # fmt: skip


def _exception(writer: LogWriter, resource: Any, everywhere: Attributes, item: _Object) -> None:
    kind, value = _text(item.get("type")), _text(item.get("value"))
    frames = _inside(item, "stacktrace").get("frames")
    told = [("exception.type", kind or None), ("exception.message", value or None)]
    if isinstance(frames, list) and frames:
        told.append(("exception.stacktrace", _stack(kind, value, frames)))
    _write(
        writer, resource, item, value or kind, [*everywhere, *told, *_context(item)],
        _OF_EXCEPTION,
        severity=_ERROR, severity_text="error", event_name="exception",
    )  # fmt: skip


def _stack(kind: str, value: str, frames: list[Any]) -> str:
    """Write frames as Chromium writes a stack, innermost first as Faro sends them."""
    lines = [f"{kind or 'Error'}: {value}"]
    for frame in frames[:_MAX_FRAMES]:
        if isinstance(frame, dict):
            place = ":".join(
                plain_text(frame[key]) for key in ("filename", "lineno", "colno") if frame.get(key)
            )
            lines.append(f"    at {_text(frame.get('function')) or '?'} ({place})")
    if len(frames) > _MAX_FRAMES:
        lines.append(f"    … and {len(frames) - _MAX_FRAMES} more")
    return "\n".join(lines)


def _event(writer: LogWriter, resource: Any, everywhere: Attributes, item: _Object) -> None:
    name = _text(item.get("name"))
    told = [("event.domain", item.get("domain")), *leaves("event.", _inside(item, "attributes"))]
    _write(
        writer, resource, item, name, [*everywhere, *told],
        _OF_EVENT, event_name=name,
    )  # fmt: skip


def _measurement(writer: LogWriter, resource: Any, everywhere: Attributes, item: _Object) -> None:
    kind, values = _text(item.get("type")), _inside(item, "values")
    vital = next((name for name in _VITALS if name in values), "") if kind == "web-vitals" else ""
    if vital:
        parts = {_snake(k): v for k, v in {**_inside(item, "context"), **values}.items()}
        measured = {"name": vital, "value": parts.pop(vital, None), **parts}
        told = list(leaves("browser.web_vital.", measured))
        name = "browser.web_vital"
    else:
        told = [("measurement.type", kind or None), *leaves("measurement.", values)]
        told += _context(item)
        name = "measurement"
    body = " ".join(
        [kind, *(f"{key}={plain_text(value)}" for key, value in values.items())]
    ).strip()
    _write(
        writer, resource, item, body, [*everywhere, *told],
        _OF_MEASUREMENT, event_name=name,
    )  # fmt: skip


def _snake(name: str) -> str:
    return _CAPITAL.sub(r"_\1", name).lower()


_WRITERS = {
    "logs": _log,
    "exceptions": _exception,
    "events": _event,
    "measurements": _measurement,
}
