"""
The loops over rows, compiled: growing traces, choosing what logs say, writing wire bytes.

All randomness is SplitMix64 on integers, so that a seed gives the same bytes on every machine.
"""

from typing import Any

import numpy as np
from numba import njit

__all__ = ["grow_logs", "grow_traces", "write_rows"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

LEAF, INNER, CLIENT, ASYNC = range(4)
"""Roles of operations: calls nothing; may call; calls exactly one; is answered later."""


@njit(cache=True)
def _mix(value: Any) -> Any:
    z = value
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def _draw(state: Any) -> Any:
    state[0] += _GOLDEN
    return _mix(state[0])


@njit(cache=True)
def _below(state: Any, limit: Any) -> Any:
    return np.int64(_draw(state) >> np.uint64(33)) % limit


@njit(cache=True)
def _length(state: Any, base_ns: Any, quantiles: Any) -> Any:
    """Draw a length of time around `base_ns`; quantiles are in thousandths."""
    at = _below(state, np.int64(quantiles.size - 1))
    low, high = quantiles[at], quantiles[at + 1]
    return base_ns * (low * 1024 + (high - low) * _below(state, np.int64(1024))) // 1_024_000


@njit(cache=True)
def _choose_operations(
    state: Any,
    first: Any,
    size: Any,
    parent: Any,
    operation: Any,
    role: Any,
    target: Any,
    callee_start: Any,
    callees: Any,
    stack: Any,
) -> Any:
    """Give each span of one trace a parent before it, and an operation its parent may call."""
    depth = 1
    stack[0] = first
    for row in range(first + 1, first + size):
        # Mostly go on where the trace is; sometimes return to an older caller.
        at = depth - 1 if _below(state, np.int64(10)) < 6 else _below(state, np.int64(depth))
        caller = stack[at]
        op = operation[caller]
        parent[row] = caller
        if role[op] == CLIENT or role[op] == ASYNC:
            operation[row] = target[op]
            stack[at] = row  # a call is answered once: its place goes to what answers it
            continue
        choice = _below(state, callee_start[op + 1] - callee_start[op])
        operation[row] = callees[callee_start[op] + choice]
        if role[operation[row]] != LEAF:
            stack[depth] = row
            depth += 1


@njit(cache=True)
def _set_times(
    state: Any,
    first: Any,
    size: Any,
    begin: Any,
    parent: Any,
    operation: Any,
    role: Any,
    base_ns: Any,
    quantiles: Any,
    start: Any,
    end: Any,
    busy: Any,
    cursor: Any,
    serial: Any,
) -> Any:
    """Lengths from the leaves up, then starts from the root down."""
    for row in range(first, first + size):
        busy[row] = 0
        serial[row] = _below(state, np.int64(10)) < 7
        cursor[row] = _length(state, base_ns[operation[row]], quantiles) + 1
    for row in range(first + size - 1, first - 1, -1):
        end[row] = cursor[row] + busy[row]  # a length, for now
        up = parent[row]
        if up < 0 or role[operation[up]] == ASYNC:
            continue
        if serial[up]:
            busy[up] += end[row]
        else:
            busy[up] = max(busy[up], end[row])
    for row in range(first, first + size):
        up = parent[row]
        own = cursor[row]
        if up < 0:
            start[row] = begin
        elif role[operation[up]] == ASYNC:
            start[row] = end[up] + own
        else:
            start[row] = cursor[up]
            if serial[up]:
                cursor[up] += end[row]
        cursor[row] = start[row] + own // 3
        end[row] += start[row]


@njit(cache=True)
def _set_errors(
    state: Any, first: Any, size: Any, parent: Any, operation: Any, error_ppm: Any, failed: Any
) -> Any:
    """Errors begin anywhere (1) and reach callers more often than not (2)."""
    for row in range(first + size - 1, first - 1, -1):
        if failed[row] == 0 and _below(state, np.int64(1_000_000)) < error_ppm[operation[row]]:
            failed[row] = 1
        up = parent[row]
        if failed[row] != 0 and up >= 0 and _below(state, np.int64(10)) < 6:
            failed[up] = 2


@njit(cache=True)
def grow_traces(
    state: Any,
    window_start: Any,
    window_end: Any,
    sizes: Any,
    quantiles: Any,
    roots: Any,
    role: Any,
    target: Any,
    base_ns: Any,
    error_ppm: Any,
    callee_start: Any,
    callees: Any,
    service: Any,
    replicas: Any,
    variant_start: Any,
    trace_id: Any,
    parent: Any,
    operation: Any,
    start: Any,
    end: Any,
    failed: Any,
    resource: Any,
    variant: Any,
) -> Any:
    """
    Fill the columns from `trace_id` on with whole traces, in order of their start.

    `parent` is a row, -1 for roots. `resource` counts replicas of services, `variant` templates.
    """
    total = parent.size
    busy = np.zeros(total, np.int64)
    cursor = np.zeros(total, np.int64)
    serial = np.zeros(total, np.bool_)
    stack = np.zeros(total + 1, np.int64)
    first = np.int64(0)
    while first < total:
        size = min(sizes[_below(state, np.int64(sizes.size))], total - first)
        high, low = _draw(state), _draw(state)
        parent[first] = -1
        operation[first] = roots[_below(state, np.int64(roots.size))]
        begin = window_start + np.int64((window_end - window_start) * (first / total))
        begin += _below(state, np.int64(1 + (window_end - window_start) * size // total))
        _choose_operations(
            state, first, size, parent, operation, role, target, callee_start, callees, stack
        )
        _set_times(
            state,
            first,
            size,
            begin,
            parent,
            operation,
            role,
            base_ns,
            quantiles,
            start,
            end,
            busy,
            cursor,
            serial,
        )
        _set_errors(state, first, size, parent, operation, error_ppm, failed)
        for row in range(first, first + size):
            trace_id[row, 0] = high
            trace_id[row, 1] = low
            op = operation[row]
            kind = op * 3 + failed[row]
            options = variant_start[kind + 1] - variant_start[kind]
            variant[row] = variant_start[kind] + _below(state, options)
            where = service[op]
            resource[row] = replicas[where] + _below(state, replicas[where + 1] - replicas[where])
        first += size


@njit(cache=True)
def grow_logs(
    state: Any,
    resource: Any,
    resource_service: Any,
    failed: Any,
    start: Any,
    end: Any,
    line_start: Any,
    row: Any,
    at: Any,
    variant: Any,
) -> Any:
    """
    Choose for each log line the span that wrote it, when, and which template it is.

    Lines of failed spans are errors; one line in eight belongs to no trace.
    """
    for line in range(row.size):
        span = _below(state, np.int64(resource.size))
        kind = 1 if failed[span] != 0 else (2 if _below(state, np.int64(8)) == 0 else 0)
        group = resource_service[resource[span]] * 3 + kind
        options = line_start[group + 1] - line_start[group]
        row[line] = span
        variant[line] = line_start[group] + _below(state, options)
        at[line] = start[span] + _below(state, end[span] - start[span] + 1)


@njit(cache=True)
def _fill(
    out: Any, at: Any, kind: Any, width: Any, arg: Any, count: Any, state: Any, words: Any
) -> Any:
    """Write one random slot."""
    if kind == 7:
        word = arg + width * _below(state, count)
        for i in range(width):
            out[at + i] = words[word + i]
        return
    bits = np.uint64(0)
    for i in range(width):
        if i % 12 == 0:
            bits = _draw(state)
        if kind == 0:
            digit = np.int64(bits % np.uint64(10))
            bits //= np.uint64(10)
            out[at + i] = 48 + (digit if i > 0 or digit > 0 else 7)
        elif kind == 1:
            digit = np.int64(bits & np.uint64(15))
            bits >>= np.uint64(4)
            out[at + i] = 48 + digit if digit < 10 else 87 + digit
        else:  # a canonical varint: high bit on all bytes but the last, which is not zero
            digit = np.int64(bits & np.uint64(127))
            bits >>= np.uint64(7)
            out[at + i] = digit | 128 if i < width - 1 else max(digit, 1)


@njit(cache=True)
def _store(out: Any, at: Any, value: Any) -> Any:
    for i in range(8):
        out[at + i] = (value >> np.uint64(8 * i)) & np.uint64(255)


@njit(cache=True)
def write_rows(
    out: Any,
    offsets: Any,
    order: Any,
    variant: Any,
    pool: Any,
    starts: Any,
    slot_starts: Any,
    slots: Any,
    words: Any,
    seed: Any,
    trace_id: Any,
    span_id: Any,
    parent_id: Any,
    instants: Any,
) -> Any:
    """Write the rows named by `order` to their offsets in `out`."""
    state = np.zeros(1, np.uint64)
    for place in range(order.size):
        row = order[place]
        at = offsets[place]
        template = variant[row]
        first = starts[template]
        for i in range(starts[template + 1] - first):
            out[at + i] = pool[first + i]
        state[0] = _mix(seed + np.uint64(row) * _GOLDEN)
        for index in range(slot_starts[template], slot_starts[template + 1]):
            where = at + slots[index, 0]
            kind = slots[index, 1]
            if kind == 3:
                _store(out, where, trace_id[row, 0])
                _store(out, where + 8, trace_id[row, 1])
            elif kind == 4:
                _store(out, where, span_id[row])
            elif kind == 5:
                _store(out, where, parent_id[row])
            elif kind == 6:
                _store(out, where, np.uint64(instants[row, slots[index, 3]]))
            else:
                _fill(
                    out,
                    where,
                    kind,
                    slots[index, 2],
                    slots[index, 3],
                    slots[index, 4],
                    state,
                    words,
                )
