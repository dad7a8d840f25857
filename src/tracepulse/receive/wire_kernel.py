"""
The compiled scan: a quick look at records that are plain, and a walk for everything else.

Senders write the fields of a span, a log line, a data point or an attribute in the same few ways.
The `_plain_…` functions know those ways: each answers whether a message is well-formed, within every
limit and without a fault, and says no to whatever it does not know. What gets a no is walked field by
field, by tables of message types (`wire_schema.py`), with a stack of its own, so that hostile nesting
cannot exhaust Python's; the walk alone names faults. Everything compiled stands in this one file,
because Numba's cache notices changes of the file that a function is in, and of no other.
"""

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

__all__ = [
    "CONTAINERS",
    "FAULTS",
    "LIMITS",
    "MALFORMED",
    "OFFSET",
    "OWNER_FAULTS",
    "POINTS",
    "RECORDS",
    "RESOURCE_TOO_LARGE",
    "RESULTS",
    "STATUS",
    "TOO_MANY_CONTAINERS",
    "TOO_MANY_RECORDS",
    "walk",
]

# Positions in the array of results.
STATUS, OFFSET, RECORDS, CONTAINERS, FAULTS, POINTS, OWNER_FAULTS = 0, 1, 2, 3, 4, 5, 10
RESULTS = 11
OK, MALFORMED, TOO_MANY_RECORDS, TOO_MANY_CONTAINERS, RESOURCE_TOO_LARGE = 0, 1, 2, 3, 4

# Offsets of the limits in bytes.
_NAME, _KEY, _VALUE, _BODY, _NEST, _ATTRS, _RES_ATTRS = 0, 8, 16, 24, 32, 40, 48
_EVENTS, _LINKS, _MAX_RECORDS, _MAX_CONTAINERS, _RECORD_BYTES = 56, 64, 72, 80, 88
_EARLIEST, _LATEST = 96, 104
LIMITS = 14

_STACK = 96
"""Deepest walk: 5 levels down to an attribute, then 5 per level of nesting, 16 of those."""
_FIRST_RESERVED_FIELD = 1000
"""The journal writes its own fields from here on at the end of a request; a sender may not."""

_HIGH_BITS = np.uint64(0x8080808080808080)


# -- bytes -----------------------------------------------------------------------------------------


def _loader(bits: int, result: types.Integer) -> Any:
    """
    Return a function that reads a little-endian number at an address, without a check.

    Inside, a position is an address and not an index: an array handed from function to function
    has its references counted, which took longer than looking at what it holds.
    """

    @intrinsic
    def load(_context, _address):  # type: ignore[no-untyped-def]
        def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
            number = context.get_value_type(types.Integer.from_bitwidth(bits, signed=False))
            pointer = builder.inttoptr(arguments[0], number.as_pointer())
            value = builder.load(pointer, align=1)
            return builder.zext(value, context.get_value_type(result)) if bits < 64 else value

        return result(types.int64), generate

    return load


_u8 = _loader(8, types.int64)
_u32 = _loader(32, types.uint64)
_u64 = _loader(64, types.uint64)
_i64 = _loader(64, types.int64)


@njit(cache=True, nogil=True, inline="always")
def _varint(pos, end):  # type: ignore[no-untyped-def]
    """Return the number at `pos` and where it ends, or -1."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while pos < end:
        byte = _u8(pos)
        pos += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += np.uint64(7)
        if shift > np.uint64(63):
            break
    return value, np.int64(-1)


@njit(cache=True, nogil=True)
def _after_varint(pos, end):  # type: ignore[no-untyped-def]
    """Return where the number at `pos` ends, or -1."""
    last = min(end, pos + 10)
    while pos < last:
        if _u8(pos) < 0x80:
            return pos + 1
        pos += 1
    return np.int64(-1)


@njit(cache=True, nogil=True)
def _is_utf8(pos, end):  # type: ignore[no-untyped-def]
    """Follow the table of well-formed sequences in the Unicode standard (3-7)."""
    while pos < end:
        lead = _u8(pos)
        if lead < 0x80:
            if end - pos >= 8 and not _u64(pos) & _HIGH_BITS:
                pos += 8
            else:
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
        if _u8(pos + 1) < low or _u8(pos + 1) > high:
            return False
        for i in range(2, more + 1):
            if _u8(pos + i) < 0x80 or _u8(pos + i) > 0xBF:
                return False
        pos += more + 1
    return True


@njit(cache=True, nogil=True)
def _is_text(pos, end):  # type: ignore[no-untyped-def]
    """Return whether bytes are UTF-8, eight at a time while they are ASCII."""
    size = end - pos
    seen = np.uint64(0)
    if size >= 8:
        last = end - 8
        at = pos
        while at < last:
            seen |= _u64(at)
            at += 8
        seen |= _u64(last)  # overlaps what was seen already
    elif size >= 4:
        seen = _u32(pos) | _u32(end - 4)
    elif size > 0:
        seen = np.uint64(_u8(pos) | _u8(pos + size // 2) | _u8(end - 1))
    return not seen & _HIGH_BITS or _is_utf8(pos, end)


@njit(cache=True, nogil=True)
def _is_varints(pos, end):  # type: ignore[no-untyped-def]
    while pos < end:
        pos = _after_varint(pos, end)
        if pos < 0:
            return False
    return True


@njit(cache=True, nogil=True)
def _is_zero(pos, end):  # type: ignore[no-untyped-def]
    for i in range(pos, end):
        if _u8(i) != 0:
            return False
    return True


# -- plain records ---------------------------------------------------------------------------------


@njit(cache=True, nogil=True, inline="always")
def _plain_size(pos, end):  # type: ignore[no-untyped-def]
    """
    Return a length of up to 16,383 at `pos` and where its value begins, or -1.

    It is -1 too where the value would reach past `end`.
    """
    if pos >= end:
        return np.int64(0), np.int64(-1)
    size = _u8(pos)
    pos += 1
    if size >= 0x80:
        if pos >= end:
            return np.int64(0), np.int64(-1)
        high = _u8(pos)
        pos += 1
        if high >= 0x80:
            return np.int64(0), np.int64(-1)
        size = (size & 0x7F) | high << 7
    if size > end - pos:
        return np.int64(0), np.int64(-1)
    return size, pos


@njit(cache=True, nogil=True)
def _plain_value(pos, end, longest):  # type: ignore[no-untyped-def]
    """Return whether [pos, end) is an AnyValue of one plain kind."""
    if pos == end:
        return True
    tag = _u8(pos)
    if tag == 0x0A:  # text
        size, pos = _plain_size(pos + 1, end)
        return pos >= 0 and pos + size == end and size <= longest and _is_text(pos, end)
    if tag == 0x18 or tag == 0x10:  # integer, truth
        return _after_varint(pos + 1, end) == end
    if tag == 0x21:  # double
        return end - pos == 9
    return False


@njit(cache=True, nogil=True)
def _plain_pair(pos, end, limits):  # type: ignore[no-untyped-def]
    """Return whether [pos, end) is a KeyValue: a key, then a plain value."""
    if pos >= end or _u8(pos) != 0x0A:
        return False
    size, pos = _plain_size(pos + 1, end)
    if pos < 0 or size > _i64(limits + _KEY) or not _is_text(pos, pos + size):
        return False
    pos += size
    if pos >= end or _u8(pos) != 0x12:
        return False
    size, pos = _plain_size(pos + 1, end)
    return pos >= 0 and pos + size == end and _plain_value(pos, end, _i64(limits + _VALUE))


@njit(cache=True, nogil=True)
def _plain_event(pos, end, limits):  # type: ignore[no-untyped-def]
    instant = np.int64(0)
    attributes = 0
    while pos < end:
        tag = _u8(pos)
        if tag == 0x09:
            if end - pos < 9:
                return False
            instant = np.int64(_u64(pos + 1))
            pos += 9
        elif tag == 0x12 or tag == 0x1A:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0:
                return False
            if tag == 0x12:
                if size > _i64(limits + _NAME) or not _is_text(pos, pos + size):
                    return False
            else:
                attributes += 1
                if not _plain_pair(pos, pos + size, limits):
                    return False
            pos += size
        else:
            return False
    return attributes <= _i64(limits + _ATTRS) and _i64(limits + _EARLIEST) <= instant <= _i64(
        limits + _LATEST
    )


@njit(cache=True, nogil=True)
def _plain_link(pos, end, limits):  # type: ignore[no-untyped-def]
    attributes = 0
    if end - pos < 28 or _u8(pos) != 0x0A or _u8(pos + 1) != 16:
        return False
    if _u8(pos + 18) != 0x12 or _u8(pos + 19) != 8:
        return False
    if not (_u64(pos + 2) | _u64(pos + 10)) or not _u64(pos + 20):
        return False
    pos += 28
    while pos < end:
        tag = _u8(pos)
        if tag == 0x22 or tag == 0x1A:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0:
                return False
            if tag == 0x1A:
                if size > _i64(limits + _NAME) or not _is_text(pos, pos + size):
                    return False
            else:
                attributes += 1
                if not _plain_pair(pos, pos + size, limits):
                    return False
            pos += size
        elif tag == 0x35 and end - pos >= 5:
            pos += 5
        else:
            return False
    return attributes <= _i64(limits + _ATTRS)


@njit(cache=True, nogil=True)
def _plain_status(pos, end, limits):  # type: ignore[no-untyped-def]
    while pos < end:
        tag = _u8(pos)
        if tag == 0x18:
            pos = _after_varint(pos + 1, end)
            if pos < 0:
                return False
        elif tag == 0x12:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0 or size > _i64(limits + _VALUE) or not _is_text(pos, pos + size):
                return False
            pos += size
        else:
            return False
    return True


@njit(cache=True, nogil=True)
def _plain_span(pos, end, limits):  # type: ignore[no-untyped-def]
    """Return whether [pos, end) is a Span without a fault, written the usual way."""
    has_ids = 0
    start = np.int64(0)
    finish = np.int64(0)
    attributes = 0
    events = 0
    links = 0
    while pos < end:
        tag = _u8(pos)
        if tag == 0x4A:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0 or not _plain_pair(pos, pos + size, limits):
                return False
            attributes += 1
            pos += size
        elif tag == 0x0A:
            if end - pos < 18 or _u8(pos + 1) != 16:
                return False
            if not (_u64(pos + 2) | _u64(pos + 10)):
                return False
            has_ids |= 1
            pos += 18
        elif tag == 0x12:
            if end - pos < 10 or _u8(pos + 1) != 8 or not _u64(pos + 2):
                return False
            has_ids |= 2
            pos += 10
        elif tag == 0x22:
            if end - pos >= 10 and _u8(pos + 1) == 8:
                pos += 10
            elif end - pos >= 2 and _u8(pos + 1) == 0:
                pos += 2
            else:
                return False
        elif tag == 0x39 or tag == 0x41:
            if end - pos < 9:
                return False
            if tag == 0x39:
                start = np.int64(_u64(pos + 1))
            else:
                finish = np.int64(_u64(pos + 1))
            pos += 9
        elif tag == 0x2A or tag == 0x1A:  # name, trace state
            size, pos = _plain_size(pos + 1, end)
            if pos < 0 or size > _i64(limits + _NAME) or not _is_text(pos, pos + size):
                return False
            pos += size
        elif tag == 0x30 or tag == 0x50 or tag == 0x60 or tag == 0x70:  # kind, counts
            pos = _after_varint(pos + 1, end)
            if pos < 0:
                return False
        elif tag == 0x85:  # flags
            if end - pos < 6 or _u8(pos + 1) != 1:
                return False
            pos += 6
        elif tag == 0x7A or tag == 0x5A or tag == 0x6A:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0:
                return False
            if tag == 0x7A:
                if not _plain_status(pos, pos + size, limits):
                    return False
            elif tag == 0x5A:
                events += 1
                if not _plain_event(pos, pos + size, limits):
                    return False
            else:
                links += 1
                if not _plain_link(pos, pos + size, limits):
                    return False
            pos += size
        else:
            return False
    return (
        has_ids == 3
        and _i64(limits + _EARLIEST) <= start <= finish <= _i64(limits + _LATEST)
        and attributes <= _i64(limits + _ATTRS)
        and events <= _i64(limits + _EVENTS)
        and links <= _i64(limits + _LINKS)
    )


@njit(cache=True, nogil=True, inline="always")
def _is_instant_or_none(instant, limits):  # type: ignore[no-untyped-def]
    return instant == 0 or _i64(limits + _EARLIEST) <= instant <= _i64(limits + _LATEST)


@njit(cache=True, nogil=True)
def _plain_log(pos, end, limits):  # type: ignore[no-untyped-def]
    """Return whether [pos, end) is a LogRecord without a fault, written the usual way."""
    instant = np.int64(0)
    observed = np.int64(0)
    attributes = 0
    while pos < end:
        tag = _u8(pos)
        if tag == 0x32:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0 or not _plain_pair(pos, pos + size, limits):
                return False
            attributes += 1
            pos += size
        elif tag == 0x09 or tag == 0x59:
            if end - pos < 9:
                return False
            if tag == 0x09:
                instant = np.int64(_u64(pos + 1))
            else:
                observed = np.int64(_u64(pos + 1))
            pos += 9
        elif tag == 0x2A:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0 or not _plain_value(pos, pos + size, _i64(limits + _BODY)):
                return False
            pos += size
        elif tag == 0x1A or tag == 0x62:  # text of the severity, name of the event
            size, pos = _plain_size(pos + 1, end)
            if pos < 0 or size > _i64(limits + _NAME) or not _is_text(pos, pos + size):
                return False
            pos += size
        elif tag == 0x10 or tag == 0x38:
            pos = _after_varint(pos + 1, end)
            if pos < 0:
                return False
        elif tag == 0x4A or tag == 0x52:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0 or (size != 0 and size != (16 if tag == 0x4A else 8)):
                return False
            pos += size
        elif tag == 0x45:
            if end - pos < 5:
                return False
            pos += 5
        else:
            return False
    return (
        attributes <= _i64(limits + _ATTRS)
        and _is_instant_or_none(instant, limits)
        and _is_instant_or_none(observed, limits)
    )


@njit(cache=True, nogil=True)
def _plain_number(pos, end, limits):  # type: ignore[no-untyped-def]
    """Return whether [pos, end) is a NumberDataPoint without a fault and without exemplars."""
    since = np.int64(0)
    instant = np.int64(0)
    attributes = 0
    while pos < end:
        tag = _u8(pos)
        if tag == 0x3A:
            size, pos = _plain_size(pos + 1, end)
            if pos < 0 or not _plain_pair(pos, pos + size, limits):
                return False
            attributes += 1
            pos += size
        elif tag == 0x11 or tag == 0x19 or tag == 0x21 or tag == 0x31:
            if end - pos < 9:
                return False
            if tag == 0x11:
                since = np.int64(_u64(pos + 1))
            elif tag == 0x19:
                instant = np.int64(_u64(pos + 1))
            pos += 9
        elif tag == 0x40:
            pos = _after_varint(pos + 1, end)
            if pos < 0:
                return False
        else:
            return False
    return (
        attributes <= _i64(limits + _ATTRS)
        and _i64(limits + _EARLIEST) <= instant <= _i64(limits + _LATEST)
        and 0 <= since <= _i64(limits + _LATEST)
    )


@njit(cache=True, nogil=True)
def _is_plain(message, pos, end, limits):  # type: ignore[no-untyped-def]
    if message == 29:
        return _plain_pair(pos, end, limits)
    if message == 3:
        return _plain_span(pos, end, limits)
    if message == 10:
        return _plain_log(pos, end, limits)
    if message == 20:
        return _plain_number(pos, end, limits)
    return False


# -- the walk --------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _time_fault(kind, first, second, limits):  # type: ignore[no-untyped-def]
    """
    Return whether the instants of a message cannot be stored as they are.

    Instants past 2262 are negative here and so before every earliest one.
    """
    earliest = _i64(limits + _EARLIEST)
    latest = _i64(limits + _LATEST)
    if kind == 3:  # a span: start and end
        return first < earliest or second < first or second > latest
    if kind == 10 or kind == 24:  # log record, exemplar: a time may be left out
        return not (_is_instant_or_none(first, limits) and _is_instant_or_none(second, limits))
    if kind == 4 or 20 <= kind <= 23:  # event, point; the second is a series' start, however old
        return first < earliest or first > latest or second < 0 or second > latest
    return False


@njit(cache=True, nogil=True)
def walk(body, root, limit_array, wires, actions, children, enters, out):  # type: ignore[no-untyped-def]
    """Look through a message; counts, faults and what stopped the walk are left in `out`."""
    ends = np.empty(_STACK, np.int64)
    kinds = np.empty(_STACK, np.int64)
    attributes = np.zeros(_STACK, np.int64)
    events = np.zeros(_STACK, np.int64)
    links = np.zeros(_STACK, np.int64)
    seen = np.zeros(_STACK, np.uint64)
    first = np.zeros(_STACK, np.int64)
    second = np.zeros(_STACK, np.int64)
    top = 0
    pos = np.int64(body.ctypes.data)
    limits = np.int64(limit_array.ctypes.data)
    start = pos
    ends[0] = pos + len(body)
    kinds[0] = root
    nested = 0
    record = -1  # where on the stack the record lies that we are in
    found = np.int64(0)
    faults = np.int64(0)
    owner_faults = np.int64(0)
    while True:
        if found != 0:
            if record >= 0:
                faults |= found
            else:
                owner_faults |= found
            found = np.int64(0)
        # Leave every message that ends here.
        while pos == ends[top]:
            kind = kinds[top]
            if (kind == 3 or kind == 5) and (seen[top] & np.uint64(6)) != np.uint64(6):
                faults |= 1  # a span or link without a trace id or span id
            if _time_fault(kind, first[top], second[top], limits):
                faults |= 8
            if top == record:
                record = -1
            if enters[kind] == 8:
                nested -= 1
            if top == 0:
                out[FAULTS] = faults
                out[OWNER_FAULTS] = owner_faults
                return
            top -= 1
        end = ends[top]
        kind = kinds[top]
        key, after = _varint(pos, end)
        if after < 0 or key > np.uint64(0xFFFFFFFF) or after - pos > 5:
            out[STATUS], out[OFFSET] = MALFORMED, pos - start
            return
        start_of_field = pos
        pos = after
        field = np.int64(key >> np.uint64(3))
        wire = np.int64(key & np.uint64(7))
        if field == 0:
            out[STATUS], out[OFFSET] = MALFORMED, start_of_field - start
            return
        # The extent of the value, whatever it means.
        begin = pos
        number = np.uint64(0)
        if wire == 0:
            number, pos = _varint(pos, end)
            if pos < 0:
                out[STATUS], out[OFFSET] = MALFORMED, start_of_field - start
                return
        elif wire == 1:
            pos += 8
        elif wire == 5:
            pos += 4
        elif wire == 2:
            number, begin = _varint(pos, end)
            if begin < 0 or number > np.uint64(end - begin):
                out[STATUS], out[OFFSET] = MALFORMED, start_of_field - start
                return
            pos = begin + np.int64(number)
        else:
            out[STATUS], out[OFFSET] = MALFORMED, start_of_field - start
            return
        if pos > end:
            out[STATUS], out[OFFSET] = MALFORMED, start_of_field - start
            return
        if field >= 32:
            if top == 0 and field >= _FIRST_RESERVED_FIELD:
                found |= 256
            continue
        expected = wires[kind, field]
        if expected == 255:
            continue
        if expected != wire:
            if expected == 254:  # a repeated fixed64, packed or not
                if wire != 1 and (wire != 2 or (pos - begin) % 8 != 0):
                    found |= 4
            elif expected == 253:  # a repeated varint, packed or not
                if wire != 0 and (wire != 2 or not _is_varints(begin, pos)):
                    found |= 4
            else:
                found |= 4
            continue
        action = actions[kind, field]
        size = pos - begin
        if action == 0:
            continue
        if action <= 4:
            if size > _i64(limits + 8 * (action - 1)):
                found |= 64
            if not _is_text(begin, pos):
                found |= 2
        elif action == 5:
            seen[top] |= np.uint64(2)
            if size != 16 or _is_zero(begin, pos):
                found |= 1
        elif action == 6:
            seen[top] |= np.uint64(4)
            if size != 8 or _is_zero(begin, pos):
                found |= 1
        elif action == 7:
            if size != 0 and size != 16:
                found |= 1
        elif action == 8:
            if size != 0 and size != 8:
                found |= 1
        elif action == 10:
            first[top] = np.int64(_u64(begin))
        elif action == 12:
            second[top] = np.int64(_u64(begin))
        elif action == 11:
            if size > _i64(limits + _BODY):
                found |= 64
        elif action == 9:
            child = children[kind, field]
            enter = enters[child]
            if enter == 1:
                out[CONTAINERS] += 1
                if out[CONTAINERS] > _i64(limits + _MAX_CONTAINERS):
                    out[STATUS], out[OFFSET] = TOO_MANY_CONTAINERS, start_of_field - start
                    return
            elif enter == 2:
                if child == 14:  # a metric holds the points that count
                    out[CONTAINERS] += 1
                else:
                    out[RECORDS] += 1
                if out[RECORDS] > _i64(limits + _MAX_RECORDS):
                    out[STATUS], out[OFFSET] = TOO_MANY_RECORDS, start_of_field - start
                    return
                if out[CONTAINERS] > _i64(limits + _MAX_CONTAINERS) * 2:
                    out[STATUS], out[OFFSET] = TOO_MANY_CONTAINERS, start_of_field - start
                    return
                if size > _i64(limits + _RECORD_BYTES) and child != 14:
                    faults |= 128
                    continue  # it is refused whole, no need to look inside
            elif enter == 3:
                out[RECORDS] += 1
                out[POINTS + kind - 15] += 1
                if out[RECORDS] > _i64(limits + _MAX_RECORDS):
                    out[STATUS], out[OFFSET] = TOO_MANY_RECORDS, start_of_field - start
                    return
                if size > _i64(limits + _RECORD_BYTES):
                    found |= 128
                    continue
            elif enter == 4:
                attributes[top] += 1
                if kind == 27 or kind == 28:
                    if attributes[top] > _i64(limits + _RES_ATTRS):
                        found |= 32
                elif attributes[top] > _i64(limits + _ATTRS):
                    found |= 32
            elif enter == 5:
                events[top] += 1
                if events[top] > _i64(limits + _EVENTS):
                    found |= 32
            elif enter == 6:
                links[top] += 1
                if links[top] > _i64(limits + _LINKS):
                    found |= 32
            elif 15 <= child <= 19:  # the kinds of a metric, of which it has one
                if seen[top] & ~(np.uint64(1) << np.uint64(child)):
                    found |= 4
                seen[top] |= np.uint64(1) << np.uint64(child)
            elif enter == 7:
                if size > _i64(limits + _RECORD_BYTES):
                    out[STATUS], out[OFFSET] = RESOURCE_TOO_LARGE, start_of_field - start
                    return
            elif enter == 8:
                nested += 1
                found |= 16  # the tables hold plain values only
                if nested > _i64(limits + _NEST):
                    nested -= 1
                    continue
            if _is_plain(child, begin, pos, limits):
                continue
            if top + 1 >= _STACK:
                found |= 16
                if enter == 8:
                    nested -= 1
                continue
            top += 1
            ends[top] = pos
            kinds[top] = child
            attributes[top] = 0
            events[top] = 0
            links[top] = 0
            first[top] = 0
            second[top] = 0
            if enter == 2:
                record = top
            seen[top] = np.uint64(0)
            pos = begin
