"""
From the bytes of a segment to rows of numbers: one compiled walk, no Python per record.

Texts stay where they are; a cell holds their place (see `place`). What the walk relies on was made
sure of at the door (`receive/admission.py`): structure, lengths of ids, UTF-8, plain values.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.errors import MalformedBody
from tracepulse.receive.signals import Signal
from tracepulse.store.load.row_types import (
    ACTION,
    CELL,
    CHILD,
    MAX_FIELD,
    ROOT,
    ROW_OF,
    WIDTH,
    Row,
    cell,
)

__all__ = ["LENGTH_BITS", "LENGTH_MASK", "Rows", "ValueKind", "read_rows"]

LENGTH_BITS = 24
LENGTH_MASK = (1 << LENGTH_BITS) - 1
"""A place in the segment is its offset shifted by 24 bits, and its length below."""

_DEPTH = 16
_RECEIVED, _ORIGIN, _TRUST, _DATA_SET = 1001, 1002, 1003, 1004
_OWN_CELLS = np.array(
    [cell(Row.REQUEST, n) for n in ("received_unix_ns", "origin", "trust", "data_set", "body_end")],
    np.int64,
)


class ValueKind:
    """Kinds of AnyValue, by the numbers of its fields."""

    NONE, TEXT, BOOL, INT, DOUBLE, BYTES = 0, 1, 2, 3, 4, 7


@njit(cache=True, nogil=True, inline="always")
def _varint(buf, pos, end):  # type: ignore[no-untyped-def]
    value = np.uint64(0)
    shift = np.uint64(0)
    while pos < end:
        byte = buf[pos]
        pos += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += np.uint64(7)
        if shift > np.uint64(63):
            break
    return value, np.int64(-1)


@njit(cache=True, nogil=True, inline="always")
def _fixed64(buf, pos):  # type: ignore[no-untyped-def]
    value = np.uint64(0)
    for i in range(8):
        value |= np.uint64(buf[pos + i]) << np.uint64(8 * i)
    return np.int64(value)


@njit(cache=True, nogil=True)
def _any_value(buf, pos, end, kind, content):  # type: ignore[no-untyped-def]
    """
    Return kind, content, and whether it can be read.

    Kind and content are given as an earlier message of the same field left them: protobuf merges.
    """
    while pos < end:
        key, pos = _varint(buf, pos, end)
        if pos < 0:
            return kind, content, False
        field = np.int64(key >> np.uint64(3))
        wire = np.int64(key & np.uint64(7))
        if wire == 2:
            size, pos = _varint(buf, pos, end)
            if pos < 0 or size > np.uint64(end - pos):
                return kind, content, False
            if field == 1 or field == 7:
                kind = field
                content = (pos << 24) | np.int64(size)
            elif field == 5 or field == 6:
                kind, content = np.int64(0), np.int64(0)
            pos += np.int64(size)
        elif wire == 0:
            number, pos = _varint(buf, pos, end)
            if pos < 0:
                return kind, content, False
            if field == 2 or field == 3:
                kind, content = field, np.int64(number)
        elif wire == 1:
            if pos + 8 > end:
                return kind, content, False
            if field == 4:
                kind, content = field, _fixed64(buf, pos)
            pos += 8
        elif wire == 5:
            pos += 4
        else:
            return kind, content, False
    return kind, content, pos == end


@njit(cache=True, nogil=True)
def _walk(  # type: ignore[no-untyped-def]
    buf,
    starts,
    ends,
    root,
    action,
    cells_of,
    child_of,
    row_of,
    width,
    own_cells,
    counts,
    bases,
    cells,
    pair_row_type,
    pair_row,
    pair_key,
    pair_kind,
    pair_value,
    fill,
):
    """
    Walk over messages; without `fill` only count rows and pairs.

    Returns the offset at which the bytes cannot be read, or -1.
    """
    level_end = np.empty(_DEPTH, np.int64)
    level_type = np.empty(_DEPTH, np.int64)
    level_row = np.empty(_DEPTH, np.int64)
    pairs = np.int64(0)
    for message in range(len(starts)):
        top = 0
        level_end[0] = ends[message]
        level_type[0] = root
        level_row[0] = message
        pos = starts[message]
        request = bases[0] + message * width[0]
        if fill:
            cells[request + own_cells[4]] = ends[message]
        counts[0] += 1
        while True:
            end = level_end[top]
            if pos >= end:
                if pos > end:
                    return pos
                if top == 0:
                    break
                top -= 1
                continue
            kind = level_type[top]
            field_start = pos
            byte = buf[pos]
            if byte < 0x80:
                pos += 1
                field = np.int64(byte >> 3)
                wire = np.int64(byte & 7)
            else:
                key, pos = _varint(buf, pos, end)
                if pos < 0:
                    return field_start
                field = np.int64(key >> np.uint64(3))
                wire = np.int64(key & np.uint64(7))
            begin = pos
            number = np.uint64(0)
            if wire == 2:
                number, begin = _varint(buf, pos, end)
                if begin < 0 or number > np.uint64(end - begin):
                    return field_start
                pos = begin + np.int64(number)
            elif wire == 0:
                number, pos = _varint(buf, pos, end)
                if pos < 0:
                    return field_start
            elif wire == 1:
                pos += 8
            elif wire == 5:
                pos += 4
            else:
                return field_start
            if pos > end:
                return field_start
            if field >= MAX_FIELD:
                if top == 0 and field >= _RECEIVED and fill:
                    if field == _RECEIVED and wire == 1:
                        cells[request + own_cells[0]] = _fixed64(buf, begin)
                        cells[request + own_cells[4]] = field_start
                    elif field <= _DATA_SET and wire == 2:
                        cells[request + own_cells[field - _RECEIVED]] = (begin << 24) | (
                            pos - begin
                        )
                continue
            act = action[kind, field]
            if act == 0:
                continue
            row_type = row_of[kind]
            row = level_row[top]
            at = bases[row_type] + row * width[row_type] + cells_of[kind, field]
            if act == 4:  # TEXT
                if wire != 2:
                    return field_start
                if fill:
                    cells[at] = (begin << 24) | (pos - begin)
            elif act == 7:  # PAIR
                if wire != 2:
                    return field_start
                if fill:
                    key_place = np.int64(0)
                    value_kind = np.int64(0)
                    value = np.int64(0)
                    inner = begin
                    while inner < pos:
                        tag, inner = _varint(buf, inner, pos)
                        if inner < 0:
                            return field_start
                        tag_wire = tag & np.uint64(7)
                        if tag_wire == 1 or tag_wire == 5:
                            inner += 8 if tag_wire == 1 else 4
                            continue
                        size, inner = _varint(buf, inner, pos)
                        if inner < 0:
                            return field_start
                        if tag_wire == 0:
                            continue
                        if tag_wire != 2 or size > np.uint64(pos - inner):
                            return field_start
                        if tag == 10:
                            key_place = (inner << 24) | np.int64(size)
                        elif tag == 18:
                            value_kind, value, fine = _any_value(
                                buf, inner, inner + np.int64(size), value_kind, value
                            )
                            if not fine:
                                return field_start
                        inner += np.int64(size)
                    if inner != pos:
                        return field_start
                    pair_row_type[pairs] = row_type
                    pair_row[pairs] = row
                    pair_key[pairs] = key_place
                    pair_kind[pairs] = value_kind
                    pair_value[pairs] = value
                pairs += 1
            elif act == 2:  # FIXED64
                if wire != 1:
                    return field_start
                if fill:
                    cells[at] = _fixed64(buf, begin)
            elif act == 1:  # VARINT
                if wire != 0:
                    return field_start
                if fill:
                    cells[at] = np.int64(number)
            elif act == 5:  # ROW
                if wire != 2 or top + 1 >= _DEPTH:
                    return field_start
                child = child_of[kind, field]
                child_row_type = row_of[child]
                new = counts[child_row_type]
                counts[child_row_type] = new + 1
                if fill:
                    cells[bases[child_row_type] + new * width[child_row_type]] = row
                top += 1
                level_end[top] = pos
                level_type[top] = child
                level_row[top] = new
                pos = begin
            elif act == 6:  # WITHIN
                if wire != 2 or top + 1 >= _DEPTH:
                    return field_start
                top += 1
                level_end[top] = pos
                level_type[top] = child_of[kind, field]
                level_row[top] = row
                pos = begin
            elif act == 10:  # VALUE
                if wire != 2:
                    return field_start
                if fill:
                    value_kind, value, fine = _any_value(buf, begin, pos, cells[at], cells[at + 1])
                    if not fine:
                        return field_start
                    cells[at] = value_kind
                    cells[at + 1] = value
            elif act == 3:  # FIXED32
                if wire != 5:
                    return field_start
                if fill:
                    value = np.int64(0)
                    for i in range(4):
                        value |= np.int64(buf[begin + i]) << (8 * i)
                    cells[at] = value
            elif act == 11:  # MARKED_FIXED64
                if wire != 1:
                    return field_start
                if fill:
                    cells[at] = _fixed64(buf, begin)
                    cells[at + 1] = field
            elif act == 12:  # SIGNED_VARINT
                if wire != 0:
                    return field_start
                if fill:
                    number &= np.uint64(0xFFFFFFFF)  # sint32: what is above is cut off
                    cells[at] = np.int64(number >> np.uint64(1)) ^ -np.int64(number & np.uint64(1))
            else:  # FIXED64_LIST, VARINT_LIST
                child = np.int64(child_of[kind, field])
                if (act == 8 and wire == 0) or wire == 5 or (act == 9 and wire == 1):
                    return field_start
                inner = begin
                if wire == 0:
                    inner = pos  # a single number, in hand already
                    new = counts[child]
                    counts[child] = new + 1
                    if fill:
                        cells[bases[child] + new * 2] = row
                        cells[bases[child] + new * 2 + 1] = np.int64(number)
                while inner < pos:
                    if act == 8:
                        if inner + 8 > pos:
                            return field_start
                        each = _fixed64(buf, inner)
                        inner += 8
                    else:
                        unsigned, inner = _varint(buf, inner, pos)
                        if inner < 0:
                            return field_start
                        each = np.int64(unsigned)
                    new = counts[child]
                    counts[child] = new + 1
                    if fill:
                        cells[bases[child] + new * 2] = row
                        cells[bases[child] + new * 2 + 1] = each
    counts[len(counts) - 1] = pairs
    return np.int64(-1)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a segment; all arrays are int64 unless said otherwise."""

    text: NDArray[np.uint8]
    """The bytes that places point into."""
    starts: NDArray[np.int64]
    """Where each request begins in it."""
    cells: NDArray[np.int64]
    bases: NDArray[np.int64]
    counts: NDArray[np.int64]
    pair_row_type: NDArray[np.uint8]
    pair_row: NDArray[np.int32]
    pair_key: NDArray[np.int64]
    """Places of the keys."""
    pair_kind: NDArray[np.uint8]
    """ValueKind."""
    pair_value: NDArray[np.int64]
    """A place, a number, or the bits of a double."""

    def count(self, row: Row) -> int:
        """How many rows there are of a type."""
        return int(self.counts[row])

    def cell(self, row: Row, name: str, further: int = 0) -> NDArray[np.int64]:
        """Return one cell of every row of a type, in the order in which they came."""
        return self._table(row)[:, cell(row, name) + further]

    def owner(self, row: Row) -> NDArray[np.int64]:
        """Return the row that each row of a type lies in."""
        return self._table(row)[:, 0]

    def number(self, row: Row) -> NDArray[np.int64]:
        """Return the numbers of a list's rows."""
        return self._table(row)[:, 1]

    def _table(self, row: Row) -> NDArray[np.int64]:
        count, width, base = int(self.counts[row]), int(WIDTH[row]), int(self.bases[row])
        return self.cells[base : base + count * width].reshape(count, width)


def read_rows(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], signal: Signal
) -> Rows:
    """
    Return the rows of some messages of a segment.

    Args:
        data: the segment.
        starts, ends: offsets of the messages in it, without their length prefixes.
    Raises:
        MalformedBody: a message cannot be read; the text says at which byte.
    """
    buf = np.frombuffer(data, np.uint8)
    root = int(ROOT[signal])
    tables = (ACTION, CELL, CHILD, ROW_OF, WIDTH, _OWN_CELLS)
    counts = np.zeros(len(Row) + 1, np.int64)
    bases = np.zeros(len(Row), np.int64)
    none = np.zeros(0, np.int64)
    small, middle = np.zeros(0, np.uint8), np.zeros(0, np.int32)
    fault = _walk(
        buf,
        starts,
        ends,
        root,
        *tables,
        counts,
        bases,
        none,
        small,
        middle,
        none,
        small,
        none,
        False,
    )
    if fault >= 0:
        raise MalformedBody(f"unreadable field at byte {fault} of the segment")
    sizes = counts[:-1] * WIDTH
    bases[1:] = np.cumsum(sizes)[:-1]
    pairs = int(counts[-1])
    rows = Rows(
        buf,
        starts,
        np.zeros(int(sizes.sum()), np.int64),
        bases,
        np.zeros_like(counts),
        np.empty(pairs, np.uint8),
        np.empty(pairs, np.int32),
        np.empty(pairs, np.int64),
        np.empty(pairs, np.uint8),
        np.empty(pairs, np.int64),
    )
    fault = _walk(
        buf,
        starts,
        ends,
        root,
        *tables,
        rows.counts,
        bases,
        rows.cells,
        rows.pair_row_type,
        rows.pair_row,
        rows.pair_key,
        rows.pair_kind,
        rows.pair_value,
        True,
    )
    if fault >= 0:
        raise MalformedBody(f"unreadable field at byte {fault} of the segment")
    return rows
