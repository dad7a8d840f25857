"""The columns of the tables of metrics, one for each kind of point, from decoded segments."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.store.load.blocks import NamedColumns, receipt_columns
from tracepulse.store.load.decoded import Decoded, Indices, nested
from tracepulse.store.load.native import fixed
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.texts import gather

__all__ = ["METRIC_KINDS", "metric_columns"]

METRIC_KINDS: dict[str, Row] = {
    "gauge": Row.GAUGE_POINT,
    "sum": Row.SUM_POINT,
    "histogram": Row.HISTOGRAM_POINT,
    "exponential_histogram": Row.EXPONENTIAL_POINT,
    "summary": Row.SUMMARY_POINT,
}
_EXEMPLARS = {
    Row.GAUGE_POINT: Row.GAUGE_EXEMPLAR,
    Row.SUM_POINT: Row.SUM_EXEMPLAR,
    Row.HISTOGRAM_POINT: Row.HISTOGRAM_EXEMPLAR,
    Row.EXPONENTIAL_POINT: Row.EXPONENTIAL_EXEMPLAR,
}
_AS_INT = 6
"""Field of a number that is whole; others hold the bits of a double."""


@dataclass(frozen=True, slots=True)
class _Points:
    """Some points of one kind."""

    decoded: Decoded
    row: Row
    chosen: Indices

    def cell(self, name: str) -> Indices:
        return self.decoded.rows.cell(self.row, name)[self.chosen]

    def doubles(self, name: str) -> NDArray[np.float64]:
        return np.ascontiguousarray(self.cell(name)).view(np.float64)

    def numbers(self, name: str, row: Row) -> NamedColumns:
        """Return a column of arrays from a list of numbers, doubles for bounds."""
        lists = self.decoded.children(self.row, row)
        offsets, elements = gather(lists.offsets, self.chosen)
        values = np.ascontiguousarray(self.decoded.rows.number(row)[elements])
        if row is Row.BUCKET_BOUND:
            return [(name, nested(offsets, fixed("Float64", values.view(np.float64))))]
        return [(name, nested(offsets, fixed("UInt64", values.view(np.uint64))))]


def metric_columns(decoded: Decoded, row: Row, chosen: Indices, unit_id: str) -> NamedColumns:
    """Return the columns of the table of one kind for some of its points."""
    rows, points = decoded.rows, _Points(decoded, row, chosen)
    metric = rows.owner(row)[chosen]
    scope, group, request = decoded.ancestry(rows.owner(Row.METRIC)[metric])
    dropped = rows.cell(Row.SCOPE_GROUP, "dropped_attributes_count")[scope]

    def of_scope(name: str) -> Indices:
        return rows.cell(Row.SCOPE_GROUP, name)[scope]

    def of_metric(name: str) -> Indices:
        return rows.cell(Row.METRIC, name)

    return [
        ("ResourceAttributes", decoded.attributes(Row.GROUP, group)),
        ("ResourceSchemaUrl", decoded.strings(rows.cell(Row.GROUP, "schema_url")[group])),
        ("ScopeName", decoded.names(Row.SCOPE_GROUP, "name", scope)),
        ("ScopeVersion", decoded.names(Row.SCOPE_GROUP, "version", scope)),
        ("ScopeAttributes", decoded.attributes(Row.SCOPE_GROUP, scope)),
        ("ScopeDroppedAttrCount", fixed("UInt32", dropped.astype(np.uint32))),
        ("ScopeSchemaUrl", decoded.strings(of_scope("schema_url"))),
        ("ServiceName", decoded.services(group)),
        ("MetricName", decoded.names(Row.METRIC, "name", metric)),
        ("MetricDescription", decoded.strings(of_metric("description")[metric])),
        ("MetricUnit", decoded.strings(of_metric("unit")[metric])),
        ("Attributes", decoded.attributes(row, chosen)),
        ("StartTimeUnix", fixed("DateTime64(9)", points.cell("start_unix_ns"))),
        ("TimeUnix", fixed("DateTime64(9)", points.cell("time_unix_ns"))),
        ("Flags", fixed("UInt32", points.cell("flags").astype(np.uint32))),
        *_own_columns(points, metric),
        *receipt_columns(decoded, request, unit_id),
    ]


def _own_columns(points: _Points, metric: Indices) -> NamedColumns:
    if points.row is Row.GAUGE_POINT:
        return [("Value", fixed("Float64", _values(points))), *_exemplars(points)]
    if points.row is Row.SUM_POINT:
        monotonic = points.decoded.rows.cell(Row.METRIC, "is_monotonic")[metric]
        return [
            ("Value", fixed("Float64", _values(points))),
            ("IsMonotonic", fixed("Bool", (monotonic != 0).astype(np.uint8))),
            *_temporality(points, metric),
            *_exemplars(points),
        ]
    counts: NamedColumns = [
        ("Count", fixed("UInt64", points.cell("count").view(np.uint64))),
        ("Sum", fixed("Float64", points.doubles("sum"))),
    ]
    if points.row is Row.SUMMARY_POINT:
        return counts + _quantiles(points)
    counts += [
        ("Min", fixed("Float64", points.doubles("min"))),
        ("Max", fixed("Float64", points.doubles("max"))),
        *_temporality(points, metric),
        *_exemplars(points),
    ]
    if points.row is Row.HISTOGRAM_POINT:
        return [
            *counts,
            *points.numbers("BucketCounts", Row.BUCKET_COUNT),
            *points.numbers("ExplicitBounds", Row.BUCKET_BOUND),
        ]
    return [
        *counts,
        ("Scale", fixed("Int32", points.cell("scale").astype(np.int32))),
        ("ZeroCount", fixed("UInt64", points.cell("zero_count").view(np.uint64))),
        ("PositiveOffset", fixed("Int32", points.cell("positive_offset").astype(np.int32))),
        ("NegativeOffset", fixed("Int32", points.cell("negative_offset").astype(np.int32))),
        *points.numbers("PositiveBucketCounts", Row.POSITIVE_COUNT),
        *points.numbers("NegativeBucketCounts", Row.NEGATIVE_COUNT),
    ]


def _temporality(points: _Points, metric: Indices) -> NamedColumns:
    value = points.decoded.rows.cell(Row.METRIC, "temporality")[metric]
    return [("AggregationTemporality", fixed("Int32", value.astype(np.int32)))]


def _values(points: _Points) -> NDArray[np.float64]:
    rows = points.decoded.rows
    bits = np.ascontiguousarray(rows.cell(points.row, "value")[points.chosen])
    is_whole = rows.cell(points.row, "value", 1)[points.chosen] == _AS_INT
    return np.where(is_whole, bits.astype(np.float64), bits.view(np.float64))


def _exemplars(points: _Points) -> NamedColumns:
    row = _EXEMPLARS[points.row]
    lists = points.decoded.children(points.row, row)
    offsets, chosen = gather(lists.offsets, points.chosen)
    each = _Points(points.decoded, row, chosen)
    return [
        (
            "Exemplars.FilteredAttributes",
            nested(offsets, points.decoded.attributes(row, chosen)),
        ),
        (
            "Exemplars.TimeUnix",
            nested(offsets, fixed("DateTime64(9)", each.cell("time_unix_ns"))),
        ),
        ("Exemplars.Value", nested(offsets, fixed("Float64", _values(each)))),
        ("Exemplars.SpanId", nested(offsets, points.decoded.ids(each.cell("span_id")))),
        ("Exemplars.TraceId", nested(offsets, points.decoded.ids(each.cell("trace_id")))),
    ]


def _quantiles(points: _Points) -> NamedColumns:
    lists = points.decoded.children(points.row, Row.QUANTILE)
    offsets, chosen = gather(lists.offsets, points.chosen)
    each = _Points(points.decoded, Row.QUANTILE, chosen)
    return [
        ("ValueAtQuantiles.Quantile", nested(offsets, fixed("Float64", each.doubles("quantile")))),
        ("ValueAtQuantiles.Value", nested(offsets, fixed("Float64", each.doubles("value")))),
    ]
