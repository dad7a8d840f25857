"""
OTLP/JSON to protobuf messages, by the OTLP specification ("JSON Protobuf Encoding").

It is proto3 JSON with these differences: trace and span ids are hex, not base64; enums are numbers
(names are taken too); keys are lowerCamelCase (snake_case is taken too); unknown fields are
ignored. One table of field readers is built per message type from its descriptor, once.

A value that cannot be read costs its span, log record or point and nothing else; in a resource or
scope it costs that one field or attribute. Only where the groups themselves cannot be read is the body
refused.
"""

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.any_value import DEPTH_MARK, MAX_DEPTH
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.json_body import decode_json
from tracepulse.receive.limits import Limits
from tracepulse.receive.signals import ExportRequest, Signal, new_request

__all__ = ["ID_BYTES", "fill_from_json", "read_otlp_json", "read_otlp_value"]

ID_BYTES = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
"""The fields that are hex in OTLP/JSON, with the length that a usable id has."""

_UNUSABLE_ID = b"\x00"
"""Stands for an id that is not hex: of no valid length, so that only its record is refused."""

_DOUBLES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MAX_SHOWN = 40


class _UnreadableError(Exception):
    """A value that cannot be read; gathers its path from the inside out."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.steps: list[str] = []

    def path(self) -> str:
        return "".join(reversed(self.steps)).lstrip(".")


class _Reading:
    """What one body's reading carries along: complaints, lists it is inside of, depth in values."""

    __slots__ = ("complaints", "depth", "limits", "lists", "records")

    def __init__(self, complaints: Complaints, limits: Limits | None) -> None:
        self.complaints = complaints
        self.limits = limits
        self.depth = 0
        self.records = 0
        self.lists: list[list[Any]] = []

    def complain(self, path: str, why: str) -> None:
        steps = "".join(f"{name}[{index}]." for name, index in self.lists)
        self.complaints.add(steps + path, why)

    def count_records(self, more: int) -> None:
        """Count records and groups before any is made, since an empty one costs much more so."""
        self.records += more
        if self.limits is not None and self.records > self.limits.records:
            raise LimitExceeded(
                f"more than {self.limits.records:,} records and groups in one request;"
                " send smaller batches"
            )


_Put = Callable[[Message, Any, _Reading], None]
_tables: dict[str, dict[str, _Put]] = {}


def read_otlp_json(
    body: bytes,
    signal: Signal,
    complaints: Complaints | None = None,
    limits: Limits | None = None,
) -> ExportRequest:
    """
    Read the body of an OTLP/HTTP JSON request.

    A record with a value that cannot be read is left out, and counted and described in `complaints`.
    An id of the wrong length goes through as it is (one that is not hex as one zero byte), so that
    admission refuses that record alone; each is described too.

    Args:
        limits: how many records are read; None for files, which are divided afterwards.
    Raises:
        MalformedBody: not JSON, or groups that cannot be read; the text names the path.
        LimitExceeded: more records, or more objects and lists, than are read.
    """
    return read_otlp_value(decode_json(body), signal, complaints, limits)


def read_otlp_value(
    value: Any,
    signal: Signal,
    complaints: Complaints | None = None,
    limits: Limits | None = None,
) -> ExportRequest:
    """Read an already decoded OTLP/JSON request; errors and complaints as in `read_otlp_json`."""
    message = new_request(signal)
    fill_from_json(message, value, complaints, limits)
    return message


def fill_from_json(
    message: Message,
    value: Any,
    complaints: Complaints | None = None,
    limits: Limits | None = None,
) -> None:
    """
    Fill any OTLP message from its decoded JSON form.

    Raises:
        MalformedBody: a value is of the wrong kind; the text names the path.
        LimitExceeded: it holds more records than the limits allow.
    """
    reading = _Reading(Complaints() if complaints is None else complaints, limits)
    try:
        _fill(message, value, reading)
    except _UnreadableError as error:
        where = error.path()
        raise MalformedBody(f"{where}: {error}" if where else f"body: {error}") from None


def _fill(message: Message, value: Any, reading: _Reading) -> None:
    if type(value) is not dict:
        raise _UnreadableError(f"{_kind(value)}, need an object")
    table = _table_of(cast(Descriptor, message.DESCRIPTOR))
    for key, item in value.items():
        put = table.get(key)
        if put is None or item is None:
            continue
        try:
            put(message, item, reading)
        except _UnreadableError as error:
            error.steps.append(f".{key}")
            raise


def _fill_owner(message: Message, value: Any, reading: _Reading) -> None:
    """Fill a resource or scope as far as it can be read: its records are not to suffer for it."""
    if type(value) is not dict:
        reading.complain("resource or scope", f"{_kind(value)}, need an object")
        return
    for key, item in value.items():
        try:
            _fill(message, {key: item}, reading)
        except _UnreadableError as error:
            reading.complain(error.path(), str(error))


def _table_of(descriptor: Descriptor) -> dict[str, _Put]:
    table = _tables.get(descriptor.full_name)
    if table is None:
        table = {}
        for field in descriptor.fields:
            table[field.name] = table[field.json_name] = _put_for(field)
        _tables[descriptor.full_name] = table
    return table


def _put_for(field: FieldDescriptor) -> _Put:
    """Return the function that writes a JSON value into one field of a message."""
    name = field.name
    if field.message_type is not None:
        nested = field.message_type.name
        fill = _FILLS.get(nested, _fill)
        if not field.is_repeated:
            return _put_message(name, fill)
        owner = cast(Descriptor, field.containing_type).name
        if nested in _RECORDS or owner in _OWNERS:
            return _put_each(field, fill, is_record=nested in _RECORDS)
        return _put_messages(field, fill, is_group=nested.startswith(("Resource", "Scope")))
    if name in ID_BYTES and field.type == FieldDescriptor.TYPE_BYTES:
        return _put_id(field)
    convert = _scalar_reader(field)
    return _put_scalars(name, convert) if field.is_repeated else _put_scalar(name, convert)


def _put_message(name: str, fill: _Put) -> _Put:
    def put(message: Message, value: Any, reading: _Reading) -> None:
        nested = getattr(message, name)
        nested.SetInParent()
        fill(nested, value, reading)

    return put


def _put_messages(field: FieldDescriptor, fill: _Put, is_group: bool) -> _Put:
    name, json_name = field.name, field.json_name

    def put(message: Message, value: Any, reading: _Reading) -> None:
        add = getattr(message, name).add
        items = _list(value)
        if is_group:
            reading.count_records(len(items))
        step: list[Any] = [json_name, 0]
        reading.lists.append(step)
        try:
            for index, item in enumerate(items):
                step[1] = index
                fill(add(), item, reading)
        except _UnreadableError as error:
            error.steps.append(f"[{step[1]}]")
            raise
        finally:
            reading.lists.pop()

    return put


def _put_each(field: FieldDescriptor, fill: _Put, is_record: bool) -> _Put:
    """Return a writer of a list from which what cannot be read is left out."""
    name, json_name = field.name, field.json_name

    def put(message: Message, value: Any, reading: _Reading) -> None:
        held = getattr(message, name)
        items = _list(value)
        if is_record:
            reading.count_records(len(items))
        step: list[Any] = [json_name, 0]
        reading.lists.append(step)
        depth = reading.depth
        try:
            for index, item in enumerate(items):
                step[1] = index
                try:
                    fill(held.add(), item, reading)
                except _UnreadableError as error:
                    del held[-1]
                    reading.depth = depth
                    reading.complain(error.path() or "value", str(error))
                    if is_record:
                        reading.complaints.refused_records += _records_in(item)
        finally:
            reading.lists.pop()

    return put


def _records_in(item: Any) -> int:
    """Return how many records went with one that was left out: a metric's points, else itself."""
    if type(item) is not dict:
        return 1
    kinds = [kind for kind in item.values() if type(kind) is dict]
    points = [kind.get("dataPoints", kind.get("data_points")) for kind in kinds]
    return max(1, sum(len(each) for each in points if type(each) is list))


def _put_scalar(name: str, convert: Callable[[Any], Any]) -> _Put:
    def put(message: Message, value: Any, _: _Reading) -> None:
        try:
            setattr(message, name, convert(value))
        except (TypeError, ValueError, OverflowError):
            raise _UnreadableError(f"{_shown(value)} is out of range") from None

    return put


def _put_scalars(name: str, convert: Callable[[Any], Any]) -> _Put:
    def put(message: Message, value: Any, _: _Reading) -> None:
        append = getattr(message, name).append
        for index, item in enumerate(_list(value)):
            try:
                append(convert(item))
            except _UnreadableError as error:
                error.steps.append(f"[{index}]")
                raise
            except (TypeError, ValueError, OverflowError):
                refusal = _UnreadableError(f"{_shown(item)} is out of range")
                refusal.steps.append(f"[{index}]")
                raise refusal from None

    return put


def _put_id(field: FieldDescriptor) -> _Put:
    name, need = field.name, ID_BYTES[field.name]

    def put(message: Message, value: Any, reading: _Reading) -> None:
        if type(value) is not str:
            raise _UnreadableError(f"{_kind(value)}, need a string of {2 * need} hex digits")
        try:
            raw = bytes.fromhex(value)
        except ValueError:
            raw = _UNUSABLE_ID
        if 2 * len(raw) != len(value):
            raw = _UNUSABLE_ID
        if raw and len(raw) != need:
            reading.complain(str(field.json_name), _id_complaint(value, need))
        setattr(message, name, raw)

    return put


def _id_complaint(text: str, need: int) -> str:
    if all(letter in "0123456789abcdefABCDEF" for letter in text):
        return f"{len(text)} hex digits, need {2 * need}"
    if len(text) == 4 * math.ceil(need / 3) and text.endswith("="):
        return f"{_shown(text)} looks like base64; OTLP/JSON needs {2 * need} hex digits"
    return f"{_shown(text)} is not hex; need {2 * need} hex digits"


def _fill_key_value(message: Message, value: Any, reading: _Reading) -> None:
    """Fill a KeyValue; the common case of a plain scalar goes past the tables (6 times as fast)."""
    if type(value) is dict and len(value) == 2:
        key, held = value.get("key"), value.get("value")
        if type(key) is str and type(held) is dict and len(held) == 1:
            ((kind, scalar),) = held.items()
            name = _PLAIN_SCALARS.get((kind, type(scalar)))
            if name is not None:
                message.key = key  # type: ignore[attr-defined]
                setattr(message.value, name, scalar)  # type: ignore[attr-defined]
                return
    _fill(message, value, reading)


_PLAIN_SCALARS = {
    ("stringValue", str): "string_value",
    ("boolValue", bool): "bool_value",
    ("doubleValue", float): "double_value",
}


def _fill_value(message: Message, value: Any, reading: _Reading) -> None:
    """Fill an AnyValue; past MAX_DEPTH levels a list or map becomes a mark."""
    if value is None:  # null in a list: a value that is not set
        return
    if type(value) is not dict:
        raise _UnreadableError(f'{_kind(value)}, need an object such as {{"stringValue": …}}')
    if reading.depth >= MAX_DEPTH and not value.keys().isdisjoint(_NESTING_KEYS):
        message.string_value = DEPTH_MARK  # type: ignore[attr-defined]
        return
    reading.depth += 1
    try:
        _fill(message, value, reading)
    finally:
        reading.depth -= 1


_FILLS: dict[str, _Put] = {
    "AnyValue": _fill_value,
    "KeyValue": _fill_key_value,
    "Resource": _fill_owner,
    "InstrumentationScope": _fill_owner,
}
_OWNERS = frozenset({"Resource", "InstrumentationScope"})
_RECORDS = frozenset(
    {
        "Span",
        "LogRecord",
        "Metric",
        "NumberDataPoint",
        "HistogramDataPoint",
        "ExponentialHistogramDataPoint",
        "SummaryDataPoint",
    }
)
"""What is refused alone; a metric whose own fields cannot be read goes with its points."""
_NESTING_KEYS = frozenset({"arrayValue", "kvlistValue", "array_value", "kvlist_value"})


def _scalar_reader(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.enum_type is not None:
        return _enum_reader(field.enum_type)
    return _SCALARS[field.cpp_type] if field.type != FieldDescriptor.TYPE_BYTES else _bytes


def _enum_reader(enum: EnumDescriptor) -> Callable[[Any], int]:
    numbers = {value.name: value.number for value in enum.values}

    def read(value: Any) -> int:
        if type(value) is str and not value.lstrip("-").isdigit():
            # A name of a newer protocol is an unknown value, which JSON Protobuf lets us ignore.
            return numbers.get(value, 0)
        return _integer(value)

    return read


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str:
        try:
            return (
                int(value) if value.isascii() and len(value) <= _MAX_SHOWN else _not_integer(value)
            )
        except ValueError:
            return _not_integer(value)
    if type(value) is float and value.is_integer():
        return int(value)
    return _not_integer(value)


def _not_integer(value: Any) -> int:
    raise _UnreadableError(f"{_shown(value)} is not an integer")


def _double(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is str:
        special = _DOUBLES.get(value)
        if special is not None:
            return special
        try:
            return float(value)
        except ValueError:
            pass
    raise _UnreadableError(f"{_shown(value)} is not a number")


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise _UnreadableError(f"{_kind(value)}, need a string")


def _truth(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise _UnreadableError(f"{_kind(value)}, need true or false")


def _bytes(value: Any) -> bytes:
    """Read base64, standard or URL-safe, with or without padding, as proto3 JSON allows."""
    text = _text(value).translate({45: "+", 95: "/"}).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _UnreadableError(f"{_shown(value)} is not base64") from None


def _list(value: Any) -> list[Any]:
    if type(value) is list:
        return value
    raise _UnreadableError(f"{_kind(value)}, need a list")


_SCALARS: Mapping[int, Callable[[Any], Any]] = {
    FieldDescriptor.CPPTYPE_INT32: _integer,
    FieldDescriptor.CPPTYPE_INT64: _integer,
    FieldDescriptor.CPPTYPE_UINT32: _integer,
    FieldDescriptor.CPPTYPE_UINT64: _integer,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_FLOAT: _double,
    FieldDescriptor.CPPTYPE_BOOL: _truth,
    FieldDescriptor.CPPTYPE_STRING: _text,
}


def _kind(value: Any) -> str:
    """Name a JSON value's kind for a message to its sender."""
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    text = repr(value) if type(value) is not str else value
    return f"'{text[:_MAX_SHOWN]}…'" if len(text) > _MAX_SHOWN else f"'{text}'"
