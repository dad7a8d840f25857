"""
Protobuf records with holes: built once per kind of record, copied and filled per row.

A `Piece` is a stretch of wire bytes with slots of fixed width in it. Because every slot's width
is known, lengths of enclosing messages are known too, and writing a row is one copy and a few
stores (see `kernels.py`).
"""

import re
import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from benchmarks.generator.vocabulary import WORDS
from numpy.typing import NDArray

__all__ = [
    "DIGITS",
    "HEX",
    "INSTANT",
    "PARENT_ID",
    "SPAN_ID",
    "TRACE_ID",
    "VARINT",
    "WORD",
    "Attribute",
    "Piece",
    "Templates",
    "Varying",
    "attribute",
    "attributes",
    "compile_templates",
    "fixed32",
    "identifier",
    "instant",
    "integer",
    "message",
    "prefix",
    "text",
    "text_bytes",
]

DIGITS, HEX, VARINT, TRACE_ID, SPAN_ID, PARENT_ID, INSTANT, WORD = range(8)

_PLACEHOLDER = re.compile(r"<([dhw])(\d+)>")
_WORD_POOL = b"".join(word.encode() for words in WORDS.values() for word in words)


class Slot(NamedTuple):
    """A hole in a piece: what fills it, and where."""

    offset: int
    kind: int
    width: int
    arg: int
    """Instants: the column. Words: where their list starts in the pool of words."""
    choices: int
    """Words: how many there are to choose from."""


class Varying(NamedTuple):
    """An integer attribute whose canonical varint has this many bytes, other in every row."""

    width: int


Attribute = str | int | float | bool | Varying


@dataclass(frozen=True, slots=True)
class Piece:
    """Wire bytes and the slots in them, by offset."""

    data: bytes
    slots: tuple[Slot, ...] = ()

    def __add__(self, other: "Piece") -> "Piece":
        shift = len(self.data)
        moved = tuple(slot._replace(offset=slot.offset + shift) for slot in other.slots)
        return Piece(self.data + other.data, self.slots + moved)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def prefix(field: int, length: int) -> bytes:
    """Return tag and length of a length-delimited field."""
    return _varint(field << 3 | 2) + _varint(length)


def message(field: int, *parts: Piece) -> Piece:
    """Return the parts as one length-delimited field."""
    body = sum(parts, Piece(b""))
    return Piece(prefix(field, len(body.data))) + body


def text(field: int, template: str) -> Piece:
    """
    Return a string field.

    `<d7>` is seven random digits, `<h8>` eight hex digits, `<w5>` a word of five letters.
    """
    parts: list[Piece] = []
    position = 0
    for match in _PLACEHOLDER.finditer(template):
        parts.append(Piece(template[position : match.start()].encode()))
        parts.append(_placeholder(match[1], int(match[2])))
        position = match.end()
    parts.append(Piece(template[position:].encode()))
    return message(field, *parts)


def text_bytes(template: str) -> int:
    """Return how many bytes a text has once its placeholders are filled."""
    return len(_PLACEHOLDER.sub(lambda match: "0" * int(match[2]), template).encode())


def _placeholder(letter: str, width: int) -> Piece:
    hole = b"0" * width
    if letter == "d":
        return Piece(hole, (Slot(0, DIGITS, width, 0, 0),))
    if letter == "h":
        return Piece(hole, (Slot(0, HEX, width, 0, 0),))
    start = sum(size * len(words) for size, words in WORDS.items() if size < width)
    return Piece(hole, (Slot(0, WORD, width, start, len(WORDS[width])),))


def integer(field: int, value: int) -> Piece:
    """Return a varint field."""
    return Piece(_varint(field << 3) + _varint(value))


def fixed32(field: int, value: int) -> Piece:
    """Return a fixed32 field."""
    return Piece(_varint(field << 3 | 5) + struct.pack("<I", value))


def instant(field: int, column: int) -> Piece:
    """Return a fixed64 field filled from one of the row's instants."""
    return Piece(_varint(field << 3 | 1)) + Piece(bytes(8), (Slot(0, INSTANT, 8, column, 0),))


def identifier(field: int, kind: int) -> Piece:
    """Return a bytes field filled with the row's trace, span or parent id."""
    width = 16 if kind == TRACE_ID else 8
    return message(field, Piece(bytes(width), (Slot(0, kind, width, 0, 0),)))


def attribute(field: int, key: str, value: Attribute) -> Piece:
    """Return one `KeyValue`."""
    if isinstance(value, str):
        any_value = text(1, value)
    elif isinstance(value, bool):
        any_value = integer(2, int(value))
    elif isinstance(value, Varying):
        hole = Piece(bytes(value.width), (Slot(0, VARINT, value.width, 0, 0),))
        any_value = Piece(_varint(3 << 3)) + hole
    elif isinstance(value, int):
        any_value = integer(3, value)
    else:
        any_value = Piece(_varint(4 << 3 | 1) + struct.pack("<d", value))
    return message(field, text(1, key), message(2, any_value))


def attributes(field: int, values: dict[str, Attribute]) -> Piece:
    """Return the attributes in the order given."""
    return sum((attribute(field, key, value) for key, value in values.items()), Piece(b""))


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """Pieces packed into arrays, for the compiled writer."""

    pool: NDArray[np.uint8]
    """All pieces' bytes, one after the other."""
    starts: NDArray[np.int64]
    """Where each piece starts in the pool; one more entry than pieces."""
    slot_starts: NDArray[np.int64]
    """Where each piece's slots start; one more entry than pieces."""
    slots: NDArray[np.int64]
    """Offset, kind, width, argument and choices of each slot."""
    words: NDArray[np.uint8]
    """The pool of words."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bytes of each piece."""
        return np.diff(self.starts)


def compile_templates(pieces: list[Piece]) -> Templates:
    """Pack pieces, in order, into arrays."""
    slots = [slot for piece in pieces for slot in piece.slots]
    return Templates(
        pool=np.frombuffer(b"".join(piece.data for piece in pieces), np.uint8),
        starts=np.cumsum([0] + [len(piece.data) for piece in pieces], dtype=np.int64),
        slot_starts=np.cumsum([0] + [len(piece.slots) for piece in pieces], dtype=np.int64),
        slots=np.array(slots, np.int64).reshape(-1, 5),
        words=np.frombuffer(_WORD_POOL, np.uint8),
    )
