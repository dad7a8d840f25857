"""Hypothesis strategies for whole OTLP messages, out of their descriptors."""

from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

__all__ = ["messages"]

_ID_BYTES = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_STRING: st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
}


@st.composite
def messages(draw: st.DrawFn, kind: type[Message], levels: int = 9) -> Message:
    """Draw a message with any of its fields set, nested to so many levels of message."""
    message = kind()
    _fill(draw, message, levels)
    return message


def _fill(draw: st.DrawFn, message: Message, levels: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and not levels:
            continue
        if draw(st.booleans()):
            _set(draw, message, cast(FieldDescriptor, field), levels)


def _set(draw: st.DrawFn, message: Message, field: FieldDescriptor, levels: int) -> None:
    held = getattr(message, field.name)
    if field.message_type is not None:
        if not field.is_repeated:
            held.SetInParent()
            _fill(draw, held, levels - 1)
            return
        for _ in range(draw(st.integers(0, 2))):
            _fill(draw, held.add(), levels - 1)
    elif field.is_repeated:
        held.extend(draw(st.lists(_scalar(field), max_size=3)))
    else:
        setattr(message, field.name, draw(_scalar(field)))


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        length = _ID_BYTES.get(field.name)
        return (
            st.binary(max_size=9) if length is None else st.binary(min_size=length, max_size=length)
        )
    return _SCALARS[field.cpp_type]
