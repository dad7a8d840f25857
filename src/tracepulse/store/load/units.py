"""
What is loaded at once: the records of a segment that go into one part of a table.

Parts follow the data set and the day of receipt. Where a segment holds several of these, each is a
unit of its own with an id of its own; so a unit is one block, one part, and there whole or not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tracepulse.store.load.decoded import Decoded, Indices
from tracepulse.store.load.groups import group
from tracepulse.store.load.row_types import Row

__all__ = ["Unit", "units"]

_DAY_NS = 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Unit:
    """Records that are loaded together: of one segment, data set and day of receipt."""

    unit_id: str
    data_set: str
    day: int
    """Of receipt, days since 1970 in UTC."""
    chosen: Indices
    """Rows of the record's type."""


def units(decoded: Decoded, segment_id: str) -> Iterator[tuple[str, str, int, Indices]]:
    """Yield id, data set, day and requests of each unit of a segment."""
    requests = np.arange(decoded.rows.count(Row.REQUEST))
    received = decoded.rows.cell(Row.REQUEST, "received_unix_ns")
    places = decoded.rows.cell(Row.REQUEST, "data_set")
    codes, _ = decoded.codes(Row.REQUEST, "data_set")
    days = received // _DAY_NS
    groups, first = group(codes, days)
    names = [decoded.text_at(places[n]) for n in first.tolist()]
    ordered = sorted(range(len(first)), key=lambda n: (names[n], int(days[first[n]])))
    for number, each in enumerate(ordered):
        own = requests[groups == each]
        unit_id = segment_id if len(first) == 1 else f"{segment_id}.{number}"
        yield unit_id, names[each], int(days[first[each]]), own
