"""An OTLP request in a form that people can read, without secrets."""

import base64
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from tracepulse.context.redact import Redactor
from tracepulse.receive.signals import REQUEST_TYPES, Signal

__all__ = ["readable_message"]

_GROUPS = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
}
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def readable_message(
    signal: Signal, body: bytes, redaction_key: bytes, max_records: int
) -> tuple[dict[str, Any] | None, int]:
    """
    Return a request as OTLP/JSON, redacted, and how many of its records are left out.

    Args:
        max_records: spans, log records or metrics that are shown.
    Returns:
        None in place of the request when it cannot be decoded.
    """
    message: Any = REQUEST_TYPES[signal]()
    try:
        message.ParseFromString(body)
    except DecodeError:
        return None, 0
    resources, scopes, records = _GROUPS[signal]
    left, left_out = max_records, 0
    for resource in getattr(message, resources):
        for scope in getattr(resource, scopes):
            held = getattr(scope, records)
            beyond = max(0, len(held) - left)
            left -= len(held) - beyond
            left_out += beyond
            if beyond:
                del held[len(held) - beyond :]
    read = _Redaction(Redactor(redaction_key)).of(MessageToDict(message))
    assert isinstance(read, dict)
    return read, left_out


class _Redaction:
    """Walks over OTLP/JSON; the value of an attribute falls under the attribute's name."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def of(self, value: Any, name: str = "") -> Any:
        match value:
            case {"key": str(key), "value": inner}:
                return {"key": self._redactor.text(key), "value": self.of(inner, key)}
            case dict():
                return {key: self._member(key, inner, name) for key, inner in value.items()}
            case list():
                return [self.of(each, name) for each in value]
            case str():
                return self._redactor.value(name, value)
            case _:
                return value

    def _member(self, key: str, value: Any, name: str) -> Any:
        if key in _IDS:
            return base64.b64decode(value).hex()
        if key.endswith(("UnixNano", "bytesValue")):
            return value
        return self.of(value, name)
