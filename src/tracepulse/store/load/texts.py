"""
Work on texts by their places: copies, dictionaries, values written out. Compiled, no Python per text.

A place is what `rows.py` makes: offset << 24 | length, in one array of bytes.
"""

from decimal import Decimal
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.errors import MalformedBody
from tracepulse.store.load.memory import SLACK, copy, load64, store64
from tracepulse.store.load.rows import LENGTH_MASK, ValueKind

__all__ = [
    "bytes_at",
    "dictionary",
    "equal_to",
    "gather",
    "hex_texts",
    "json_objects",
    "renumber",
    "repeated",
    "string_offsets",
    "strings",
    "value_texts",
]

Places = NDArray[np.int64]

_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def bytes_at(text: NDArray[np.uint8], place: int) -> bytes:
    """Return the bytes at a place."""
    offset, length = int(place) >> 24, int(place) & LENGTH_MASK
    return text[offset : offset + length].tobytes()


@njit(cache=True, nogil=True, inline="always")
def _mixed(value):  # type: ignore[no-untyped-def]
    value *= _MULTIPLY
    return value ^ (value >> np.uint64(29))


@njit(cache=True, nogil=True)
def hash_bytes(buf, begin, end, seed):  # type: ignore[no-untyped-def]
    """Return 64 bits that stand for some bytes."""
    length = end - begin
    value = seed ^ (np.uint64(length) * _MIX)
    if length >= 8:
        pos = begin
        while pos + 8 < end:
            value = _mixed(value ^ load64(buf, pos))
            pos += 8
        value = _mixed(value ^ load64(buf, end - 8))
    else:
        word = np.uint64(0)
        for i in range(length):
            word = (word << np.uint64(8)) | np.uint64(buf[begin + i])
        value = _mixed(value ^ word)
    return _mixed(value ^ _MIX)


@njit(cache=True, nogil=True, inline="always")
def _same(buf, a, b, length):  # type: ignore[no-untyped-def]
    i = 0
    while i + 8 <= length:
        if load64(buf, a + i) != load64(buf, b + i):
            return False
        i += 8
    while i < length:
        if buf[a + i] != buf[b + i]:
            return False
        i += 1
    return True


@njit(cache=True, nogil=True)
def _dictionary(buf, places, codes, distinct):  # type: ignore[no-untyped-def]
    """Number equal texts alike, in the order of their first appearance; return how many differ."""
    size = np.int64(1024)
    table = np.full(size, -1, np.int64)
    hashes = np.empty(1024, np.uint64)
    found = np.int64(0)
    last_place = np.int64(-1)
    last_code = np.int64(0)
    for n in range(len(places)):
        place = places[n]
        if place == last_place:
            codes[n] = last_code
            continue
        offset = place >> 24
        length = place & 0xFFFFFF
        value = hash_bytes(buf, offset, offset + length, np.uint64(0))
        slot = np.int64(value & np.uint64(size - 1))
        code = np.int64(-1)
        while table[slot] >= 0:
            other = table[slot]
            if hashes[other] == value:
                known = distinct[other]
                if (known & 0xFFFFFF) == length and _same(buf, known >> 24, offset, length):
                    code = other
                    break
            slot = (slot + 1) & (size - 1)
        if code < 0:
            code = found
            if found == len(hashes):
                more = np.empty(found * 2, np.uint64)
                more[:found] = hashes
                hashes = more
            hashes[found] = value
            distinct[found] = place
            table[slot] = found
            found += 1
            if found * 2 > size:
                size *= 4
                table = np.full(size, -1, np.int64)
                for each in range(found):
                    slot = np.int64(hashes[each] & np.uint64(size - 1))
                    while table[slot] >= 0:
                        slot = (slot + 1) & (size - 1)
                    table[slot] = each
        codes[n] = code
        last_place = place
        last_code = code
    return found


def dictionary(text: NDArray[np.uint8], places: Places) -> tuple[NDArray[np.int32], Places]:
    """Return the number of each text among the distinct ones, and the places of these."""
    codes = np.empty(len(places), np.int32)
    distinct = np.empty(len(places), np.int64)
    found = _dictionary(text, places, codes, distinct)
    return codes, distinct[:found].copy()


@njit(cache=True, nogil=True)
def _renumber(codes, known, out, kept):  # type: ignore[no-untyped-def]
    new = np.full(known, -1, np.int32)
    found = 0
    for n in range(len(codes)):
        code = codes[n]
        if new[code] < 0:
            new[code] = found
            kept[found] = code
            found += 1
        out[n] = new[code]
    return found


def renumber(codes: NDArray[np.int32], known: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return codes counted from 0 in order of appearance, and the old code of each."""
    out = np.empty(len(codes), np.int32)
    kept = np.empty(known, np.int32)
    return out, kept[: _renumber(codes, known, out, kept)]


@njit(cache=True, nogil=True)
def _gather(offsets, selected, new_offsets, out):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for n in range(len(selected)):
        row = selected[n]
        for at in range(offsets[row], offsets[row + 1]):
            out[total] = at
            total += 1
        new_offsets[n + 1] = total


def gather(
    offsets: NDArray[np.int64], selected: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    Return the elements of some rows of a ragged list, one row after the other.

    Args:
        offsets: where each row begins, and at last where the last one ends.
        selected: the rows, in any order, repeated or not.
    Returns:
        New offsets of the same form, and the positions of the elements.
    """
    sizes = offsets[1:][selected] - offsets[:-1][selected]
    new_offsets = np.zeros(len(selected) + 1, np.int64)
    out = np.empty(int(sizes.sum()), np.int64)
    _gather(offsets, selected, new_offsets, out)
    return new_offsets, out


@njit(cache=True, nogil=True)
def _strings_size(places):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for n in range(len(places)):
        length = places[n] & 0xFFFFFF
        total += length + 1
        while length >= 0x80:
            total += 1
            length >>= 7
    return total


@njit(cache=True, nogil=True)
def _strings(buf, places, out):  # type: ignore[no-untyped-def]
    at = np.int64(0)
    last = len(buf) - 16
    for n in range(len(places)):
        offset = places[n] >> 24
        length = places[n] & 0xFFFFFF
        rest = length
        while rest >= 0x80:
            out[at] = (rest & 0x7F) | 0x80
            at += 1
            rest >>= 7
        out[at] = rest
        at += 1
        if length <= 16 and offset <= last:
            # Two words, whatever of them is wanted: what is too much is overwritten by the next.
            store64(out, at, load64(buf, offset))
            store64(out, at + 8, load64(buf, offset + 8))
        else:
            copy(out, at, buf, offset, length)
        at += length


def strings(text: NDArray[np.uint8], places: Places) -> NDArray[np.uint8]:
    """Return texts one after the other, each behind its length as a varint."""
    size = _strings_size(places)
    out = np.empty(size + SLACK, np.uint8)
    _strings(text, places, out)
    return out[:size]


@njit(cache=True, nogil=True)
def _repeated(source, offsets, rows, out):  # type: ignore[no-untyped-def]
    at = np.int64(0)
    for n in range(len(rows)):
        begin = offsets[rows[n]]
        length = offsets[rows[n] + 1] - begin
        copy(out, at, source, begin, length)
        at += length


def repeated(
    source: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return stretches of bytes one after the other; `offsets` says where each row's begins."""
    out = np.empty(int((offsets[1:] - offsets[:-1])[rows].sum()), np.uint8)
    _repeated(source, offsets, rows, out)
    return out


@njit(cache=True, nogil=True)
def _ends(places, out):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for n in range(len(places)):
        length = places[n] & 0xFFFFFF
        total += length + 1
        while length >= 0x80:
            total += 1
            length >>= 7
        out[n + 1] = total


def string_offsets(places: Places) -> NDArray[np.int64]:
    """Return where each text begins in what `strings` returns, and at last where it ends."""
    out = np.zeros(len(places) + 1, np.int64)
    _ends(places, out)
    return out


_ESCAPES = np.zeros((32, 6), np.uint8)
for _code in range(32):
    _ESCAPES[_code] = np.frombuffer(f"\\u{_code:04x}".encode(), np.uint8)
for _code, _letter in zip(b"\b\f\n\r\t", b"bfnrt", strict=True):
    _ESCAPES[_code] = (92, _letter, 0, 0, 0, 0)


@njit(cache=True, nogil=True)
def _json_string(buf, place, escapes, out, at):  # type: ignore[no-untyped-def]
    out[at] = 34
    at += 1
    for pos in range(place >> 24, (place >> 24) + (place & 0xFFFFFF)):
        byte = buf[pos]
        if byte < 32:
            for i in range(6):
                if escapes[byte, i] != 0:
                    out[at] = escapes[byte, i]
                    at += 1
        else:
            if byte == 34 or byte == 92:
                out[at] = 92
                at += 1
            out[at] = byte
            at += 1
    out[at] = 34
    return at + 1


@njit(cache=True, nogil=True)
def _json_objects(buf, offsets, keys, values, escapes, out, places):  # type: ignore[no-untyped-def]
    at = np.int64(0)
    for row in range(len(offsets) - 1):
        begin = at
        out[at] = 123
        at += 1
        for pair in range(offsets[row], offsets[row + 1]):
            if pair > offsets[row]:
                out[at] = 44
                at += 1
            at = _json_string(buf, keys[pair], escapes, out, at)
            out[at] = 58
            at = _json_string(buf, values[pair], escapes, out, at + 1)
        out[at] = 125
        at += 1
        if at - begin > 0xFFFFFF:
            return False
        places[row] = (begin << 24) | (at - begin)
    return True


def json_objects(
    text: NDArray[np.uint8], offsets: NDArray[np.int64], keys: Places, values: Places
) -> tuple[NDArray[np.uint8], Places]:
    """
    Return pairs of texts as JSON objects, in their order and without blanks.

    Args:
        offsets: where each object's pairs begin, and at last where the last one's end.
    Returns:
        The bytes of all objects, and the place of each in them. Escapes are those of Python's
        `json.dumps(…, ensure_ascii=False)`.
    Raises:
        MalformedBody: an object is too long for a place.
    """
    lengths = int((keys & LENGTH_MASK).sum() + (values & LENGTH_MASK).sum())
    out = np.empty(6 * lengths + 6 * len(keys) + 2 * len(offsets) + SLACK, np.uint8)
    places = np.empty(len(offsets) - 1, np.int64)
    if not _json_objects(text, offsets, keys, values, _ESCAPES, out, places):
        raise MalformedBody("the attributes of one resource take more than 16 MiB as text")
    return out, places


_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_LOW = np.uint64(0x0F0F0F0F0F0F0F0F)
_ONES = np.uint64(0x0101010101010101)


@njit(cache=True, nogil=True, inline="always")
def _hex_word(four):  # type: ignore[no-untyped-def]
    """Return eight hexadecimal digits of four bytes, the first byte's in the lowest place."""
    spread = (four | (four << np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    spread = (spread | (spread << np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    halves = ((spread >> np.uint64(4)) | (spread << np.uint64(8))) & _LOW
    # A letter where a half is above nine: 'a' lies 39 behind what would follow '9'.
    letters = ((halves + np.uint64(6) * _ONES) >> np.uint64(4)) & _ONES
    return halves + np.uint64(0x30) * _ONES + letters * np.uint64(39)


@njit(cache=True, nogil=True)
def _hex_texts(buf, places, digits, out):  # type: ignore[no-untyped-def]
    at = np.int64(0)
    for n in range(len(places)):
        offset = places[n] >> 24
        length = places[n] & 0xFFFFFF
        if length == 8 or length == 16:
            word = load64(buf, offset)
            other = load64(buf, offset + 8) if length == 16 else np.uint64(0)
            if word | other != np.uint64(0):
                out[at] = length * 2
                store64(out, at + 1, _hex_word(word & np.uint64(0xFFFFFFFF)))
                store64(out, at + 9, _hex_word(word >> np.uint64(32)))
                if length == 16:
                    store64(out, at + 17, _hex_word(other & np.uint64(0xFFFFFFFF)))
                    store64(out, at + 25, _hex_word(other >> np.uint64(32)))
                at += length * 2 + 1
                continue
            length = np.int64(0)
        zero = True
        for i in range(length):
            if buf[offset + i] != 0:
                zero = False
        if zero:
            out[at] = 0
            at += 1
            continue
        out[at] = length * 2
        at += 1
        for i in range(length):
            byte = buf[offset + i]
            out[at] = digits[byte >> 4]
            out[at + 1] = digits[byte & 15]
            at += 2
    return at


def hex_texts(text: NDArray[np.uint8], places: Places) -> NDArray[np.uint8]:
    """Return ids of at most 60 bytes in hexadecimal as `strings` does; '' for none or zeros."""
    out = np.empty(int((places & LENGTH_MASK).sum()) * 2 + len(places) + SLACK, np.uint8)
    return out[: _hex_texts(text, places, _HEX, out)]


@njit(cache=True, nogil=True)
def _equal_to(buf, places, wanted, out):  # type: ignore[no-untyped-def]
    for n in range(len(places)):
        length = places[n] & 0xFFFFFF
        out[n] = length == len(wanted)
        offset = places[n] >> 24
        if out[n]:
            for i in range(length):
                if buf[offset + i] != wanted[i]:
                    out[n] = False
                    break


def equal_to(text: NDArray[np.uint8], places: Places, wanted: bytes) -> NDArray[np.bool_]:
    """Say which texts are the one that is wanted."""
    out = np.empty(len(places), np.bool_)
    _equal_to(text, places, np.frombuffer(wanted, np.uint8), out)
    return out


# -- values as text --------------------------------------------------------------------------------

_BASE64 = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8
)
_WORDS = b"truefalse"


@njit(cache=True, nogil=True)
def _room(kinds, values):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for n in range(len(kinds)):
        if kinds[n] == 3:
            total += 20
        elif kinds[n] == 7:
            total += ((values[n] & 0xFFFFFF) + 2) // 3 * 4
    return total


@njit(cache=True, nogil=True)
def _write_values(buf, kinds, values, words, at, letters, out):  # type: ignore[no-untyped-def]
    """Write numbers and bytes as text from `at` on, and return the place of each value's text."""
    for n in range(len(kinds)):
        kind = kinds[n]
        if kind == 1:
            out[n] = values[n]
        elif kind == 2:
            out[n] = (words << 24) | 4 if values[n] != 0 else ((words + 4) << 24) | 5
        elif kind == 3:
            negative = values[n] < 0
            rest = np.uint64(values[n])
            if negative:
                rest = np.uint64(0) - rest
            stop = at + 20
            pos = stop
            while True:
                pos -= 1
                buf[pos] = 48 + np.int64(rest % np.uint64(10))
                rest //= np.uint64(10)
                if rest == np.uint64(0):
                    break
            if negative:
                pos -= 1
                buf[pos] = 45
            out[n] = (pos << 24) | (stop - pos)
            at = stop
        elif kind == 7:
            pos = values[n] >> 24
            length = values[n] & 0xFFFFFF
            begin = at
            for i in range(0, length, 3):
                left = length - i
                word = np.int64(buf[pos + i]) << 16
                if left > 1:
                    word |= np.int64(buf[pos + i + 1]) << 8
                if left > 2:
                    word |= np.int64(buf[pos + i + 2])
                buf[at] = letters[word >> 18]
                buf[at + 1] = letters[(word >> 12) & 63]
                buf[at + 2] = letters[(word >> 6) & 63] if left > 1 else 61
                buf[at + 3] = letters[word & 63] if left > 2 else 61
                at += 4
            out[n] = (begin << 24) | (at - begin)
        else:
            out[n] = 0
    return at


@lru_cache(maxsize=1 << 14)
def _double_text(bits: int) -> bytes:
    """Write a double as ClickHouse does: the shortest digits, plain from 1e-6 up to 1e21."""
    number = float(np.array(bits, np.int64).view(np.float64))
    if number != number:
        return b"nan"
    if number in (float("inf"), float("-inf")):
        return b"inf" if number > 0 else b"-inf"
    shortest = repr(number)
    size = abs(number)
    if size == 0 or 1e-6 <= size < 1e21:
        text = format(Decimal(shortest), "f") if "e" in shortest else shortest
        return text.removesuffix(".0").encode()
    digits, _, exponent = shortest.partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}".encode()


def value_texts(
    text: NDArray[np.uint8], kinds: NDArray[np.uint8], values: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], Places]:
    """
    Return values as the exporter writes them, and where each is written.

    Args:
        kinds: ValueKind of each.
        values: place, number or bits of each.
    Returns:
        The bytes given, longer by the texts of numbers and the like; places in them.
    """
    doubles, which = np.unique(values[kinds == ValueKind.DOUBLE], return_inverse=True)
    written = [_double_text(int(bits)) for bits in doubles]
    own = np.frombuffer(_WORDS + b"".join(written), np.uint8)
    at = len(text)
    longer = np.empty(at + len(own) + _room(kinds, values) + SLACK, np.uint8)
    longer[:at] = text
    longer[at : at + len(own)] = own
    out = np.empty(len(kinds), np.int64)
    _write_values(longer, kinds, values, at, at + len(own), _BASE64, out)
    if len(doubles):
        lengths = np.array([len(each) for each in written], np.int64)
        starts = at + len(_WORDS) + np.cumsum(lengths) - lengths
        out[kinds == ValueKind.DOUBLE] = ((starts << 24) | lengths)[which]
    return longer, out
