"""Bytes at addresses: the only functions that read or write memory, and what is built of them alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from tracepulse.receive.loops.compiled import (
    CHECKED,
    compiled,
)

__all__ = [
    "allow",
    "copy",
    "has_word",
    "hash_of",
    "is_ascii",
    "is_digit",
    "is_equal",
    "is_letter",
    "is_space",
    "is_utf8",
    "is_word",
    "number_of_digits",
    "put8",
    "put64",
    "put64i",
    "put_double",
    "put_varint",
    "size_of_varint",
    "u8",
    "u32",
    "u64",
]


def _loader(bits: int, result: types.Integer) -> Any:
    """Return a function that reads a little-endian number at an address, without a check."""

    @intrinsic
    def load(_context, _address):  # type: ignore[no-untyped-def]
        def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
            number = context.get_value_type(types.Integer.from_bitwidth(bits, signed=False))
            pointer = builder.inttoptr(arguments[0], number.as_pointer())
            value = builder.load(pointer, align=1)
            return builder.zext(value, context.get_value_type(result)) if bits < 64 else value

        return result(types.int64), generate

    return load


def _storer(bits: int, given: types.Integer) -> Any:
    """Return a function that writes a little-endian number at an address, without a check."""

    @intrinsic
    def store(_context, _address, _value):  # type: ignore[no-untyped-def]
        def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
            number = context.get_value_type(types.Integer.from_bitwidth(bits, signed=False))
            pointer = builder.inttoptr(arguments[0], number.as_pointer())
            value = builder.trunc(arguments[1], number) if bits < 64 else arguments[1]
            builder.store(value, pointer, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, given), generate

    return store


@intrinsic
def put_double(_context, _address, _value):  # type: ignore[no-untyped-def]
    """Write a number of eight bytes, as IEEE 754 has it."""

    def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        number = context.get_value_type(types.float64)
        pointer = builder.inttoptr(arguments[0], number.as_pointer())
        builder.store(arguments[1], pointer, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.float64), generate


u8 = _loader(8, types.int64)
u32 = _loader(32, types.uint64)
u64 = _loader(64, types.uint64)
put8 = _storer(8, types.int64)
put64 = _storer(64, types.uint64)
put64i = _storer(64, types.int64)
_REGIONS: NDArray[np.int64] = np.zeros((2, 4096), np.int64)
"""How many regions may be read, and written, and from and to of each, while addresses are checked."""
_REGIONS_AT = int(_REGIONS.ctypes.data)


def allow(readable: Sequence[tuple[int, int]], writable: Sequence[tuple[int, int]]) -> None:
    """Say which addresses the next loop may read and write, from and to, if they are CHECKED."""
    for row, regions in zip(_REGIONS, (readable, writable), strict=True):
        row[0] = len(regions)
        row[1 : 1 + 2 * len(regions)] = np.array(regions, np.int64).ravel()


_UNCHECKED_READ, _UNCHECKED_WRITE = u64, put64i


def _checked(access: Any, size: int, row: int) -> Any:
    """Return an access that raises IndexError outside of what is allowed."""
    raw, note, regions = _UNCHECKED_READ, _UNCHECKED_WRITE, _REGIONS_AT + 8 * 4096 * row

    @njit(nogil=True)
    def is_allowed(at):  # type: ignore[no-untyped-def]
        for i in range(np.int64(raw(regions))):
            first = regions + 8 + 16 * i
            if np.int64(raw(first)) <= at and at + size <= np.int64(raw(first + 8)):
                return True
        note(_REGIONS_AT + 8 * 4095, at)
        return False

    @njit(nogil=True)
    def read(at):  # type: ignore[no-untyped-def]
        if not is_allowed(at):
            raise IndexError("a loop reads outside of what it was given")
        return access(at)

    @njit(nogil=True)
    def write(at, value):  # type: ignore[no-untyped-def]
        if not is_allowed(at):
            raise IndexError("a loop writes outside of what it was given")
        access(at, value)

    return write if row else read


if CHECKED:
    u8, u32, u64 = _checked(u8, 1, 0), _checked(u32, 4, 0), _checked(u64, 8, 0)
    put8, put64 = _checked(put8, 1, 1), _checked(put64, 8, 1)
    put64i, put_double = _checked(put64i, 8, 1), _checked(put_double, 8, 1)
_HIGH_BITS = np.uint64(0x8080808080808080)


@compiled
def copy(to, at, end):  # type: ignore[no-untyped-def]
    """Copy [at, end) to `to`, which may lie a little before it; returns where that ends."""
    while end - at >= 8:
        put64(to, u64(at))
        to += 8
        at += 8
    while at < end:
        put8(to, u8(at))
        to += 1
        at += 1
    return to


@compiled
def is_equal(a, b, size):  # type: ignore[no-untyped-def]
    """Tell whether `size` bytes at two addresses are the same."""
    i = np.int64(0)
    while size - i >= 8:
        if u64(a + i) != u64(b + i):
            return False
        i += 8
    while i < size:
        if u8(a + i) != u8(b + i):
            return False
        i += 1
    return True


@compiled
def hash_of(at, end):  # type: ignore[no-untyped-def]
    """Return 64 bits that bytes almost always have to themselves."""
    value = np.uint64(0xCBF29CE484222325) ^ np.uint64(end - at)
    while end - at >= 8:
        value = (value ^ u64(at)) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
        at += 8
    while at < end:
        value = (value ^ np.uint64(u8(at))) * np.uint64(0x100000001B3)
        at += 1
    value ^= value >> np.uint64(32)
    return np.int64(value >> np.uint64(1))


@compiled
def is_utf8(pos, end):  # type: ignore[no-untyped-def]
    """Follow the table of well-formed sequences in the Unicode standard (3-7)."""
    while pos < end:
        if end - pos >= 8 and not u64(pos) & _HIGH_BITS:
            pos += 8
            continue
        lead = u8(pos)
        if lead < 0x80:
            pos += 1
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            more = 1
        elif 0xE0 <= lead <= 0xEF:
            more = 2
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            more = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return False
        if pos + more >= end:
            return False
        if u8(pos + 1) < low or u8(pos + 1) > high:
            return False
        for i in range(2, more + 1):
            if u8(pos + i) < 0x80 or u8(pos + i) > 0xBF:
                return False
        pos += more + 1
    return True


@compiled
def size_of_varint(value):  # type: ignore[no-untyped-def]
    """Return how many bytes a number takes as a varint."""
    size = 1
    while value > 0x7F:
        value >>= 7
        size += 1
    return size


@compiled
def put_varint(to, value):  # type: ignore[no-untyped-def]
    """Write a number that is not negative."""
    while value > 0x7F:
        put8(to, value & 0x7F | 0x80)
        value >>= 7
        to += 1
    put8(to, value)
    return to + 1


@compiled
def is_digit(byte):  # type: ignore[no-untyped-def]
    """Tell 0 to 9."""
    return 0x30 <= byte <= 0x39


@compiled
def is_letter(byte):  # type: ignore[no-untyped-def]
    """Tell A to Z and a to z."""
    return 0x41 <= byte & 0xDF <= 0x5A


@compiled
def is_word(byte):  # type: ignore[no-untyped-def]
    """Tell digits, letters and the underscore."""
    return is_digit(byte) or is_letter(byte) or byte == 0x5F


@compiled
def is_space(byte):  # type: ignore[no-untyped-def]
    """Tell space, and what lies between tab and carriage return."""
    return byte == 0x20 or 9 <= byte <= 13


@compiled
def number_of_digits(pos, count):  # type: ignore[no-untyped-def]
    """Return the number that so many digits make; -1 if they are not digits."""
    value = np.int64(0)
    for i in range(count):
        byte = u8(pos + i)
        if not is_digit(byte):
            return np.int64(-1)
        value = value * 10 + byte - 0x30
    return value


@compiled
def has_word(pos, end, word, size):  # type: ignore[no-untyped-def]
    """Tell whether a word of up to eight bytes stands in a text; `word` is little-endian."""
    mask = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * size)
    while end - pos >= 8:
        if u64(pos) & mask == np.uint64(word):
            return True
        pos += 1
    while end - pos >= size:
        same = True
        for i in range(size):
            if u8(pos + i) != word >> 8 * i & 0xFF:
                same = False
                break
        if same:
            return True
        pos += 1
    return False


@compiled
def is_ascii(pos, end):  # type: ignore[no-untyped-def]
    """Tell whether no byte is above 127."""
    for at in range(pos, end):
        if u8(at) >= 0x80:
            return False
    return True
