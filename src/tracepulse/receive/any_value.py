"""Plain Python values as OTLP attribute values."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

__all__ = [
    "DEPTH_MARK",
    "MAX_DEPTH",
    "Attributes",
    "add_attributes",
    "compact_json",
    "fill_any_value",
    "plain_text",
]

MAX_DEPTH = 16
"""Levels of list and map inside one value (docs: limits); deeper is replaced by DEPTH_MARK."""
DEPTH_MARK = "[depth]"

Attributes = RepeatedCompositeFieldContainer[KeyValue]

_INT64 = range(-(2**63), 2**63)


def fill_any_value(target: AnyValue, value: Any, depth: int = 1) -> None:
    """
    Write a value as decoded from JSON into an AnyValue.

    None leaves it unset; integers past 64 bits become strings, so that no digit is lost.
    """
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        if value in _INT64:
            target.int_value = value
        else:
            target.string_value = str(value)
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, Mapping | list | tuple):
        _fill_nested(target, value, depth)
    elif value is not None:
        target.string_value = str(value)


def _fill_nested(
    target: AnyValue, value: Mapping[str, Any] | list[Any] | tuple[Any, ...], depth: int
) -> None:
    if depth > MAX_DEPTH:
        target.string_value = DEPTH_MARK
    elif isinstance(value, Mapping):
        target.kvlist_value.SetInParent()
        for key, item in value.items():
            entry = target.kvlist_value.values.add()
            entry.key = str(key)
            fill_any_value(entry.value, item, depth + 1)
    else:
        target.array_value.SetInParent()
        for item in value:
            fill_any_value(target.array_value.values.add(), item, depth + 1)


def add_attributes(target: Attributes, items: Iterable[tuple[str, Any]]) -> None:
    """Append key and value pairs in the order given; a value of None is left out."""
    for key, value in items:
        if value is None:
            continue
        entry = target.add()
        entry.key = key
        if type(value) is str:
            entry.value.string_value = value
        else:
            fill_any_value(entry.value, value)


def compact_json(value: Any) -> str:
    """Return a value as JSON text without spaces; one that is too deep to be written to MAX_DEPTH."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # it reads 1024 levels and writes 254
        return orjson.dumps(_shallow(value, 1), option=orjson.OPT_NON_STR_KEYS).decode()


def plain_text(value: Any) -> str:
    """Return a value decoded from JSON as text: lists and objects as JSON, of any depth."""
    return compact_json(value) if isinstance(value, Mapping | list | tuple) else str(value)


def _shallow(value: Any, depth: int) -> Any:
    if not isinstance(value, Mapping | list | tuple):
        return value
    if depth > MAX_DEPTH:
        return DEPTH_MARK
    if isinstance(value, Mapping):
        return {key: _shallow(item, depth + 1) for key, item in value.items()}
    return [_shallow(item, depth + 1) for item in value]
