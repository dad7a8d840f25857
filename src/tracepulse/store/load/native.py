"""
Blocks in ClickHouse's `Native` format: columns as the engine holds them, so that it parses nothing.

Format: https://clickhouse.com/docs/interfaces/formats/Native, the version without a client's
revision, as files have it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.receive.wire_fields import encode_varint

__all__ = [
    "Column",
    "array",
    "block",
    "constant",
    "fixed",
    "low_cardinality",
    "mapping",
    "plain_strings",
]

_DICTIONARY_VERSION = (1).to_bytes(8, "little")
_OWN_KEYS = 0x600
"""The block brings its dictionary along: additional keys, and an update of what is known."""

Piece = bytes | NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Column:
    """A column without its name."""

    type: str
    """As ClickHouse spells it."""
    prefix: bytes
    """What stands before all data: versions of dictionaries, one each."""
    pieces: tuple[Piece, ...]


def fixed(kind: str, values: NDArray[np.generic]) -> Column:
    """Return a column of numbers; their width must be that of the type."""
    return Column(kind, b"", (np.ascontiguousarray(values),))


def plain_strings(texts: NDArray[np.uint8]) -> Column:
    """Return a column of texts, each behind its length."""
    return Column("String", b"", (texts,))


def low_cardinality(codes: NDArray[np.int32], keys: NDArray[np.uint8], count: int) -> Column:
    """
    Return a column of texts by number.

    Args:
        codes: number of each row's text.
        keys: the distinct texts, each behind its length.
        count: how many they are.
    """
    return Column(
        "LowCardinality(String)", _DICTIONARY_VERSION, _dictionary_pieces(codes, keys, count)
    )


def _dictionary_pieces(
    codes: NDArray[np.int32], keys: NDArray[np.uint8], count: int
) -> tuple[Piece, ...]:
    if not len(codes):
        return ()
    width = 0 if count <= 1 << 8 else 1 if count <= 1 << 16 else 2
    header = np.array([_OWN_KEYS | width, count], np.uint64)
    numbers = codes.astype((np.uint8, np.uint16, np.uint32)[width])
    return (header, keys, np.array([len(codes)], np.uint64), numbers)


def constant(value: str, rows: int) -> Column:
    """Return a column that holds the same text in every row."""
    encoded = value.encode()
    key = np.frombuffer(encode_varint(len(encoded)) + encoded, np.uint8)
    return low_cardinality(np.zeros(rows, np.int32), key, 1)


def array(ends: NDArray[np.int64], inner: Column) -> Column:
    """Return a column of arrays; `ends` says for each row where its elements end."""
    return Column(f"Array({inner.type})", inner.prefix, (ends.astype(np.uint64), *inner.pieces))


def mapping(ends: NDArray[np.int64], keys: Column, values: Column) -> Column:
    """Return a column of maps; see `array`."""
    return Column(
        f"Map({keys.type}, {values.type})",
        keys.prefix + values.prefix,
        (ends.astype(np.uint64), *keys.pieces, *values.pieces),
    )


def block(columns: Sequence[tuple[str, Column]], rows: int) -> Iterable[bytes | memoryview]:
    """Yield the bytes of a block."""
    yield encode_varint(len(columns)) + encode_varint(rows)
    for name, column in columns:
        yield _text(name) + _text(column.type) + column.prefix
        for piece in column.pieces:
            yield piece if isinstance(piece, bytes) else piece.data.cast("B")


def _text(value: str) -> bytes:
    encoded = value.encode()
    return encode_varint(len(encoded)) + encoded
