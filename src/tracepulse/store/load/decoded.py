"""A segment's rows with their values written out: what the blocks of every table are made from."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracepulse.journal.framing import Frame
from tracepulse.receive.signals import Signal
from tracepulse.store.load.native import Column, array, low_cardinality, mapping, plain_strings
from tracepulse.store.load.pattern_shapes import pattern_shapes, shape_ids
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.rows import LENGTH_MASK, Rows, read_rows
from tracepulse.store.load.texts import (
    bytes_at,
    dictionary,
    equal_to,
    gather,
    hex_texts,
    json_objects,
    renumber,
    repeated,
    string_offsets,
    strings,
    value_texts,
)

__all__ = ["Decoded", "Lists", "decode"]

Indices = NDArray[np.int64]

_PAIR_BYTES = 6
"""Of a pair in a map beside its value: the number of its key, and lengths."""


@dataclass(frozen=True, slots=True)
class Lists:
    """For every row of a type, some elements in their order."""

    offsets: Indices
    """Where each row's elements begin, and at last where the last one's end."""
    elements: Indices


@dataclass(frozen=True)
class Decoded:
    """Rows of a segment. `text` is the segment and, behind it, numbers written out."""

    signal: Signal
    rows: Rows
    text: NDArray[np.uint8]
    pair_text: Indices
    """Places of the values of all pairs, as text."""
    body_text: Indices
    """Places of the bodies of all log records, as text."""
    key_codes: NDArray[np.int32]
    """Number of each pair's key."""
    key_places: Indices
    _pairs: dict[Row, Lists] = field(default_factory=dict)
    _codes: dict[tuple[Row, str], tuple[NDArray[np.int32], Indices]] = field(default_factory=dict)

    def pairs(self, row: Row) -> Lists:
        """Return the pairs of every row of a type."""
        if row not in self._pairs:
            elements = np.flatnonzero(self.rows.pair_row_type == row)
            self._pairs[row] = _lists(self.rows.pair_row[elements], elements, self.rows.count(row))
        return self._pairs[row]

    def children(self, row: Row, child: Row) -> Lists:
        """Return the rows of another type that lie in each row of a type."""
        owners = self.rows.owner(child)
        return _lists(owners, np.arange(len(owners)), self.rows.count(row))

    def attribute(self, row: Row, key: bytes) -> Indices:
        """Return the place of the first value under a key in each row of a type; 0 where none is."""
        found = np.zeros(self.rows.count(row), np.int64)
        codes = np.flatnonzero(equal_to(self.text, self.key_places, key))
        if len(codes):
            elements = self.pairs(row).elements
            elements = elements[self.key_codes[elements] == codes[0]][::-1]
            found[self.rows.pair_row[elements]] = self.pair_text[elements]
        return found

    @cached_property
    def request_of_group(self) -> Indices:
        """The request that each resource group came in."""
        return self.rows.owner(Row.GROUP)

    @cached_property
    def shape_texts(self) -> tuple[NDArray[np.uint8], NDArray[np.int32], Indices]:
        """Bytes, the number of each log record's shape, and where in the bytes the distinct ones are."""
        text, places = pattern_shapes(self.text, self.body_text)
        return text, *dictionary(text, places)

    @cached_property
    def shapes(self) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
        """The number of each log record's shape, and the ids of the distinct ones."""
        text, codes, distinct = self.shape_texts
        return codes, shape_ids(text, distinct)

    def ancestry(self, records: Indices) -> tuple[Indices, Indices, Indices]:
        """Return scope group, resource group and request of rows that lie in scope groups."""
        group = self.rows.owner(Row.SCOPE_GROUP)[records]
        return records, group, self.request_of_group[group]

    def attribute_bytes(self, row: Row, chosen: Indices) -> int:
        """Return about how many bytes the attributes of some rows take, as often as each is chosen."""
        pairs = self.pairs(row)
        lengths = (self.pair_text[pairs.elements] & LENGTH_MASK) + _PAIR_BYTES
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])[pairs.offsets]
        return int((before[1:] - before[:-1])[chosen].sum())

    # -- columns ---------------------------------------------------------------------------------

    def strings(self, places: Indices) -> Column:
        """Return a column of texts."""
        return plain_strings(strings(self.text, places))

    def ids(self, places: Indices) -> Column:
        """Return a column of ids in hexadecimal."""
        return plain_strings(hex_texts(self.text, places))

    def numbered(self, places: Indices) -> tuple[NDArray[np.int32], Indices]:
        """Return for every text its number, and the places of the distinct ones."""
        return dictionary(self.text, places)

    def codes(self, row: Row, name: str) -> tuple[NDArray[np.int32], Indices]:
        """Return for a cell of every row the number of its text, and the places of the distinct."""
        if (row, name) not in self._codes:
            self._codes[row, name] = dictionary(self.text, self.rows.cell(row, name))
        return self._codes[row, name]

    def service_codes(self) -> tuple[NDArray[np.int32], Indices]:
        """Return the same for the service's name of every resource group."""
        key = (Row.GROUP, "service.name")
        if key not in self._codes:
            places = self.attribute(Row.GROUP, b"service.name")
            self._codes[key] = dictionary(self.text, places)
        return self._codes[key]

    def names(self, row: Row, name: str, chosen: Indices) -> Column:
        """Return a column of texts by number, from a cell of some rows of a type."""
        return named(self.text, *self.codes(row, name), chosen)

    def services(self, group: Indices) -> Column:
        """Return a column of the services' names of some resource groups."""
        return named(self.text, *self.service_codes(), group)

    def attributes(self, row: Row, chosen: Indices) -> Column:
        """Return a column of maps: the attributes of some rows of a type."""
        pairs = self.pairs(row)
        if len(chosen) > 2 * self.rows.count(row):
            return self._repeated_attributes(pairs, chosen)
        offsets, at = gather(pairs.offsets, chosen)
        elements = pairs.elements[at]
        codes, kept = renumber(self.key_codes[elements], len(self.key_places))
        values = strings(self.text, self.pair_text[elements])
        return self._map(offsets[1:], codes, kept, values)

    def _repeated_attributes(self, pairs: Lists, chosen: Indices) -> Column:
        """As `attributes`, where most rows are chosen many times: written out once, then copied."""
        places = self.pair_text[pairs.elements]
        codes, kept = renumber(self.key_codes[pairs.elements], len(self.key_places))
        starts = string_offsets(places)[pairs.offsets]
        ends = np.cumsum((pairs.offsets[1:] - pairs.offsets[:-1])[chosen])
        numbers = repeated(codes.view(np.uint8), pairs.offsets * codes.itemsize, chosen)
        values = repeated(strings(self.text, places), starts, chosen)
        return self._map(ends, numbers.view(np.int32), kept, values)

    def resources(self, group: Indices) -> Column:
        """Return a column of texts by number: the attributes of resource groups, as JSON objects."""
        pairs = self.pairs(Row.GROUP)
        text, places = json_objects(
            self.text,
            pairs.offsets,
            self.key_places[self.key_codes[pairs.elements]],
            self.pair_text[pairs.elements],
        )
        return named(text, *dictionary(text, places), group)

    def _map(
        self,
        ends: Indices,
        codes: NDArray[np.int32],
        kept: NDArray[np.int32],
        values: NDArray[np.uint8],
    ) -> Column:
        keys = low_cardinality(codes, strings(self.text, self.key_places[kept]), len(kept))
        return mapping(ends, keys, plain_strings(values))

    def text_at(self, place: int) -> str:
        """Return the text at a place."""
        return bytes_at(self.text, place).decode()


def named(
    text: NDArray[np.uint8], codes: NDArray[np.int32], distinct: Indices, chosen: Indices
) -> Column:
    """Return a column of texts by number from the numbers of some rows."""
    codes, kept = renumber(codes[chosen], len(distinct))
    return low_cardinality(codes, strings(text, distinct[kept]), len(kept))


def nested(offsets: Indices, inner: Column) -> Column:
    """Return a column of arrays from offsets as `gather` returns them."""
    return array(offsets[1:], inner)


def _lists(owners: NDArray[np.signedinteger], elements: Indices, rows: int) -> Lists:
    """Group elements by owner; owners ascend, since a walk ends one row before the next begins."""
    offsets = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=rows), out=offsets[1:])
    return Lists(offsets, elements)


def decode(data: bytes, found: list[Frame], signal: Signal) -> Decoded:
    """
    Read some messages of a segment.

    Raises:
        MalformedBody: one cannot be read.
    """
    ends = np.array([each.end for each in found], np.int64)
    starts = ends - np.array([len(each.message) for each in found], np.int64)
    rows = read_rows(data, starts, ends, signal)
    kinds, values = rows.pair_kind, rows.pair_value
    if signal == "logs":
        kinds = np.concatenate([kinds, rows.cell(Row.LOG, "body").astype(np.uint8)])
        values = np.concatenate([values, rows.cell(Row.LOG, "body", 1)])
    text, places = value_texts(rows.text, kinds, values)
    pairs = len(rows.pair_kind)
    codes, distinct = dictionary(rows.text, rows.pair_key)
    return Decoded(signal, rows, text, places[:pairs], places[pairs:], codes, distinct)
