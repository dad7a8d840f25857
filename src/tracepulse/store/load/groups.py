"""Rows put together by equal keys, and what is added up over them. Compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["group", "minima", "sums"]

_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def _group(keys, out, first):  # type: ignore[no-untyped-def]
    size = np.int64(256)
    table = np.full(size, -1, np.int64)
    found = np.int64(0)
    for n in range(len(keys)):
        key = keys[n]
        mixed = np.uint64(key) * _MULTIPLY
        slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(size - 1))
        while table[slot] >= 0 and keys[first[table[slot]]] != key:
            slot = (slot + 1) & (size - 1)
        if table[slot] < 0:
            table[slot] = found
            first[found] = n
            found += 1
        out[n] = table[slot]
        if found * 2 > size:
            size *= 4
            table = np.full(size, -1, np.int64)
            for each in range(found):
                mixed = np.uint64(keys[first[each]]) * _MULTIPLY
                slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(size - 1))
                while table[slot] >= 0:
                    slot = (slot + 1) & (size - 1)
                table[slot] = each
    return found


def group(*keys: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    Number rows with equal keys alike, in the order in which they first appear.

    Args:
        keys: each the same length, of values that fit 32 bits unsigned.
    Returns:
        The group of each row; for each group the first of its rows.
    """
    groups = np.zeros(len(keys[0]), np.int64)
    first = np.empty(len(groups), np.int64)
    found = 0
    for each in keys:
        combined = (groups << 32) | each.astype(np.int64)
        out = np.empty(len(groups), np.int64)
        found = _group(combined, out, first)
        groups = out
    return groups, first[:found].copy()


@njit(cache=True, nogil=True)
def _sums(groups, values, out):  # type: ignore[no-untyped-def]
    for n in range(len(groups)):
        out[groups[n]] += values[n]


def sums(groups: NDArray[np.int64], values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the exact sum of each group."""
    out = np.zeros(count, np.int64)
    _sums(groups, values, out)
    return out


@njit(cache=True, nogil=True)
def _minima(groups, values, counted, out):  # type: ignore[no-untyped-def]
    for n in range(len(groups)):
        if counted[n] and values[n] < out[groups[n]]:
            out[groups[n]] = values[n]


def minima(
    groups: NDArray[np.int64],
    values: NDArray[np.int64],
    counted: NDArray[np.bool_],
    count: int,
    otherwise: int,
) -> NDArray[np.int64]:
    """Return the least counted value of each group, or another where there is none less."""
    out = np.full(count, otherwise, np.int64)
    _minima(groups, values, counted, out)
    return out
