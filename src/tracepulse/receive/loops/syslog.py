"""Frames of syslog, one behind another: the loop that is called."""

import numpy as np

from tracepulse.receive.loops.access_lines import (
    put_whole,
    put_words,
)
from tracepulse.receive.loops.columns import (
    DONE,
    END,
    GROUP,
    LINE_ROOM,
    OUT_END,
    OUT_START,
    S_BODY,
    S_BODY_END,
    S_BODY_KIND,
    S_BODY_SIZE,
    S_NUMBER,
    S_OBSERVED,
    S_SPAN,
    S_TIME,
    S_TRACE,
    S_WORD,
    S_WORD_END,
    START,
    STATE_COLUMNS,
    STATUS,
    T_FROM,
    T_KIND,
    T_SIZE,
    T_TO,
    UNDECIDED,
    UNKNOWN_KEYS,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.headers import (
    names_race,
)
from tracepulse.receive.loops.ids import (
    put_hex,
    put_trace,
)
from tracepulse.receive.loops.instants import (
    rfc3339,
)
from tracepulse.receive.loops.items import (
    numbered_group,
)
from tracepulse.receive.loops.levels import (
    level_at,
)
from tracepulse.receive.loops.memory import (
    copy,
    is_ascii,
    is_digit,
    is_letter,
    is_utf8,
    is_word,
    number_of_digits,
    put8,
    put64i,
    put_varint,
    u8,
    u64,
)
from tracepulse.receive.loops.records import (
    enclose,
    put_attribute,
    put_head,
    put_ids,
    put_some,
)

__all__ = [
    "read_syslog",
]


@compiled
def _is_sentence(pos, end):  # type: ignore[no-untyped-def]
    """Tell for certain that a message is plain words, without header, fields, level or trace."""
    if pos == end:
        return False
    first = u8(pos)
    if not (is_letter(first) or first == 0x2F or first == 0x2A or first == 0x5F or first == 0x2D):
        return False
    if first == 0x49 or first == 0x57 or first == 0x45 or first == 0x46 or first == 0x44:
        if end - pos > 1 and is_digit(u8(pos + 1)):
            return False
    at = pos
    while at < end and at < pos + 14 and u8(at) != 0x20:
        if not 0x20 < u8(at) < 0x7F:
            return False
        at += 1
    while at > pos and (u8(at - 1) == 0x3A or u8(at - 1) == 0x7C or u8(at - 1) == 0x2C):
        at -= 1
    found, after = level_at(pos, at)
    if found and after == at:
        return False
    if names_race(pos, end):
        return False
    for at in range(pos, end):
        byte = u8(at)
        if byte == 0x23 and end - at >= 3 and u8(at + 1) == 0x30 and u8(at + 2) == 0x31:
            return False  # a line end as rsyslog writes it
        if byte == 0x3D and at - pos >= 3:
            byte = u8(at - 1)
            if byte == 0x67 or byte == 0x6C or byte == 0x65:  # may be msg=, level=, lvl=, message=
                return False
    return True


@compiled
def _parameters(pos, end, spans):  # type: ignore[no-untyped-def]
    """
    Find structured data: element, name and value, from and to, of each parameter.

    Returns how many and where the data end; -1 for Python to read them.
    """
    count = 0
    while pos < end and u8(pos) == 0x5B:
        pos += 1
        element = pos
        while pos < end and (is_word(u8(pos)) or u8(pos) == 0x40 or u8(pos) == 0x2D):
            pos += 1
        element_end = pos
        if pos == element:
            return -1, pos
        while pos < end and u8(pos) == 0x20:
            pos += 1
            name = pos
            while pos < end and (is_word(u8(pos)) or u8(pos) == 0x2E or u8(pos) == 0x2D):
                pos += 1
            if pos == name or end - pos < 3 or u8(pos) != 0x3D or u8(pos + 1) != 0x22:
                return -1, pos
            if count == spans.shape[0]:
                return -1, pos
            span = spans[count]
            span[0] = element
            span[1] = element_end
            span[2] = name
            span[3] = pos
            pos += 2
            span[4] = pos
            while pos < end and u8(pos) != 0x22:
                if u8(pos) == 0x5C or u8(pos) == 0x5D:
                    return -1, pos
                pos += 1
            span[5] = pos
            pos += 1
            count += 1
        if pos >= end or u8(pos) != 0x5D:
            return -1, pos
        pos += 1
    return count, pos


@compiled
def _what_id(pos, end):  # type: ignore[no-untyped-def]
    """Return 1 if a name is that of a trace id, 2 of a span id, else 0."""
    size = end - pos
    if size < 6 or size > 8:
        return 0
    word = np.uint64(0)
    for i in range(size):
        byte = u8(pos + i)
        if is_letter(byte):
            byte |= 0x20
        word |= np.uint64(byte) << np.uint64(8 * i)
    if word == 0x64695F6563617274 or word == 0x64692E6563617274 or word == 0x64696563617274:
        return 1
    if word == 0x64695F6E617073 or word == 0x64692E6E617073 or word == 0x64696E617073:
        return 2
    return 0


@compiled
def _syslog_frame(pos, end, spans, seconds, frame):  # type: ignore[no-untyped-def]
    """
    Read what stands around a message into `frame`: 0 time, 1 to 8 host, app, process and message id
    (from and to), 9 text, 10 parameters.

    Returns 1; 0 for Python to read it; -1 for a time without a year that is not in `seconds`.
    """
    for i in range(11):
        frame[i] = 0
    if end - pos > 2 and u8(pos) == 0x31 and u8(pos + 1) == 0x20:
        pos += 2
        for i in range(5):
            start = pos
            while pos < end and u8(pos) != 0x20:
                pos += 1
            if pos >= end or (i and pos == start):
                return 0
            is_nothing = pos - start == 1 and u8(start) == 0x2D
            if i == 0:
                if not is_nothing:
                    frame[0] = rfc3339(start, pos)
                    if frame[0] <= 0:
                        return 0
            elif not is_nothing:
                frame[2 * i - 1] = start
                frame[2 * i] = pos
            pos += 1
        if pos < end and u8(pos) == 0x5B:
            count, pos = _parameters(pos, end, spans)
            if count < 0:
                return 0
            frame[10] = count
            if pos < end and u8(pos) == 0x20:
                pos += 1
        elif pos < end and u8(pos) == 0x2D:
            pos += 1
            if pos < end and u8(pos) == 0x20:
                pos += 1
        if end - pos >= 3 and u8(pos) == 0xEF and u8(pos + 1) == 0xBB and u8(pos + 2) == 0xBF:
            pos += 3
        if pos < end and u8(pos) == 0x20:
            pos += 1
        frame[9] = pos
        return 1
    if end - pos < 22:
        return 0
    if u8(pos + 3) == 0x20 and u8(pos + 9) == 0x3A and u8(pos + 12) == 0x3A:
        if u8(pos + 15) != 0x20:
            return 0
        first = np.int64(u64(pos))
        second = np.int64(u64(pos + 7))
        for i in range(seconds.shape[0]):
            if seconds[i, 0] == first and seconds[i, 1] == second:
                frame[0] = seconds[i, 2]
                break
        else:
            return -1
        pos += 15
    elif u8(pos + 4) == 0x2D and u8(pos + 10) == 0x54:
        start = pos
        while pos < end and u8(pos) != 0x20:
            pos += 1
        frame[0] = rfc3339(start, pos)
    if frame[0] <= 0 or pos >= end:
        return 0
    pos += 1
    frame[1] = pos
    while pos < end and u8(pos) != 0x20:
        pos += 1
    frame[2] = pos
    if pos == frame[1] or pos >= end or u8(pos - 1) == 0x3A or u8(pos - 1) == 0x5D:
        return 0
    pos += 1
    return _tag(pos, end, frame)


@compiled
def _tag(pos, end, frame):  # type: ignore[no-untyped-def]
    """Read the program's name and process id before the text, as far as they are there."""
    frame[9] = pos
    colon = pos
    bracket = np.int64(0)
    while colon < end and colon < pos + 128 and u8(colon) != 0x3A:
        byte = u8(colon)
        if byte >= 0x7F or byte < 0x20:
            return 0
        if byte == 0x5B and not bracket:
            bracket = colon
        colon += 1
    if colon == pos or colon >= end or colon >= pos + 128:
        return 1
    if u8(pos) == 0x20 or u8(pos) == 0x2F or u8(colon - 1) == 0x20:
        return 0
    for at in range(pos, colon):
        if u8(at) == 0x20:
            return 1
    if bracket and u8(colon - 1) != 0x5D:
        return 1
    frame[3] = pos
    frame[4] = bracket if bracket else colon
    if bracket:
        frame[5] = bracket + 1
        frame[6] = colon - 1
    frame[9] = colon + 1
    if colon + 1 < end and u8(colon + 1) == 0x20:
        frame[9] += 1
    return 1


@compiled
def _put_parameter(to, limit, span, blob, parts, token, scratch):  # type: ignore[no-untyped-def]
    """Write a parameter as the attribute syslog.structured_data.<element>.<name>."""
    size = parts[3, 1] + span[1] - span[0] + 1 + span[3] - span[2]
    put8(scratch, 0x0A)
    key = put_varint(scratch + 1, size)
    key = copy(key, blob + parts[3, 0], blob + parts[3, 0] + parts[3, 1])
    key = copy(key, span[0], span[1])
    put8(key, 0x2E)
    key = copy(key + 1, span[2], span[3])
    token[T_KIND] = V_TEXT
    token[T_FROM] = span[4]
    token[T_TO] = span[5]
    token[T_SIZE] = span[5] - span[4]
    return put_attribute(to, limit, scratch, key, token)


@compiled
def _message(  # type: ignore[no-untyped-def]
    to, limit, pos, end, priority, frame, spans, state, blob, parts, token, scratch, ids
):
    """Write the record of a message that is a sentence; 0 for Python to write it."""
    state[S_NUMBER] = parts[12 + (priority & 7), 2]
    state[S_WORD] = blob + parts[12 + (priority & 7), 0]
    state[S_WORD_END] = state[S_WORD] + parts[12 + (priority & 7), 1]
    state[S_TRACE] = 0
    state[S_SPAN] = 0
    state[S_BODY] = pos
    state[S_BODY_END] = end
    state[S_BODY_SIZE] = end - pos
    state[S_BODY_KIND] = V_TEXT
    traced = spanned = False
    for i in range(frame[10]):
        what = _what_id(spans[i, 2], spans[i, 3])
        if what == 1:
            if traced or not put_trace(ids, spans[i, 4], spans[i, 5] - spans[i, 4]):
                return np.int64(0)
            traced = True
        elif what == 2:
            if spanned or spans[i, 5] - spans[i, 4] != 16 or not put_hex(ids + 16, spans[i, 4], 8):
                return np.int64(0)
            spanned = True
    if traced:
        state[S_TRACE] = ids
        if spanned:
            state[S_SPAN] = ids + 16
    start = to
    to = put_head(to + 3, limit, state)
    facility = 20 + (priority >> 3)
    word = blob + parts[facility, 0]
    to = put_some(to, limit, word, word + parts[facility, 1])
    digits = frame[6] - frame[5]
    if digits:
        number = number_of_digits(frame[5], digits) if digits < 10 else np.int64(-1)
        if number >= 0:
            to = put_whole(to, limit, 0, number, blob, parts, token)
        elif not is_ascii(frame[5], frame[6]):
            return np.int64(0)
        else:
            to = put_words(to, limit, 1, frame[5], frame[6], blob, parts, token)
    if frame[8] > frame[7]:
        to = put_words(to, limit, 2, frame[7], frame[8], blob, parts, token)
    for i in range(frame[10]):
        if spans[i, 3] - spans[i, 2] + spans[i, 1] - spans[i, 0] > 1000:
            return np.int64(0)
        to = _put_parameter(to, limit, spans[i], blob, parts, token, scratch)
    return enclose(start, limit, put_ids(to, limit, state))


@compiled
def read_syslog(  # type: ignore[no-untyped-def]
    items, seconds, received_unix_ns, base, out, out_size, keys, groups, group_slots, counts,
    blob, parts, scratch,
):  # fmt: skip
    """
    Write the records of syslog messages, as `read_items` does those of lines.

    Args:
        seconds: times without a year, their first and last eight bytes as numbers, and their instant.
        parts: where in `blob` keys and words stand, see `syslog_batches.py`.
        scratch: as for `read_items`.
    Returns:
        How many bytes were written. An unknown time has UNKNOWN_KEYS, and stands at OUT_START of the
        input; a group is the name of the program and that of the host.
    """
    state = np.zeros(STATE_COLUMNS, np.int64)
    tokens = np.zeros((1, 5), np.int64)
    spans = np.zeros((32, 6), np.int64)
    frame = np.zeros(11, np.int64)
    ids = scratch
    names = scratch + 32
    state[S_OBSERVED] = received_unix_ns
    limit = out + out_size
    to = out
    for i in range(items.shape[0]):
        item = items[i]
        item[STATUS] = UNDECIDED
        pos = base + item[START]
        end = base + item[END]
        while end > pos and (
            u8(end - 1) == 0x20 or u8(end - 1) == 10 or u8(end - 1) == 13 or u8(end - 1) == 0
        ):
            end -= 1
        if end - pos < 8 or to + 6 * (end - pos) + LINE_ROOM > out + out_size:
            continue
        close = pos + 2
        while close < pos + 5 and u8(close) != 0x3E:
            close += 1
        if u8(pos) != 0x3C or close == pos + 5 or not is_utf8(pos, end):
            continue
        priority = number_of_digits(pos + 1, close - pos - 1)
        if not 0 <= priority < 192:
            continue
        done = _syslog_frame(close + 1, end, spans, seconds, frame)
        if done < 0:
            item[STATUS] = UNKNOWN_KEYS
            item[OUT_START] = close + 1 - base
        if done <= 0 or not _is_sentence(frame[9], end):
            continue
        size = frame[2] - frame[1] + frame[4] - frame[3]
        start = keys + counts[1]
        if size > 1000 or start + size + 32 > keys + counts[2]:
            continue
        put64i(start, frame[4] - frame[3])
        key = copy(start + 4, frame[3], frame[4])
        key = copy(key, frame[1], frame[2])
        group = numbered_group(start, key, keys, groups, group_slots, counts)
        if group < 0:
            continue
        item[GROUP] = group
        state[S_TIME] = frame[0] if frame[0] else received_unix_ns
        after = _message(
            to,
            limit,
            frame[9],
            end,
            priority,
            frame,
            spans,
            state,
            blob,
            parts,
            tokens[0],
            names,
            ids,
        )
        if after:
            item[STATUS] = DONE
            item[OUT_START] = to - out
            item[OUT_END] = after - out
            to = after
    return to - out
