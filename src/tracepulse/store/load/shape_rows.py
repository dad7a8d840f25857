"""Rows of `log_shapes`: what is new about the shapes of a unit's log records."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracepulse.model.log_shape import telling_text
from tracepulse.receive.wire_fields import encode_varint
from tracepulse.store.load.blocks import NamedColumns, log_instants
from tracepulse.store.load.decoded import Decoded, Indices, named
from tracepulse.store.load.groups import group, minima
from tracepulse.store.load.native import Column, constant, fixed, plain_strings
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.rows import LENGTH_MASK
from tracepulse.store.load.shape_examples import EXAMPLES, NO_HASH, lowest_hashes
from tracepulse.store.load.texts import bytes_at
from tracepulse.store.load.units import Unit

__all__ = ["SeenShapes", "log_shapes"]

_NEVER_UNIX_NS = 9_214_646_400 * 1_000_000_000
_MOST_EXAMPLE_BYTES = 4_096
"""A longer body is kept as the part of it that its shape is made of."""

_Key = tuple[bytes, int]


@dataclass(slots=True)
class SeenShapes:
    """
    What is stored of the shapes of a day: hashes of their examples, and when each was first seen.

    It is only memory: without it the same rows are stored once more, and readers take each once.
    """

    most: int = 50_000
    """Shapes of a day; what is beyond is counted, and has no text. About 9 MB."""
    most_per_service: int = 5_000
    """No service takes the room of all others."""
    _day: int = -1
    _numbers: dict[str, dict[_Key, int]] = field(default_factory=dict)
    _of_service: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    _hashes: NDArray[np.uint64] = field(default_factory=lambda: np.empty((0, EXAMPLES), np.uint64))
    _first: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    _used: int = 0

    def forget(self) -> None:
        """Take nothing for stored."""
        self._numbers = {}
        self._of_service.clear()
        self._used = 0
        self._hashes[:] = NO_HASH
        self._first[:] = _NEVER_UNIX_NS

    def numbers(self, data_set: str, day: int, keys: Iterable[_Key]) -> Indices:
        """Return the row of each service and shape, -1 where there is no more room."""
        if day != self._day:
            self.forget()
            self._day = day
        known = self._numbers.setdefault(data_set, {})
        found = []
        for key in keys:
            number = known.get(key, -1)
            if number < 0 and self._has_room(data_set, key[0]):
                number = known[key] = self._used
                self._used += 1
                self._of_service[data_set, key[0]] += 1
            found.append(number)
        self._grow()
        return np.array(found, np.int64)

    def _has_room(self, data_set: str, service: bytes) -> bool:
        return (
            self._used < self.most and self._of_service[data_set, service] < self.most_per_service
        )

    def _grow(self) -> None:
        while self._used > len(self._first):
            more = max(256, len(self._first))
            self._hashes = np.vstack([self._hashes, np.full((more, EXAMPLES), NO_HASH, np.uint64)])
            self._first = np.append(self._first, np.full(more, _NEVER_UNIX_NS))

    def at(self, numbers: Indices) -> tuple[NDArray[np.uint64], Indices]:
        """Return copies of the hashes and first instants of some rows."""
        return self._hashes[numbers], self._first[numbers]

    def put(self, numbers: Indices, hashes: NDArray[np.uint64], first: Indices) -> None:
        """Keep hashes and first instants of some rows."""
        self._hashes[numbers] = hashes
        self._first[numbers] = first


def log_shapes(decoded: Decoded, unit: Unit, seen: SeenShapes) -> NamedColumns | None:
    """Return the rows that tell what is new of a unit's shapes, or None where nothing is."""
    chosen = unit.chosen
    _, resource, _ = decoded.ancestry(decoded.rows.owner(Row.LOG)[chosen])
    service_codes, service_places = decoded.service_codes()
    shape_codes, shape_ids = decoded.shapes
    groups, first_row = group(service_codes[resource], shape_codes[chosen])
    count = len(first_row)
    services = [bytes_at(decoded.text, place) for place in service_places.tolist()]
    ids = shape_ids[shape_codes[chosen[first_row]]]
    service_of = service_codes[resource[first_row]]
    keys = zip([services[n] for n in service_of.tolist()], ids.tolist(), strict=True)
    numbers = seen.numbers(unit.data_set, unit.day, keys)
    has_room = numbers >= 0
    hashes, earliest = seen.at(numbers)
    hashes[~has_room] = 0  # lower than any: takes no line
    bodies = decoded.body_text[chosen]
    lines = lowest_hashes(decoded.text, bodies, groups.astype(np.int32), hashes)
    instants = log_instants(decoded)[chosen]
    every = np.ones(len(groups), np.bool_)
    first = minima(groups, instants, every, count, _NEVER_UNIX_NS)
    taken = lines >= 0
    only_earlier = np.flatnonzero(has_room & (first < earliest) & ~taken.any(axis=1))
    in_group, slot = np.nonzero(taken)
    seen.put(numbers[has_room], hashes[has_room], np.minimum(first, earliest)[has_room])
    of_row = np.concatenate([in_group, only_earlier])
    if not len(of_row):
        return None
    none = np.zeros(len(only_earlier), np.int64)
    examples = _examples(decoded, np.append(bodies[lines[in_group, slot]], none))
    row_hashes = np.append(hashes[in_group, slot], np.full(len(none), NO_HASH, np.uint64))
    of_resource = resource[first_row[of_row]]
    rows = len(of_row)
    return [
        ("DataSet", constant(unit.data_set, rows)),
        ("ReceivedOn", fixed("Date", np.full(rows, min(unit.day, 65_535), np.uint16))),
        ("ServiceName", named(decoded.text, service_codes, service_places, of_resource)),
        ("ShapeId", fixed("UInt64", ids[of_row])),
        ("Hash", fixed("UInt64", row_hashes)),
        ("Example", examples),
        ("FirstSeen", fixed("DateTime64(9)", first[of_row])),
        ("SegmentId", constant(unit.unit_id, rows)),
    ]


def _examples(decoded: Decoded, places: Indices) -> Column:
    if not (places & LENGTH_MASK > _MOST_EXAMPLE_BYTES).any():
        return decoded.strings(places)
    bodies = (_example(bytes_at(decoded.text, place)) for place in places.tolist())
    encoded = b"".join(encode_varint(len(each)) + each for each in bodies)
    return plain_strings(np.frombuffer(encoded, np.uint8))


def _example(body: bytes) -> bytes:
    if len(body) <= _MOST_EXAMPLE_BYTES:
        return body
    return telling_text(body.decode("utf-8", "replace")).encode()
