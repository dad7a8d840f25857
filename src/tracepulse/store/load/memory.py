"""Words and stretches of bytes in compiled code, where Numba would go byte by byte."""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["SLACK", "copy", "load64", "store64"]

SLACK = 16
"""Bytes to leave behind the last one of an array that is read or written by words."""


def _at(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [offset])


def _load64(typing: Any, array: Any, offset: Any) -> Any:
    """Return the eight bytes from an offset as a number; they must lie within the array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _at(context, builder, signature.args[0], arguments[0], arguments[1])
        word = builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(array, types.intp), generate


def _store64(typing: Any, array: Any, offset: Any, word: Any) -> Any:
    """Write a number to the eight bytes from an offset."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _at(context, builder, signature.args[0], arguments[0], arguments[1])
        stored = builder.store(arguments[2], builder.bitcast(place, ir.IntType(64).as_pointer()))
        stored.align = 1
        return context.get_dummy_value()

    return types.void(array, types.intp, types.uint64), generate


def _copy(typing: Any, target: Any, at: Any, source: Any, offset: Any, count: Any) -> Any:
    """Copy so many bytes from one array of bytes to another; they may not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _at(context, builder, signature.args[0], arguments[0], arguments[1])
        begin = _at(context, builder, signature.args[2], arguments[2], arguments[3])
        raw_memcpy: Any = cgutils.raw_memcpy
        raw_memcpy(builder, to, begin, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), generate


load64: Any = intrinsic(_load64)
store64: Any = intrinsic(_store64)
copy: Any = intrinsic(_copy)
