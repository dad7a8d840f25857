"""Lines and documents, one behind another: the loop that is called."""

import numpy as np

from tracepulse.receive.loops.columns import (
    AFTER_END,
    AFTER_START,
    BEFORE_END,
    BEFORE_START,
    DONE,
    END,
    GROUP,
    HASH,
    IDS,
    K_LOGFMT,
    K_NUMBER,
    K_SERVICE,
    K_SPACE,
    K_TEXT,
    K_TEXT_END,
    KEPT_END,
    KEPT_IDS,
    KEPT_START,
    KNOWN,
    LINE,
    LINE_ROOM,
    MAX_GROUPS,
    MAX_TOKENS,
    OUT_END,
    OUT_START,
    PAIRS,
    R_BYTES,
    R_GOOD,
    R_LATER,
    R_MESSAGE,
    R_PLACES,
    R_PLACES_AT,
    R_STAMP,
    R_TEXT,
    READ_LATER,
    S_BODY,
    S_BODY_END,
    S_BODY_KIND,
    S_BODY_SIZE,
    S_LEFT,
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
    TIME,
    UNDECIDED,
    UNKNOWN_KEYS,
    V_ESCAPED,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.fields import (
    put_fields,
    row_of,
    take_fields,
)
from tracepulse.receive.loops.instants import (
    instant_ns,
)
from tracepulse.receive.loops.json_objects import (
    json_object,
)
from tracepulse.receive.loops.logfmt import (
    is_not_pairs,
    logfmt_pairs,
)
from tracepulse.receive.loops.memory import (
    copy,
    hash_of,
    is_equal,
    is_utf8,
    put8,
    put64,
    put64i,
    u8,
    u64,
)
from tracepulse.receive.loops.records import (
    enclose,
    put_head,
    put_ids,
)
from tracepulse.receive.loops.text_lines import (
    text_line,
)
from tracepulse.receive.loops.texts import (
    put_text,
)

__all__ = [
    "numbered_group",
    "read_items",
]


@compiled
def _begin(state, item, known, base):  # type: ignore[no-untyped-def]
    """Begin a record with what is known of it."""
    state[S_TIME] = item[TIME]
    state[S_NUMBER] = known[K_NUMBER]
    state[S_WORD] = base + known[K_TEXT]
    state[S_WORD_END] = base + known[K_TEXT_END]
    state[S_BODY_SIZE] = 0
    state[S_TRACE] = 0
    state[S_SPAN] = 0
    state[S_LEFT] = 0
    state[S_OBSERVED] = 0
    if item[IDS] >= 0:
        at = base + item[IDS]
        if u64(at) | u64(at + 8):
            state[S_TRACE] = at
        if u64(at + 16):
            state[S_SPAN] = at + 16


@compiled
def _group_of(row, plan, tokens, seed, keys, groups, group_slots, counts):  # type: ignore[no-untyped-def]
    """
    Return the number of the values that say where a document is from; -1 for Python to tell.

    They are kept in `keys`, each as its length (4 bytes) and its text, behind `seed` (8 bytes).
    """
    start = keys + counts[1]
    if counts[1] + 16 > counts[2]:
        return np.int64(-1)
    to = start
    put64i(to, seed)
    to += 8
    for i in range(row[R_PLACES]):
        token = tokens[plan[row[R_PLACES_AT] + i]]
        kind = token[T_KIND]
        if (kind != V_TEXT and kind != V_ESCAPED) or not 0 < token[T_SIZE] <= 1000:
            return np.int64(-1)
        if to + token[T_TO] - token[T_FROM] + 16 > keys + counts[2]:
            return np.int64(-1)
        put64i(to, token[T_SIZE])
        to = put_text(to + 4, token[T_FROM], token[T_TO], kind)
    return numbered_group(start, to, keys, groups, group_slots, counts)


@compiled
def numbered_group(start, to, keys, groups, group_slots, counts):  # type: ignore[no-untyped-def]
    """Return the number of the bytes written at `start`, which are kept where they are new; or -1."""
    hashed = hash_of(start, to)
    mask = group_slots.size - 1
    slot = hashed & mask
    while group_slots[slot] >= 0:
        number = np.int64(group_slots[slot])
        group = groups[number]
        if (
            group[0] == hashed
            and group[2] == to - start
            and is_equal(keys + group[1], start, to - start)
        ):
            return number
        slot = (slot + 1) & mask
    number = counts[0]
    if number >= MAX_GROUPS or to + 16 > keys + counts[2]:
        return np.int64(-1)
    group_slots[slot] = number
    groups[number, 0] = hashed
    groups[number, 1] = start - keys
    groups[number, 2] = to - start
    counts[0] += 1
    counts[1] = to - keys
    return number


@compiled
def _read_fields(to, limit, start, end, state, item, known, row, plan, tokens, pool, base, ids):  # type: ignore[no-untyped-def]
    """Write the record of a line of fields; returns where it ends, or 0 for Python to read it."""
    state[S_BODY] = start
    state[S_BODY_END] = end
    state[S_BODY_SIZE] = end - start
    state[S_BODY_KIND] = V_TEXT
    if not take_fields(state, row, tokens, known[K_SERVICE], ids):
        return np.int64(0)
    at = put_head(to + 3, limit, state)
    at = put_fields(at, limit, state, item, row, plan, tokens, pool, base)
    return enclose(to, limit, put_ids(at, limit, state))


@compiled
def _read_document(  # type: ignore[no-untyped-def]
    to,
    limit,
    state,
    item,
    number,
    row,
    plan,
    tokens,
    pool,
    base,
    ids,
    keys,
    groups,
    group_slots,
    counts,
):
    """Write the record of a document, or what is known of the line that its message is."""
    if row[R_STAMP] >= 0:
        state[S_TIME] = instant_ns(tokens[row[R_STAMP]])
        if state[S_TIME] <= 0:
            return np.int64(0)
    line = row[R_TEXT]
    if line >= 0:
        token = tokens[line]
        if (token[T_KIND] != V_TEXT and token[T_KIND] != V_ESCAPED) or token[T_SIZE] == 0:
            return np.int64(0)
        state[S_BODY] = token[T_FROM]
        state[S_BODY_END] = token[T_TO]
        state[S_BODY_SIZE] = token[T_SIZE]
        state[S_BODY_KIND] = token[T_KIND]
    elif row[R_MESSAGE] < 0 or not take_fields(state, row, tokens, False, ids):
        return np.int64(0)
    seed = item[KNOWN] | number << 32
    group = _group_of(row, plan, tokens, seed, keys, groups, group_slots, counts)
    if group < 0:
        return np.int64(0)
    item[GROUP] = group
    later = line >= 0 or (row[R_LATER] and not state[S_NUMBER])
    at = to if later else put_head(to + 3, limit, state)
    at = put_fields(at, limit, state, item, row, plan, tokens, pool, base)
    if not later:
        at = enclose(to, limit, put_ids(at, limit, state))
        item[STATUS] = DONE if at else UNDECIDED
        return at
    if max(state[S_BODY_END] - state[S_BODY], 0) + 24 > limit - at:
        return np.int64(0)
    item[STATUS] = READ_LATER
    item[KEPT_START] = to
    item[KEPT_END] = at
    item[TIME] = state[S_TIME]
    item[KEPT_IDS] = at
    for i in range(3):
        put64(at + 8 * i, np.uint64(0))
    if state[S_TRACE]:
        copy(at, state[S_TRACE], state[S_TRACE] + 16)
    if state[S_SPAN]:
        copy(at + 16, state[S_SPAN], state[S_SPAN] + 8)
    at += 24
    item[OUT_START] = at
    return put_text(at, state[S_BODY], state[S_BODY_END], state[S_BODY_KIND])


@compiled
def read_items(  # type: ignore[no-untyped-def]
    items,
    known,
    layouts,
    slots,
    rows,
    plan,
    pool,
    base,
    out,
    out_size,
    keys,
    groups,
    group_slots,
    counts,
    blob,
    parts,
    scratch,
):
    """
    Write the records of lines or documents one behind another; what became of each stands in its row.

    Args:
        items, known, layouts: rows as the columns above say.
        slots, rows, plan, pool: sets of keys; `pool` is an address.
        base, out: addresses of the input, which `items` and `known` point into, and of the output.
        keys: address of the room for the values that tell where documents are from.
        groups: of those values; hash, offset and size each.
        group_slots: numbers of groups by their hash; -1 where there is none.
        counts: how many groups there are, how many bytes of `keys` they take, and how many there are.
        blob, parts: keys that lines have of themselves, see `line_batches.py`.
        scratch: address of SCRATCH_BYTES. An array made here might be freed once its address is taken.
    Returns:
        How many bytes were written.
    """
    tokens = np.zeros((MAX_TOKENS, 5), np.int64)
    state = np.zeros(STATE_COLUMNS, np.int64)
    fields = np.zeros((50, 2), np.int64)
    ids = scratch
    names = scratch + 32
    limit = out + out_size
    to = out
    for i in range(items.shape[0]):
        item = items[i]
        item[STATUS] = UNDECIDED
        start = base + item[START]
        end = base + item[END]
        room = 6 * (end - start) + item[BEFORE_END] - item[BEFORE_START]
        room += item[AFTER_END] - item[AFTER_START] + LINE_ROOM
        if start == end or to + room > out + out_size or not is_utf8(start, end):
            continue
        what = known[item[KNOWN]]
        _begin(state, item, what, base)
        space = what[K_SPACE]
        first = u8(start)
        count = -1
        if not space and first != 0x7B and what[K_LOGFMT]:
            put8(names, PAIRS)
            count, names_end = logfmt_pairs(start, end, tokens, names + 1)
            if count < 0 and not is_not_pairs(start, end):
                continue
        if not space and first != 0x7B and count < 0:
            after = text_line(
                to,
                limit,
                start,
                end,
                state,
                what,
                layouts,
                ids,
                item,
                base,
                blob,
                parts,
                tokens,
                fields,
            )
            if after:
                item[STATUS] = DONE
                item[OUT_START] = to - out
                item[OUT_END] = after - out
                to = after
            continue
        if first == 0x7B:
            put8(names, space if space else LINE)
            count, names_end = json_object(start, end, tokens, names + 1)
        elif space:
            continue
        if count < 0:
            continue
        hashed = hash_of(names, names_end)
        number = row_of(names, names_end, hashed, slots, rows, pool)
        if number < 0:
            if to + names_end - names + 16 <= out + out_size:
                item[STATUS] = UNKNOWN_KEYS
                item[HASH] = hashed
                item[OUT_START] = to - out
                to = copy(to, names, names_end)
                item[OUT_END] = to - out
            continue
        row = rows[number]
        if not row[R_GOOD] or to + room + row[R_BYTES] > out + out_size:
            continue
        if not space:
            after = _read_fields(
                to, limit, start, end, state, item, what, row, plan, tokens, pool, base, ids
            )
            if after:
                item[STATUS] = DONE
        else:
            after = _read_document(
                to,
                limit,
                state,
                item,
                number,
                row,
                plan,
                tokens,
                pool,
                base,
                ids,
                keys,
                groups,
                group_slots,
                counts,
            )
        if not after:
            continue
        if item[STATUS] == READ_LATER:
            item[KEPT_START] -= out
            item[KEPT_END] -= out
            item[KEPT_IDS] -= out
            item[OUT_START] -= out
        else:
            item[OUT_START] = to - out
        item[OUT_END] = after - out
        to = after
    return to - out
