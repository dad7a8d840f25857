"""The columns of the tables of traces and logs, from decoded segments."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.store.load.decoded import Decoded, Indices, nested
from tracepulse.store.load.native import Column, constant, fixed, low_cardinality
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.texts import gather

__all__ = [
    "LAST_SECOND",
    "NamedColumns",
    "fixed_names",
    "http_status",
    "log_columns",
    "log_instants",
    "receipt_columns",
    "root_spans",
    "seconds",
    "span_columns",
    "span_durations",
]

NamedColumns = list[tuple[str, Column]]

LAST_SECOND = 2**32 - 1
"""Where whole seconds end, in 2106; what is later counts as then, and does not begin again at 1970."""
SPAN_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUS_CODES = ("Unset", "Ok", "Error")


def seconds(instants: Indices) -> NDArray[np.int64]:
    """Return whole seconds of instants in ns, never past `LAST_SECOND`."""
    return np.minimum(instants // 1_000_000_000, LAST_SECOND)


def fixed_names(names: tuple[str, ...], codes: NDArray[np.integer]) -> Column:
    """Return a column of texts by number out of a few that are always the same."""
    keys = b"".join(bytes([len(name)]) + name.encode() for name in names)
    return low_cardinality(codes.astype(np.int32), np.frombuffer(keys, np.uint8), len(names))


def span_kind_codes(decoded: Decoded) -> Indices:
    """Return for every span the index of its kind in `SPAN_KINDS`."""
    kind = decoded.rows.cell(Row.SPAN, "kind")
    return np.where((kind >= 0) & (kind < len(SPAN_KINDS)), kind, 0)


def status_codes(decoded: Decoded) -> Indices:
    """Return for every span the index of its status in `STATUS_CODES`."""
    code = decoded.rows.cell(Row.SPAN, "status_code")
    return np.where((code >= 0) & (code < len(STATUS_CODES)), code, 0)


def span_durations(decoded: Decoded) -> Indices:
    """Return for every span its length in ns; one that ends before it starts took no time."""
    start = decoded.rows.cell(Row.SPAN, "start_unix_ns")
    lengths: Indices = np.maximum(decoded.rows.cell(Row.SPAN, "end_unix_ns") - start, 0)
    return lengths


@njit(cache=True, nogil=True)
def _small_numbers(buf, places, out):  # type: ignore[no-untyped-def]
    for n in range(len(places)):
        pos = places[n] >> 24
        length = places[n] & 0xFFFFFF
        value = np.int64(0)
        for i in range(length):
            digit = np.int64(buf[pos + i]) - 48
            if digit < 0 or digit > 9 or value > 6553:
                value = np.int64(0)
                break
            value = value * 10 + digit
        out[n] = value if value <= 65535 else 0


def http_status(decoded: Decoded, chosen: Indices) -> Indices:
    """Return the status of the HTTP answer that some spans stand for; 0 where they tell none."""
    new = decoded.attribute(Row.SPAN, b"http.response.status_code")[chosen]
    old = decoded.attribute(Row.SPAN, b"http.status_code")[chosen]
    out = np.empty(len(chosen), np.int64)
    _small_numbers(decoded.text, np.where(new & 0xFFFFFF, new, old), out)
    return out


@njit(cache=True, nogil=True)
def _all_zero(buf, places, out):  # type: ignore[no-untyped-def]
    for n in range(len(places)):
        pos = places[n] >> 24
        out[n] = True
        for i in range(places[n] & 0xFFFFFF):
            if buf[pos + i] != 0:
                out[n] = False
                break


def root_spans(decoded: Decoded, chosen: Indices) -> NDArray[np.bool_]:
    """Say which spans have no parent; some senders write zeros for none."""
    out = np.empty(len(chosen), np.bool_)
    _all_zero(decoded.text, decoded.rows.cell(Row.SPAN, "parent_span_id")[chosen], out)
    return out


def log_instants(decoded: Decoded) -> Indices:
    """Return for every log record its instant: given, else observed, else that of receipt."""
    rows = decoded.rows
    given, observed = rows.cell(Row.LOG, "time_unix_ns"), rows.cell(Row.LOG, "observed_unix_ns")
    request = decoded.ancestry(rows.owner(Row.LOG))[2]
    received = rows.cell(Row.REQUEST, "received_unix_ns")[request]
    return np.where(given != 0, given, np.where(observed != 0, observed, received))


def receipt_columns(decoded: Decoded, request: Indices, unit_id: str) -> NamedColumns:
    """Return the columns that say how records came here."""
    rows = decoded.rows
    return [
        ("ReceivedAt", fixed("DateTime64(9)", rows.cell(Row.REQUEST, "received_unix_ns")[request])),
        ("Origin", decoded.names(Row.REQUEST, "origin", request)),
        ("Trust", decoded.names(Row.REQUEST, "trust", request)),
        ("DataSet", decoded.names(Row.REQUEST, "data_set", request)),
        ("SegmentId", constant(unit_id, len(request))),
    ]


def span_columns(decoded: Decoded, chosen: Indices, unit_id: str) -> NamedColumns:
    """Return the columns of otel_traces for some spans."""
    rows = decoded.rows
    scope, group, request = decoded.ancestry(rows.owner(Row.SPAN)[chosen])

    def of_span(name: str) -> Indices:
        return rows.cell(Row.SPAN, name)[chosen]

    return [
        ("Timestamp", fixed("DateTime64(9)", of_span("start_unix_ns"))),
        ("TraceId", decoded.ids(of_span("trace_id"))),
        ("SpanId", decoded.ids(of_span("span_id"))),
        ("ParentSpanId", decoded.ids(of_span("parent_span_id"))),
        ("TraceState", decoded.strings(of_span("trace_state"))),
        ("SpanName", decoded.names(Row.SPAN, "name", chosen)),
        ("SpanKind", fixed_names(SPAN_KINDS, span_kind_codes(decoded)[chosen])),
        ("ServiceName", decoded.services(group)),
        ("ResourceText", decoded.resources(group)),
        ("ScopeName", decoded.names(Row.SCOPE_GROUP, "name", scope)),
        ("ScopeVersion", decoded.names(Row.SCOPE_GROUP, "version", scope)),
        ("SpanAttributes", decoded.attributes(Row.SPAN, chosen)),
        ("Duration", fixed("UInt64", span_durations(decoded)[chosen])),
        ("StatusCode", fixed_names(STATUS_CODES, status_codes(decoded)[chosen])),
        ("StatusMessage", decoded.strings(of_span("status_message"))),
        *_events(decoded, chosen),
        *_links(decoded, chosen),
        *receipt_columns(decoded, request, unit_id),
    ]


def _events(decoded: Decoded, chosen: Indices) -> NamedColumns:
    of_span = decoded.children(Row.SPAN, Row.EVENT)
    offsets, events = gather(of_span.offsets, chosen)
    times = fixed("DateTime64(9)", decoded.rows.cell(Row.EVENT, "time_unix_ns")[events])
    names = decoded.names(Row.EVENT, "name", events)
    return [
        ("Events.Timestamp", nested(offsets, times)),
        ("Events.Name", nested(offsets, names)),
        ("Events.Attributes", nested(offsets, decoded.attributes(Row.EVENT, events))),
    ]


def _links(decoded: Decoded, chosen: Indices) -> NamedColumns:
    of_span = decoded.children(Row.SPAN, Row.LINK)
    offsets, links = gather(of_span.offsets, chosen)

    def of_link(name: str) -> Indices:
        return decoded.rows.cell(Row.LINK, name)[links]

    return [
        ("Links.TraceId", nested(offsets, decoded.ids(of_link("trace_id")))),
        ("Links.SpanId", nested(offsets, decoded.ids(of_link("span_id")))),
        ("Links.TraceState", nested(offsets, decoded.strings(of_link("trace_state")))),
        ("Links.Attributes", nested(offsets, decoded.attributes(Row.LINK, links))),
    ]


def severity_numbers(decoded: Decoded) -> Indices:
    """Return for every log record its severity, 0 where it is none of OpenTelemetry's."""
    number = decoded.rows.cell(Row.LOG, "severity_number")
    return np.where((number >= 0) & (number <= 24), number, 0)


def log_columns(decoded: Decoded, chosen: Indices, unit_id: str) -> NamedColumns:
    """Return the columns of otel_logs for some records."""
    rows = decoded.rows
    scope, group, request = decoded.ancestry(rows.owner(Row.LOG)[chosen])
    instants = log_instants(decoded)[chosen]
    shape_codes, shape_ids = decoded.shapes

    def of_log(name: str) -> Indices:
        return rows.cell(Row.LOG, name)[chosen]

    return [
        ("Timestamp", fixed("DateTime64(9)", instants)),
        ("TimestampTime", fixed("DateTime", seconds(instants).astype(np.uint32))),
        ("TraceId", decoded.ids(of_log("trace_id"))),
        ("SpanId", decoded.ids(of_log("span_id"))),
        ("TraceFlags", fixed("UInt8", (of_log("flags") & 255).astype(np.uint8))),
        ("SeverityText", decoded.names(Row.LOG, "severity_text", chosen)),
        ("SeverityNumber", fixed("UInt8", severity_numbers(decoded)[chosen].astype(np.uint8))),
        ("ServiceName", decoded.services(group)),
        ("Body", decoded.strings(decoded.body_text[chosen])),
        ("ResourceSchemaUrl", decoded.names(Row.GROUP, "schema_url", group)),
        ("ResourceText", decoded.resources(group)),
        ("ScopeSchemaUrl", decoded.names(Row.SCOPE_GROUP, "schema_url", scope)),
        ("ScopeName", decoded.names(Row.SCOPE_GROUP, "name", scope)),
        ("ScopeVersion", decoded.names(Row.SCOPE_GROUP, "version", scope)),
        ("ScopeAttributes", decoded.attributes(Row.SCOPE_GROUP, scope)),
        ("LogAttributes", decoded.attributes(Row.LOG, chosen)),
        ("EventName", decoded.names(Row.LOG, "event_name", chosen)),
        ("ShapeId", fixed("UInt64", shape_ids[shape_codes[chosen]])),
        *receipt_columns(decoded, request, unit_id),
    ]
