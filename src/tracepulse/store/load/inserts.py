"""All that one segment puts into the tables: one insert for each unit and table."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tracepulse.journal.framing import Frame
from tracepulse.receive.signals import Signal
from tracepulse.store.load.blocks import NamedColumns, log_columns, span_columns
from tracepulse.store.load.decoded import Decoded, Indices, decode
from tracepulse.store.load.duplicates import Keys, keys_of
from tracepulse.store.load.metric_blocks import METRIC_KINDS, metric_columns
from tracepulse.store.load.native import block
from tracepulse.store.load.order import in_order
from tracepulse.store.load.rollup_blocks import (
    MARKER_KIND,
    MARKER_SEVERITY,
    ByTrust,
    log_bins,
    span_bins,
    span_minutes,
)
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.rows import LENGTH_MASK
from tracepulse.store.load.shape_rows import SeenShapes, log_shapes
from tracepulse.store.load.units import Unit, units

__all__ = ["Contents", "Insert", "UnitLoad", "Vocabularies", "read_segment"]


@dataclass(slots=True)
class Vocabularies:
    """The names that roll-ups count under."""

    operations: ByTrust = field(default_factory=ByTrust)
    shapes: ByTrust = field(default_factory=ByTrust)
    seen_shapes: SeenShapes = field(default_factory=SeenShapes)


@dataclass(frozen=True, slots=True)
class Insert:
    """A block for one table: afterwards all of its rows are there, or none."""

    table: str
    unit_id: str
    rows: int
    expected: int
    """Rows that `condition` finds once it is loaded."""
    condition: str
    """Finds in the table what this insert left there; `{id:String}` is the unit."""
    is_rollup: bool
    columns: tuple[str, ...]
    build: Callable[[], Iterable[bytes | memoryview]]
    """Makes the bytes of the block."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A segment, decoded."""

    decoded: Decoded
    keys: Keys

    def keys_without(self, requests: Indices) -> Keys:
        """Return the keys, but for those of requests that are not stored."""
        refused = np.zeros(self.decoded.rows.count(Row.REQUEST), np.bool_)
        refused[requests] = True
        if self.decoded.signal == "traces":
            refused = refused[self.decoded.ancestry(self.decoded.rows.owner(Row.SPAN))[2]]
        keys = np.where(refused, np.uint64(0), self.keys.keys)
        return Keys(keys, self.keys.received_unix_ns)

    def loads(
        self, segment_id: str, is_new: NDArray[np.bool_], vocabularies: Vocabularies
    ) -> Iterator["UnitLoad"]:
        """
        Yield what is loaded at once.

        Args:
            is_new: for each of the keys, whether its records are to be stored.
        """
        for unit_id, data_set, day, requests in units(self.decoded, segment_id):
            inserts: list[Iterator[Insert]] = []
            records = fresh = shared = 0
            spans = np.zeros(0, np.int64)
            for table, row, columns in _TABLES[self.decoded.signal]:
                everything, chosen = self._chosen(row, requests, is_new)
                records += everything
                fresh += len(chosen)
                shared += self._shared_bytes(row, chosen)
                if len(chosen):
                    unit = Unit(unit_id, data_set, day, in_order(self.decoded, row, chosen))
                    if row is Row.SPAN:
                        spans = unit.chosen
                    inserts.append(self._inserts(table, row, columns, unit, vocabularies))
            yield UnitLoad(
                requests, data_set, records, fresh, spans, shared, chain.from_iterable(inserts)
            )

    def _inserts(
        self,
        table: str,
        row: Row,
        columns: Callable[..., NamedColumns],
        unit: Unit,
        vocabularies: Vocabularies,
    ) -> Iterator[Insert]:
        yield _table_insert(table, unit, columns(self.decoded, row, unit.chosen, unit.unit_id))
        for rollup, work_out, marker in _ROLLUPS.get(table, ()):
            yield _rollup_insert(rollup, unit, marker, work_out(self.decoded, unit, vocabularies))
        if row is Row.LOG:
            shapes = log_shapes(self.decoded, unit, vocabularies.seen_shapes)
            if shapes is not None:
                yield _shapes_insert(unit, shapes)

    def _chosen(
        self, row: Row, requests: Indices, is_new: NDArray[np.bool_]
    ) -> tuple[int, Indices]:
        """Return how many rows of a type came in some requests, and which of them are new."""
        decoded = self.decoded
        owner = decoded.rows.owner(row)
        if decoded.signal == "metrics":
            owner = decoded.rows.owner(Row.METRIC)[owner]
        _, _, request = decoded.ancestry(owner)
        wanted = np.zeros(decoded.rows.count(Row.REQUEST), np.bool_)
        wanted[requests] = True
        inside = wanted[request]
        new = is_new if decoded.signal == "traces" else is_new[request]
        return int(inside.sum()), np.flatnonzero(inside & new)

    def _shared_bytes(self, row: Row, chosen: Indices) -> int:
        """Return how large becomes what rows share and tables hold in each of them."""
        if row is Row.SPAN or not len(chosen):
            return 0
        decoded = self.decoded
        owner = decoded.rows.owner(row)[chosen]
        if row is Row.LOG:
            return decoded.attribute_bytes(Row.SCOPE_GROUP, owner)
        scope, group, _ = decoded.ancestry(decoded.rows.owner(Row.METRIC)[owner])
        texts = sum(
            int((decoded.rows.cell(kind, name)[each] & LENGTH_MASK).sum())
            for kind, name, each in (
                (Row.METRIC, "description", owner),
                (Row.METRIC, "unit", owner),
                (Row.SCOPE_GROUP, "schema_url", scope),
                (Row.GROUP, "schema_url", group),
            )
        )
        return (
            texts
            + decoded.attribute_bytes(Row.SCOPE_GROUP, scope)
            + decoded.attribute_bytes(Row.GROUP, group)
        )


@dataclass(frozen=True, slots=True)
class UnitLoad:
    """The inserts of one unit, each table's before those of its roll-ups."""

    requests: Indices
    """Which requests of the segment it holds."""
    data_set: str
    records: int
    fresh: int
    """Records that are not repetitions."""
    spans: Indices
    """Which spans of the segment it stores."""
    shared_bytes: int
    """What the records' scopes and resources take, where the table holds them in each row."""
    inserts: Iterator[Insert]


def read_segment(data: bytes, found: list[Frame], signal: Signal) -> Contents:
    """
    Decode some messages of a segment.

    Raises:
        MalformedBody: one cannot be read.
    """
    decoded = decode(data, found, signal)
    return Contents(decoded, keys_of(decoded))


def _table_insert(table: str, unit: Unit, columns: NamedColumns) -> Insert:
    rows = len(unit.chosen)
    return Insert(
        table, unit.unit_id, rows, rows, "SegmentId = {id:String}", False, *_block(columns, rows)
    )


def _rollup_insert(table: str, unit: Unit, marker: str, columns: NamedColumns) -> Insert:
    rows = _rows(columns)
    return Insert(table, unit.unit_id, rows, 1, marker, True, *_block(columns, rows))


def _shapes_insert(unit: Unit, columns: NamedColumns) -> Insert:
    rows = _rows(columns)
    found = "SegmentId = {id:String}"
    return Insert("log_shapes", unit.unit_id, rows, rows, found, True, *_block(columns, rows))


def _rows(columns: NamedColumns) -> int:
    return next(
        len(piece) for name, column in columns if name == "ReceivedOn" for piece in column.pieces
    )


def _block(
    columns: NamedColumns, rows: int
) -> tuple[tuple[str, ...], Callable[[], Iterable[bytes | memoryview]]]:
    return tuple(name for name, _ in columns), lambda: block(columns, rows)


_TABLES: dict[Signal, tuple[tuple[str, Row, Callable[..., NamedColumns]], ...]] = {
    "traces": (("otel_traces", Row.SPAN, lambda decoded, _, *rest: span_columns(decoded, *rest)),),
    "logs": (("otel_logs", Row.LOG, lambda decoded, _, *rest: log_columns(decoded, *rest)),),
    "metrics": tuple(
        (f"otel_metrics_{kind}", row, metric_columns) for kind, row in METRIC_KINDS.items()
    ),
}
_SPAN_MARKER = f"SpanName = {{id:String}} AND SpanKind = '{MARKER_KIND}'"
_LOG_MARKER = f"Shape = {{id:String}} AND SeverityNumber = {MARKER_SEVERITY}"
_ROLLUPS: dict[
    str, tuple[tuple[str, Callable[[Decoded, Unit, Vocabularies], NamedColumns], str], ...]
] = {
    "otel_traces": (
        ("span_bins", lambda d, u, v: span_bins(d, u, v.operations), _SPAN_MARKER),
        ("span_minutes", lambda d, u, v: span_minutes(d, u, v.operations), _SPAN_MARKER),
    ),
    "otel_logs": (("log_bins", lambda d, u, v: log_bins(d, u, v.shapes), _LOG_MARKER),),
}
