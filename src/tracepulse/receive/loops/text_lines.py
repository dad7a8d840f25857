"""A line of text, whole."""

import numpy as np

from tracepulse.receive.loops.access_lines import (
    access_line,
    put_words,
)
from tracepulse.receive.loops.columns import (
    AFTER_END,
    AFTER_START,
    BEFORE_END,
    BEFORE_START,
    K_LAYOUT,
    K_LAYOUTS,
    K_SERVICE,
    L_KIND,
    MAX_ORIGINAL,
    S_BODY,
    S_BODY_END,
    S_BODY_KIND,
    S_BODY_SIZE,
    S_NUMBER,
    S_SPAN,
    S_TIME,
    S_TRACE,
    S_WORD,
    S_WORD_END,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.headers import (
    first_level,
    header,
    leading_level,
    names_race,
)
from tracepulse.receive.loops.ids import (
    find_ids,
)
from tracepulse.receive.loops.memory import (
    has_word,
    u8,
)
from tracepulse.receive.loops.records import (
    enclose,
    put_head,
    put_ids,
    put_some,
)

__all__ = [
    "text_line",
]


@compiled
def text_line(  # type: ignore[no-untyped-def]
    to, limit, start, end, state, known, layouts, ids, item, base, blob, parts, tokens, fields
):
    """Write the record of a line of text; returns where it ends, or 0 for Python to read it."""
    if end - start >= 48 and _is_wrapped(start, end):
        return np.int64(0)
    first = u8(start)
    if first == 0x7B:
        return np.int64(0)
    if first == 0x5B and end - start > 1 and u8(start + 1) == 0x32:
        return access_line(
            to, limit, start, end, state, known, ids, item, base, blob, parts, tokens, fields
        )
    time = state[S_TIME]
    number = state[S_NUMBER]
    word = state[S_WORD]
    word_end = state[S_WORD_END]
    message = np.int64(-1)
    for i in range(known[K_LAYOUTS]):
        layout = layouts[known[K_LAYOUT] + i]
        if layout[L_KIND] == 0:
            return np.int64(0)
        message = header(start, end, layout, state)
        if message == -2:
            return np.int64(0)
        if message >= 0:
            break
    if message < 0:
        state[S_TIME] = 0
        state[S_NUMBER] = 0
        state[S_WORD] = 0
        state[S_WORD_END] = 0
        if first > 0x20:
            message = first_level(start, end, state)
            if message == -2:
                return np.int64(0)
    headed = message >= 0
    if headed and message >= end:
        return np.int64(0)  # nothing but a header
    body = message if headed else start
    if not state[S_TRACE]:
        state[S_SPAN] = 0
        if names_race(body, end) and not find_ids(start, end, state, known[K_SERVICE], ids):
            return np.int64(0)
    if headed and not state[S_NUMBER] and not leading_level(body, end, state):
        return np.int64(0)
    if number:
        state[S_NUMBER] = number
    if word_end > word:
        state[S_WORD] = word
        state[S_WORD_END] = word_end
    if time:
        state[S_TIME] = time
    state[S_BODY] = body
    state[S_BODY_END] = end
    state[S_BODY_SIZE] = end - body
    state[S_BODY_KIND] = V_TEXT
    if headed and end - start > MAX_ORIGINAL:
        return np.int64(0)
    at = put_head(to + 3, limit, state)
    at = put_some(at, limit, base + item[BEFORE_START], base + item[BEFORE_END])
    if headed:
        at = put_words(at, limit, 0, start, end, blob, parts, tokens[0])
    at = put_some(at, limit, base + item[AFTER_START], base + item[AFTER_END])
    return enclose(to, limit, put_ids(at, limit, state))


@compiled
def _is_wrapped(start, end):  # type: ignore[no-untyped-def]
    """Tell whether a line may be in the wrapping of a container's runtime."""
    plain = True
    for at in range(start, start + 11):
        plain &= u8(at) < 0x80
    if plain and u8(start + 10) != 0x54:
        return False
    until = min(end, start + 192)
    return has_word(start, until, 0x74756F647473, 6) or has_word(start, until, 0x727265647473, 6)
