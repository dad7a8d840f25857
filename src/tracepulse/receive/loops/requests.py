"""Where the parts of a request lie: objects one behind another, and a push to Loki."""

import numpy as np

from tracepulse.receive.loops.columns import (
    END,
    KNOWN,
    START,
    TIME,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.json_objects import (
    after_space,
)
from tracepulse.receive.loops.memory import (
    u8,
)

__all__ = [
    "split_objects",
    "split_push",
]


@compiled
def split_objects(base, size, items):  # type: ignore[no-untyped-def]
    """Find objects that stand one behind another; returns how many, or -1 for anything else."""
    pos = base
    end = base + size
    count = 0
    while True:
        pos = after_space(pos, end)
        if pos == end:
            return count
        if u8(pos) != 0x7B or count == items.shape[0]:
            return -1
        start = pos
        depth = 0
        while pos < end:
            byte = u8(pos)
            pos += 1
            if byte == 0x22:
                while pos < end and u8(pos) != 0x22:
                    pos += 2 if u8(pos) == 0x5C else 1
                pos += 1
            elif byte == 0x7B:
                depth += 1
            elif byte == 0x7D:
                depth -= 1
                if depth == 0:
                    break
        if depth or pos > end:
            return -1
        items[count, START] = start - base
        items[count, END] = pos - base
        count += 1


@compiled
def _field(pos, end):  # type: ignore[no-untyped-def]
    """Return tag, number or length, and where the value begins, of a field; -1 for anything unusual."""
    if pos >= end or not 8 <= u8(pos) < 0x80:
        return np.int64(-1), np.int64(0), pos
    tag = u8(pos)
    pos += 1
    value = np.uint64(0)
    shift = np.uint64(0)
    while pos < end and shift < 64:
        byte = u8(pos)
        pos += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            number = np.int64(value)
            if tag & 7 == 2:
                return (tag if 0 <= number <= end - pos else np.int64(-1)), number, pos
            return (tag if tag & 7 == 0 else np.int64(-1)), number, pos
        shift += np.uint64(7)
    return np.int64(-1), np.int64(0), pos


@compiled
def split_push(base, size, streams, items, pairs):  # type: ignore[no-untyped-def]
    """
    Find streams, entries and structured metadata of Loki's PushRequest.

    Args:
        streams: labels, from and to, and the first entry, of each.
        items: START, END and TIME of each entry's line are set; KNOWN is its stream.
        pairs: entry, and name and value, from and to, of each.
    Returns:
        How many there are of each; -1 where the message is not as usual or there are more.
    """
    none = np.int64(-1)
    pos = base
    end = base + size
    n_streams = n_items = n_pairs = np.int64(0)
    while pos < end:
        tag, length, pos = _field(pos, end)
        if tag != 0x0A or n_streams == streams.shape[0]:
            return none, none, none
        stop = pos + length
        streams[n_streams, 0] = 0
        streams[n_streams, 1] = 0
        streams[n_streams, 2] = n_items
        while pos < stop:
            tag, length, pos = _field(pos, stop)
            if tag == 0x0A:
                streams[n_streams, 0] = pos - base
                streams[n_streams, 1] = pos + length - base
            elif tag == 0x12:
                if n_items == items.shape[0]:
                    return none, none, none
                n_pairs = _push_entry(
                    base, pos, pos + length, items[n_items], pairs, n_items, n_pairs
                )
                if n_pairs < 0:
                    return none, none, none
                items[n_items, KNOWN] = n_streams
                n_items += 1
            elif tag < 0 or tag & 7 == 2:
                return none, none, none
            if tag & 7 == 2:
                pos += length
        n_streams += 1
    return n_streams, n_items, n_pairs


@compiled
def _push_entry(base, pos, end, item, pairs, number, n_pairs):  # type: ignore[no-untyped-def]
    """Read an entry; returns how many pairs there are with its own, or -1."""
    item[START] = 0
    item[END] = 0
    item[TIME] = 0
    while pos < end:
        tag, length, pos = _field(pos, end)
        if tag == 0x0A:
            stop = pos + length
            while pos < stop:
                tag, value, pos = _field(pos, stop)
                if tag == 0x08 and 0 < value < 9_000_000_000 and not item[TIME]:
                    item[TIME] += value * 1_000_000_000
                elif tag == 0x10 and 0 <= value < 1_000_000_000 and item[TIME] % 1_000_000_000 == 0:
                    item[TIME] += value
                else:
                    return np.int64(-1)
        elif tag == 0x12:
            item[START] = pos - base
            item[END] = pos + length - base
            pos += length
        elif tag == 0x1A:
            if n_pairs == pairs.shape[0]:
                return np.int64(-1)
            pair = pairs[n_pairs]
            n_pairs += 1
            stop = pos + length
            pair[0] = number
            for column in range(1, 5):
                pair[column] = 0
            while pos < stop:
                tag, length, pos = _field(pos, stop)
                if tag != 0x0A and tag != 0x12:
                    return np.int64(-1)
                column = 1 if tag == 0x0A else 3
                pair[column] = pos - base
                pair[column + 1] = pos + length - base
                pos += length
        elif tag < 0 or tag & 7 == 2:
            return np.int64(-1)
    return n_pairs
