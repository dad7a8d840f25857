"""Protobuf messages to OTLP/JSON: answers to JSON clients, and exports."""

import base64
import math
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tracepulse.receive.otlp_json import ID_BYTES

__all__ = ["otlp_json_value", "write_otlp_json"]

_INT64_TYPES = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)


def write_otlp_json(message: Message) -> bytes:
    """Return any OTLP message as OTLP/JSON: hex ids, integer enums, 64-bit integers as strings."""
    return orjson.dumps(otlp_json_value(message))


def otlp_json_value(message: Message) -> dict[str, Any]:
    """Return a message as the decoded value of its OTLP/JSON, without fields at their default."""
    rendered: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.is_repeated:
            rendered[field.json_name] = [_rendered(field, item) for item in value]
        else:
            rendered[field.json_name] = _rendered(field, value)
    return rendered


def _rendered(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return otlp_json_value(value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return value.hex() if field.name in ID_BYTES else base64.b64encode(value).decode()
    if field.cpp_type in _INT64_TYPES:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
