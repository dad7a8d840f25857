"""The shapes of log records, compiled: what `tracepulse.model.log_shape` says, without Python per line."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.model.log_shape import MESSAGE_KEYS
from tracepulse.store.load.rows import LENGTH_MASK

__all__ = ["pattern_shapes", "shape_ids"]

_CHARACTERS = 1_000
_WORD, _HEX, _PATH, _VALUE_END, _KEY = 1, 2, 4, 8, 16
_CLASSES = np.zeros(256, np.uint8)
for _each in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_":
    _CLASSES[_each] |= _WORD | _PATH | _KEY
for _each in b"0123456789ABCDEFabcdef":
    _CLASSES[_each] |= _HEX
for _each in b".+@%~$-":
    _CLASSES[_each] |= _PATH
for _each in b'",{}[] \r\n':
    _CLASSES[_each] |= _VALUE_END
for _each in b".-":
    _CLASSES[_each] |= _KEY
_KEYS = np.zeros((len(MESSAGE_KEYS), 8), np.uint8)
for _n, _name in enumerate(MESSAGE_KEYS):
    _KEYS[_n, : len(_name)] = np.frombuffer(_name.encode(), np.uint8)
_TRACEBACK = np.frombuffer(b"Traceback (most recent call last)", np.uint8)
_FRAME_AT = np.frombuffer(b"at <*>", np.uint8)
_FRAME_FILE = np.frombuffer(b"File <*>", np.uint8)


@njit(cache=True, nogil=True)
def _starts_with(buf, pos, end, text):  # type: ignore[no-untyped-def]
    if end - pos < len(text):
        return False
    for i in range(len(text)):
        if buf[pos + i] != text[i]:
            return False
    return True


@njit(cache=True, nogil=True)
def _quoted_end(buf, pos, end):  # type: ignore[no-untyped-def]
    """Return where the string that begins after a quote at `pos` ends, or -1."""
    at = pos + 1
    while at < end:
        if buf[at] == 34:
            return at
        if buf[at] == 92:
            at += 1
            if at >= end:
                return np.int64(-1)
        at += 1
    return np.int64(-1)


@njit(cache=True, nogil=True)
def _json_message(buf, pos, end, keys):  # type: ignore[no-untyped-def]
    """Return where the first message of a JSON object begins and ends, or -1."""
    for at in range(pos, end):
        if buf[at] != 34:
            continue
        for k in range(len(keys)):
            length = 0
            while length < 8 and keys[k, length] != 0:
                length += 1
            after = at + 1 + length
            if after >= end or buf[after] != 34:
                continue
            same = True
            for i in range(length):
                if buf[at + 1 + i] != keys[k, i]:
                    same = False
                    break
            if not same:
                continue
            after += 1
            while after < end and buf[after] == 32:
                after += 1
            if after >= end or buf[after] != 58:
                continue
            after += 1
            while after < end and buf[after] == 32:
                after += 1
            if after >= end or buf[after] != 34:
                continue
            closing = _quoted_end(buf, after, end)
            if closing > after + 1:
                return after + 1, closing
    return np.int64(-1), np.int64(-1)


@njit(cache=True, nogil=True)
def _logfmt_message(buf, pos, end, classes):  # type: ignore[no-untyped-def]
    at = pos
    if not (classes[buf[at]] & 1) or 48 <= buf[at] <= 57:
        return np.int64(-1), np.int64(-1)
    while at < end and classes[buf[at]] & 16:
        at += 1
    if at >= end or buf[at] != 61:
        return np.int64(-1), np.int64(-1)
    for at in range(pos, end - 5):
        # m, after the beginning or a blank
        if buf[at] != 109 or (at > pos and buf[at - 1] != 32):
            continue
        after = -1
        if buf[at + 1] == 115 and buf[at + 2] == 103:  # sg
            after = at + 3
        elif (
            end - at > 8
            and buf[at + 1] == 101
            and buf[at + 2] == 115
            and buf[at + 3] == 115
            and buf[at + 4] == 97
            and buf[at + 5] == 103
            and buf[at + 6] == 101
        ):  # essage
            after = at + 7
        if after > 0 and after + 1 < end and buf[after] == 61 and buf[after + 1] == 34:
            closing = _quoted_end(buf, after + 1, end)
            if closing > after + 2:
                return after + 2, closing
    return np.int64(-1), np.int64(-1)


@njit(cache=True, nogil=True)
def _put(out, at, source, begin, end):  # type: ignore[no-untyped-def]
    for i in range(begin, end):
        out[at] = source[i]
        at += 1
    return at


@njit(cache=True, nogil=True, inline="always")
def _mask(out, at):  # type: ignore[no-untyped-def]
    out[at] = 60
    out[at + 1] = 42
    out[at + 2] = 62
    return at + 3


@njit(cache=True, nogil=True)
def _json_keys(buf, pos, end, classes, out):  # type: ignore[no-untyped-def]
    """Write a JSON object with its values masked; return how long it is."""
    at = np.int64(0)
    while pos < end:
        out[at] = buf[pos]
        at += 1
        pos += 1
        if buf[pos - 1] != 58:
            continue
        value = pos
        while value < end and buf[value] == 32:
            value += 1
        stop = value
        if value < end and buf[value] == 34:
            closing = _quoted_end(buf, value, end)
            if closing > 0:
                stop = closing + 1
        else:
            while stop < end and not (classes[buf[stop]] & 8):
                stop += 1
        if stop > value:
            at = _put(out, at, buf, pos, value)
            at = _mask(out, at)
            pos = stop
    return at


@njit(cache=True, nogil=True, inline="always")
def _hex_chain(buf, pos, stop, classes):  # type: ignore[no-untyped-def]
    """Return the end of five or more groups of hexadecimal digits, or `pos`."""
    groups = 0
    end = pos
    at = pos
    while True:
        run = at
        while run < stop and classes[buf[run]] & 2:
            run += 1
        if run == at or run - at > 4 or (run < stop and classes[buf[run]] & 1):
            break
        groups += 1
        end = run
        if run >= stop or buf[run] != 58:
            break
        at = run + 1
        if at < stop and buf[at] == 58:
            at += 1
    return end if groups >= 5 else pos


@njit(cache=True, nogil=True)
def _masked(buf, pos, stop, classes, out, at):  # type: ignore[no-untyped-def]
    """Write a text with its values masked from `at` on; return where it ends."""
    begin = pos
    while pos < stop:
        byte = buf[pos]
        if classes[byte] & 1:
            digits = 0
            first_digit = np.int64(-1)
            is_name = False
            end = pos
            to = at
            while end < stop and classes[buf[end]] & 1:
                letter = buf[end]
                if letter <= 57:
                    digits += 1
                    if first_digit < 0:
                        first_digit = end
                elif digits == 0 and not (classes[letter] & 2):
                    is_name = True
                out[to] = letter
                to += 1
                end += 1
            if end < stop and buf[end] == 58 and end - pos <= 4:
                chain = _hex_chain(buf, pos, stop, classes)
                if chain > pos:
                    at = _mask(out, at)
                    pos = chain
                    continue
            if (
                is_name
                and digits > 0
                and first_digit - pos >= 2
                and digits == end - first_digit <= 2
            ):
                # Two letters or more, then the only digits, one or two, at the end of the word.
                at = _mask(out, at + first_digit - pos)
            elif (
                buf[end - 1] == 95
                and end + 1 < stop
                and buf[end] == 45
                and 48 <= buf[end + 1] <= 57
            ):
                end += 1
                while end < stop and classes[buf[end]] & 1:
                    end += 1
                at = _mask(out, at)
            elif digits > 0:
                at = _mask(out, at)
            else:
                at = to
            pos = end
            continue
        if byte == 47 and (pos == begin or not (classes[buf[pos - 1]] & 1)):
            end = pos
            parts = 0
            while end + 1 < stop and buf[end] == 47 and classes[buf[end + 1]] & 4:
                end += 1
                while end < stop and classes[buf[end]] & 4:
                    end += 1
                parts += 1
            if parts >= 2:
                if end < stop and buf[end] == 47:
                    end += 1
                at = _mask(out, at)
                pos = end
                continue
        out[at] = byte
        at += 1
        pos += 1
    return at


@njit(cache=True, nogil=True)
def _cut(buf, pos, end):  # type: ignore[no-untyped-def]
    """Return where the first thousand characters end."""
    if end - pos <= 1000:
        return end
    characters = 0
    for at in range(pos, end):
        if buf[at] & 0xC0 != 0x80:
            characters += 1
            if characters > 1000:
                return at
    return end


@njit(cache=True, nogil=True)
def _frame(buf, pos, end, at_frame, file_frame):  # type: ignore[no-untyped-def]
    """Return 1 for a frame of Java or JavaScript, 2 for one of Python, else 0."""
    at = pos
    while at < end and (buf[at] == 32 or buf[at] == 9):
        at += 1
    if at == pos:
        return 0
    if end - at > 3 and buf[at] == 97 and buf[at + 1] == 116 and buf[at + 2] == 32:
        after = buf[at + 3]
        return 0 if after == 32 or after == 9 or after == 10 or after == 13 else 1
    return (
        2
        if _starts_with(buf, at, end, file_frame[:5]) and end - at > 5 and buf[at + 5] == 34
        else 0
    )


@njit(cache=True, nogil=True)
def _shapes(buf, places, classes, keys, traceback, at_frame, file_frame, out, found):  # type: ignore[no-untyped-def]
    at = np.int64(0)
    scratch = np.empty(4096, np.uint8)
    last = np.int64(-1)
    for n in range(len(places)):
        place = places[n]
        if place == last:
            found[n] = found[n - 1]
            continue
        last = place
        pos = place >> 24
        end = pos + (place & 0xFFFFFF)
        begin = at
        while pos < end and (buf[pos] == 10 or buf[pos] == 13):
            pos += 1
        stop = pos
        while stop < end and buf[stop] != 10 and buf[stop] != 13:
            stop += 1
        if pos < stop:
            first = buf[pos]
            frame = 0
            if (first == 32 or first == 9) and pos == place >> 24:
                frame = _frame(buf, pos, end, at_frame, file_frame)
            if frame == 1:
                at = _put(out, at, at_frame, 0, len(at_frame))
            elif frame == 2:
                at = _put(out, at, file_frame, 0, len(file_frame))
            elif first == 123:
                a, b = _json_message(buf, pos, stop, keys)
                if a > 0:
                    at = _masked(buf, a, _cut(buf, a, b), classes, out, at)
                else:
                    # A value of one byte becomes three.
                    if len(scratch) < (stop - pos) * 3 + 8:
                        scratch = np.empty((stop - pos) * 3 + 8, np.uint8)
                    size = _json_keys(buf, pos, stop, classes, scratch)
                    at = _masked(scratch, 0, _cut(scratch, 0, size), classes, out, at)
            else:
                a, b = pos, stop
                if first == 84 and _starts_with(buf, pos, stop, traceback):
                    b = end
                    while b > pos and (buf[b - 1] == 10 or buf[b - 1] == 13):
                        b -= 1
                    a = b
                    while a > pos and buf[a - 1] != 10 and buf[a - 1] != 13:
                        a -= 1
                else:
                    c, d = _logfmt_message(buf, pos, stop, classes)
                    if c > 0:
                        a, b = c, d
                at = _masked(buf, a, _cut(buf, a, b), classes, out, at)
        found[n] = (begin << 24) | (at - begin)
    return at


def pattern_shapes(
    text: NDArray[np.uint8], places: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of the texts' shapes, and where in them each shape is."""
    # A masked stretch of one byte becomes three; no character has more than four bytes.
    room = int(np.minimum((places & LENGTH_MASK) * 3, _CHARACTERS * 6).sum())
    out = np.empty(room + 64 + 8 * len(places), np.uint8)
    found = np.empty(len(places), np.int64)
    size = _shapes(text, places, _CLASSES, _KEYS, _TRACEBACK, _FRAME_AT, _FRAME_FILE, out, found)
    return out[: size + 8], found


@njit(cache=True, nogil=True, inline="always")
def _rotated(value, bits):  # type: ignore[no-untyped-def]
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@njit(cache=True, nogil=True)
def _sip_round(a, b, c, d):  # type: ignore[no-untyped-def]
    a += b
    b = _rotated(b, 13) ^ a
    a = _rotated(a, 32)
    c += d
    d = _rotated(d, 16) ^ c
    a += d
    d = _rotated(d, 21) ^ a
    c += b
    b = _rotated(b, 17) ^ c
    c = _rotated(c, 32)
    return a, b, c, d


@njit(cache=True, nogil=True)
def _sip_hashes(buf, places, out):  # type: ignore[no-untyped-def]
    for n in range(len(places)):
        pos = places[n] >> 24
        length = places[n] & 0xFFFFFF
        a = np.uint64(0x736F6D6570736575)
        b = np.uint64(0x646F72616E646F6D)
        c = np.uint64(0x6C7967656E657261)
        d = np.uint64(0x7465646279746573)
        whole = length // 8 * 8
        for at in range(0, whole + 8, 8):
            word = np.uint64(length & 255) << np.uint64(56) if at == whole else np.uint64(0)
            for i in range(min(8, length - at)):
                word |= np.uint64(buf[pos + at + i]) << np.uint64(8 * i)
            d ^= word
            a, b, c, d = _sip_round(a, b, c, d)
            a, b, c, d = _sip_round(a, b, c, d)
            a ^= word
        c ^= np.uint64(255)
        for _ in range(4):
            a, b, c, d = _sip_round(a, b, c, d)
        out[n] = a ^ b ^ c ^ d


def shape_ids(text: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the ids of shapes: what the engine's `sipHash64` makes of them."""
    out = np.empty(len(places), np.uint64)
    _sip_hashes(text, places, out)
    return out
