"""
Which fields of OTLP become cells of which rows, as lookup tables for the walk in `rows.py`.

A *row type* is a repeated message: a span, an event, a metric point. A row has one cell for the row
that it lies in (cell 0) and one or two for each field that the tables hold. Messages that occur once
in their owner (a span's status, a group's resource) have no rows: their fields are cells of the
owner, so that a message sent in two parts is merged as protobuf asks. Field numbers are those of
opentelemetry-proto 1.x (https://github.com/open-telemetry/opentelemetry-proto).
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tracepulse.receive.signals import Signal

__all__ = ["ACTION", "CELL", "CHILD", "MAX_FIELD", "ROOT", "ROW_OF", "WIDTH", "Act", "Row", "cell"]

MAX_FIELD = 32


class Act(IntEnum):
    """What the walk does with a field."""

    SKIP = 0
    VARINT = 1
    FIXED64 = 2
    FIXED32 = 3
    TEXT = 4
    """A stretch of bytes: its place, not a copy."""
    ROW = 5
    """A repeated message: a new row of the child type."""
    WITHIN = 6
    """A message whose fields are cells of the same row."""
    PAIR = 7
    """A KeyValue that belongs to the row."""
    FIXED64_LIST = 8
    """Numbers, packed or not, each a row of the child type with the number in cell 1."""
    VARINT_LIST = 9
    VALUE = 10
    """An AnyValue: its kind in the cell, its content in the next."""
    MARKED_FIXED64 = 11
    """One of several: the number in the cell, the field's number in the next."""
    SIGNED_VARINT = 12
    """A zigzag number (sint32)."""


class Row(IntEnum):
    """Row types, and the messages whose fields are cells of another's row."""

    REQUEST = 0
    GROUP = 1
    SCOPE_GROUP = 2
    SPAN = 3
    EVENT = 4
    LINK = 5
    LOG = 6
    METRIC = 7
    GAUGE_POINT = 8
    SUM_POINT = 9
    HISTOGRAM_POINT = 10
    EXPONENTIAL_POINT = 11
    SUMMARY_POINT = 12
    GAUGE_EXEMPLAR = 13
    SUM_EXEMPLAR = 14
    HISTOGRAM_EXEMPLAR = 15
    EXPONENTIAL_EXEMPLAR = 16
    QUANTILE = 17
    BUCKET_COUNT = 18
    BUCKET_BOUND = 19
    POSITIVE_COUNT = 20
    NEGATIVE_COUNT = 21
    # Not rows of their own from here on.
    RESOURCE = 22
    SCOPE = 23
    STATUS = 24
    GAUGE = 25
    SUM = 26
    HISTOGRAM = 27
    EXPONENTIAL_HISTOGRAM = 28
    SUMMARY = 29
    POSITIVE = 30
    NEGATIVE = 31
    # The requests and groups of each signal differ in what they hold.
    TRACES = 32
    LOGS = 33
    METRICS = 34
    TRACE_GROUP = 35
    LOG_GROUP = 36
    METRIC_GROUP = 37
    SPAN_SCOPE = 38
    LOG_SCOPE = 39
    METRIC_SCOPE = 40


ROOT: dict[Signal, Row] = {"traces": Row.TRACES, "logs": Row.LOGS, "metrics": Row.METRICS}

_SIZE = len(Row)
ACTION: NDArray[np.uint8] = np.zeros((_SIZE, MAX_FIELD), np.uint8)
CELL: NDArray[np.uint8] = np.zeros((_SIZE, MAX_FIELD), np.uint8)
CHILD: NDArray[np.uint8] = np.zeros((_SIZE, MAX_FIELD), np.uint8)
WIDTH: NDArray[np.int64] = np.zeros((_SIZE,), np.int64)
_CELLS: dict[tuple[Row, str], int] = {}
_ROW_OF: dict[Row, Row] = {
    Row.TRACES: Row.REQUEST,
    Row.LOGS: Row.REQUEST,
    Row.METRICS: Row.REQUEST,
    Row.TRACE_GROUP: Row.GROUP,
    Row.LOG_GROUP: Row.GROUP,
    Row.METRIC_GROUP: Row.GROUP,
    Row.SPAN_SCOPE: Row.SCOPE_GROUP,
    Row.LOG_SCOPE: Row.SCOPE_GROUP,
    Row.METRIC_SCOPE: Row.SCOPE_GROUP,
    Row.RESOURCE: Row.GROUP,
    Row.SCOPE: Row.SCOPE_GROUP,
    Row.STATUS: Row.SPAN,
    Row.GAUGE: Row.METRIC,
    Row.SUM: Row.METRIC,
    Row.HISTOGRAM: Row.METRIC,
    Row.EXPONENTIAL_HISTOGRAM: Row.METRIC,
    Row.SUMMARY: Row.METRIC,
    Row.POSITIVE: Row.EXPONENTIAL_POINT,
    Row.NEGATIVE: Row.EXPONENTIAL_POINT,
}
_TWO_CELLS = (Act.VALUE, Act.MARKED_FIXED64)


def cell(row: Row, name: str) -> int:
    """Return the number of a row's cell."""
    return _CELLS[row, name]


@dataclass(frozen=True, slots=True)
class _Fields:
    """Fields of one message: (number, act, name of the cell)."""

    message: Row
    cells: tuple[tuple[int, Act, str], ...] = ()
    rows: tuple[tuple[int, Row], ...] = ()
    within: tuple[tuple[int, Row], ...] = ()
    pairs: tuple[int, ...] = ()
    lists: tuple[tuple[int, Act, Row], ...] = field(default=())


def _lay_out(fields: _Fields) -> None:
    message, row = fields.message, _ROW_OF.get(fields.message, fields.message)
    WIDTH[row] = max(int(WIDTH[row]), 1)
    for number, act, name in fields.cells:
        if (row, name) not in _CELLS:
            _CELLS[row, name] = int(WIDTH[row])
            WIDTH[row] += 2 if act in _TWO_CELLS else 1
        ACTION[message, number] = act
        CELL[message, number] = _CELLS[row, name]
    for number, child in fields.rows:
        ACTION[message, number], CHILD[message, number] = Act.ROW, child
    for number, child in fields.within:
        ACTION[message, number], CHILD[message, number] = Act.WITHIN, child
    for number in fields.pairs:
        ACTION[message, number] = Act.PAIR
    for number, act, child in fields.lists:
        ACTION[message, number], CHILD[message, number] = act, child
        WIDTH[child] = 2


_GROUPS = (
    (Row.TRACES, Row.TRACE_GROUP, Row.SPAN_SCOPE, Row.SPAN),
    (Row.LOGS, Row.LOG_GROUP, Row.LOG_SCOPE, Row.LOG),
    (Row.METRICS, Row.METRIC_GROUP, Row.METRIC_SCOPE, Row.METRIC),
)
for _request, _group, _scope, _record in _GROUPS:
    _lay_out(_Fields(_request, rows=((1, _group),)))
    _lay_out(
        _Fields(
            _group,
            cells=((3, Act.TEXT, "schema_url"),),
            rows=((2, _scope),),
            within=((1, Row.RESOURCE),),
        )
    )
    _lay_out(
        _Fields(
            _scope,
            cells=((3, Act.TEXT, "schema_url"),),
            rows=((2, _record),),
            within=((1, Row.SCOPE),),
        )
    )
# The journal's own fields of a request have numbers from 1001 on; see `rows.py`.
for _name in ("received_unix_ns", "origin", "trust", "data_set", "body_end"):
    _CELLS[Row.REQUEST, _name] = int(WIDTH[Row.REQUEST])
    WIDTH[Row.REQUEST] += 1
_lay_out(_Fields(Row.RESOURCE, pairs=(1,)))
_lay_out(
    _Fields(
        Row.SCOPE,
        cells=(
            (1, Act.TEXT, "name"),
            (2, Act.TEXT, "version"),
            (4, Act.VARINT, "dropped_attributes_count"),
        ),
        pairs=(3,),
    )
)
_lay_out(
    _Fields(
        Row.SPAN,
        cells=(
            (1, Act.TEXT, "trace_id"),
            (2, Act.TEXT, "span_id"),
            (3, Act.TEXT, "trace_state"),
            (4, Act.TEXT, "parent_span_id"),
            (5, Act.TEXT, "name"),
            (6, Act.VARINT, "kind"),
            (7, Act.FIXED64, "start_unix_ns"),
            (8, Act.FIXED64, "end_unix_ns"),
        ),
        rows=((11, Row.EVENT), (13, Row.LINK)),
        within=((15, Row.STATUS),),
        pairs=(9,),
    )
)
_lay_out(
    _Fields(Row.STATUS, cells=((2, Act.TEXT, "status_message"), (3, Act.VARINT, "status_code")))
)
_lay_out(
    _Fields(Row.EVENT, cells=((1, Act.FIXED64, "time_unix_ns"), (2, Act.TEXT, "name")), pairs=(3,))
)
_lay_out(
    _Fields(
        Row.LINK,
        cells=((1, Act.TEXT, "trace_id"), (2, Act.TEXT, "span_id"), (3, Act.TEXT, "trace_state")),
        pairs=(4,),
    )
)
_lay_out(
    _Fields(
        Row.LOG,
        cells=(
            (1, Act.FIXED64, "time_unix_ns"),
            (2, Act.VARINT, "severity_number"),
            (3, Act.TEXT, "severity_text"),
            (5, Act.VALUE, "body"),
            (8, Act.FIXED32, "flags"),
            (9, Act.TEXT, "trace_id"),
            (10, Act.TEXT, "span_id"),
            (11, Act.FIXED64, "observed_unix_ns"),
            (12, Act.TEXT, "event_name"),
        ),
        pairs=(6,),
    )
)
_lay_out(
    _Fields(
        Row.METRIC,
        cells=((1, Act.TEXT, "name"), (2, Act.TEXT, "description"), (3, Act.TEXT, "unit")),
        within=(
            (5, Row.GAUGE),
            (7, Row.SUM),
            (9, Row.HISTOGRAM),
            (10, Row.EXPONENTIAL_HISTOGRAM),
            (11, Row.SUMMARY),
        ),
    )
)
_TEMPORALITY = (2, Act.VARINT, "temporality")
_lay_out(_Fields(Row.GAUGE, rows=((1, Row.GAUGE_POINT),)))
_lay_out(
    _Fields(
        Row.SUM,
        cells=(_TEMPORALITY, (3, Act.VARINT, "is_monotonic")),
        rows=((1, Row.SUM_POINT),),
    )
)
_lay_out(_Fields(Row.HISTOGRAM, cells=(_TEMPORALITY,), rows=((1, Row.HISTOGRAM_POINT),)))
_lay_out(
    _Fields(Row.EXPONENTIAL_HISTOGRAM, cells=(_TEMPORALITY,), rows=((1, Row.EXPONENTIAL_POINT),))
)
_lay_out(_Fields(Row.SUMMARY, rows=((1, Row.SUMMARY_POINT),)))
_TIMES = ((2, Act.FIXED64, "start_unix_ns"), (3, Act.FIXED64, "time_unix_ns"))
_VALUE = ((4, Act.MARKED_FIXED64, "value"), (6, Act.MARKED_FIXED64, "value"))
for _point, _exemplar in (
    (Row.GAUGE_POINT, Row.GAUGE_EXEMPLAR),
    (Row.SUM_POINT, Row.SUM_EXEMPLAR),
):
    _lay_out(
        _Fields(
            _point,
            cells=(*_TIMES, *_VALUE, (8, Act.VARINT, "flags")),
            rows=((5, _exemplar),),
            pairs=(7,),
        )
    )
_lay_out(
    _Fields(
        Row.HISTOGRAM_POINT,
        cells=(
            *_TIMES,
            (4, Act.FIXED64, "count"),
            (5, Act.FIXED64, "sum"),
            (10, Act.VARINT, "flags"),
            (11, Act.FIXED64, "min"),
            (12, Act.FIXED64, "max"),
        ),
        rows=((8, Row.HISTOGRAM_EXEMPLAR),),
        pairs=(9,),
        lists=(
            (6, Act.FIXED64_LIST, Row.BUCKET_COUNT),
            (7, Act.FIXED64_LIST, Row.BUCKET_BOUND),
        ),
    )
)
_lay_out(
    _Fields(
        Row.EXPONENTIAL_POINT,
        cells=(
            *_TIMES,
            (4, Act.FIXED64, "count"),
            (5, Act.FIXED64, "sum"),
            (6, Act.SIGNED_VARINT, "scale"),
            (7, Act.FIXED64, "zero_count"),
            (10, Act.VARINT, "flags"),
            (12, Act.FIXED64, "min"),
            (13, Act.FIXED64, "max"),
        ),
        rows=((11, Row.EXPONENTIAL_EXEMPLAR),),
        within=((8, Row.POSITIVE), (9, Row.NEGATIVE)),
        pairs=(1,),
    )
)
_lay_out(
    _Fields(
        Row.POSITIVE,
        cells=((1, Act.SIGNED_VARINT, "positive_offset"),),
        lists=((2, Act.VARINT_LIST, Row.POSITIVE_COUNT),),
    )
)
_lay_out(
    _Fields(
        Row.NEGATIVE,
        cells=((1, Act.SIGNED_VARINT, "negative_offset"),),
        lists=((2, Act.VARINT_LIST, Row.NEGATIVE_COUNT),),
    )
)
_lay_out(
    _Fields(
        Row.SUMMARY_POINT,
        cells=(
            *_TIMES,
            (4, Act.FIXED64, "count"),
            (5, Act.FIXED64, "sum"),
            (8, Act.VARINT, "flags"),
        ),
        rows=((6, Row.QUANTILE),),
        pairs=(7,),
    )
)
_lay_out(_Fields(Row.QUANTILE, cells=((1, Act.FIXED64, "quantile"), (2, Act.FIXED64, "value"))))
for _exemplar in (
    Row.GAUGE_EXEMPLAR,
    Row.SUM_EXEMPLAR,
    Row.HISTOGRAM_EXEMPLAR,
    Row.EXPONENTIAL_EXEMPLAR,
):
    _lay_out(
        _Fields(
            _exemplar,
            cells=(
                (2, Act.FIXED64, "time_unix_ns"),
                (3, Act.MARKED_FIXED64, "value"),
                (4, Act.TEXT, "span_id"),
                (5, Act.TEXT, "trace_id"),
                (6, Act.MARKED_FIXED64, "value"),
            ),
            pairs=(7,),
        )
    )
ROW_OF: NDArray[np.uint8] = np.array([_ROW_OF.get(Row(n), Row(n)) for n in range(_SIZE)], np.uint8)
"""The row type whose cells a message's fields are."""
