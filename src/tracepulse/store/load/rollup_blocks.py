"""
Rows of the roll-ups, worked out from the same columns as the rows of the tables.

Each block ends in a *marker*: a row that counts nothing and is named after what was loaded. As a
block becomes one part, the marker is there if and only if the rest is; after a crash it says whether
this roll-up has been loaded. Readers leave markers out (`MARKER_KIND`, `MARKER_SEVERITY`).
"""

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracepulse.receive.wire_fields import encode_varint
from tracepulse.store.load.blocks import (
    SPAN_KINDS,
    STATUS_CODES,
    NamedColumns,
    fixed_names,
    http_status,
    log_instants,
    root_spans,
    seconds,
    severity_numbers,
    span_durations,
    span_kind_codes,
    status_codes,
)
from tracepulse.store.load.decoded import Decoded, Indices
from tracepulse.store.load.groups import group, minima, sums
from tracepulse.store.load.native import (
    Column,
    constant,
    fixed,
    low_cardinality,
    mapping,
    plain_strings,
)
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.texts import bytes_at, dictionary, renumber
from tracepulse.store.load.units import Unit

__all__ = [
    "MARKER_KIND",
    "MARKER_SEVERITY",
    "OTHER",
    "ByTrust",
    "Vocabulary",
    "log_bins",
    "span_bins",
    "span_minutes",
]

MARKER_KIND = "segment"
MARKER_SEVERITY = 255
OTHER = "__other__"
"""Stands for what came too late to be counted under its own name."""
_NEVER_UNIX_NS = 9_214_646_400 * 1_000_000_000
"""2262-01-01: where there is no first error; it does not hide a real one when rows are merged."""
_BIN_S, _MINUTE_S = 5, 60
_WARN = 13
_KINDS = (*SPAN_KINDS, MARKER_KIND)
_ERROR = STATUS_CODES.index("Error")
_INTERNAL = SPAN_KINDS.index("Internal")


_HOUR_S = 3600.0


@dataclass(slots=True)
class Vocabulary:
    """
    The names under which things are counted, and no more of them than memory allows.

    A system that puts ids into its services' or operations' names would else make a roll-up as large
    as what it sums up. Rows of the tables keep their own names whatever stands here. Every hour it
    begins anew, so that a flood of names passes.
    """

    services: int = 1_000
    names_per_service: int = 5_000
    most_bytes: int = 32 * 1024 * 1024
    _known: dict[bytes, set[bytes]] = field(default_factory=dict)
    _bytes: int = 0
    _since_s: float = field(default_factory=time.monotonic)

    def is_known(self, service: bytes, name: bytes) -> tuple[bool, bool]:
        """Say whether a service, and a name within it, are counted as themselves; learn them."""
        names = self._known.get(service)
        if names is not None and name in names:
            return True, True
        if time.monotonic() - self._since_s > _HOUR_S:
            self._known, self._bytes, self._since_s = {}, 0, time.monotonic()
            names = None
        is_full = self._bytes > self.most_bytes
        if names is None:
            if len(self._known) >= self.services or is_full:
                return False, False
            names = self._known[service] = set()
            self._bytes += len(service)
        if len(names) >= self.names_per_service or is_full:
            return True, False
        names.add(name)
        self._bytes += len(name)
        return True, True


@dataclass(slots=True)
class ByTrust:
    """A vocabulary for each trust: strangers with a browser key cannot use up the servers' names."""

    by_trust: dict[bytes, Vocabulary] = field(default_factory=dict)

    def of(self, trust: bytes) -> Vocabulary:
        """Return the vocabulary of a trust."""
        return self.by_trust.setdefault(trust, Vocabulary())


@dataclass(frozen=True, slots=True)
class _Names:
    """Distinct texts, with two of our own behind them."""

    codes: NDArray[np.int32]
    """Of each row."""
    texts: list[bytes]
    """The last two are `OTHER` and the marker's."""

    @property
    def other(self) -> int:
        return len(self.texts) - 2

    @property
    def marker(self) -> int:
        return len(self.texts) - 1

    def column(self, codes: Indices) -> Column:
        """Return a column of texts by number."""
        keys = np.frombuffer(b"".join(map(_encoded, self.texts)), np.uint8)
        return low_cardinality(codes.astype(np.int32), keys, len(self.texts))

    def plain_column(self, codes: Indices) -> Column:
        """Return a column of texts as they are."""
        encoded = [_encoded(each) for each in self.texts]
        return plain_strings(np.frombuffer(b"".join(encoded[c] for c in codes.tolist()), np.uint8))


def _encoded(text: bytes) -> bytes:
    return encode_varint(len(text)) + text


def _names(
    text: NDArray[np.uint8],
    codes: NDArray[np.int32],
    distinct: Indices,
    chosen: Indices,
    marker: str,
) -> _Names:
    """Number the texts that some rows have; `marker` is the text of the marker's row."""
    codes, kept = renumber(codes[chosen], len(distinct))
    texts = [bytes_at(text, place) for place in distinct[kept].tolist()]
    return _Names(codes, [*texts, OTHER.encode(), marker.encode()])


def _bounded(
    services: _Names, names: _Names, trusts: _Names, vocabularies: ByTrust
) -> tuple[Indices, Indices]:
    """Return for each row the numbers of its service and name, or of `OTHER` past the bounds."""
    pairs, first = group(services.codes, names.codes, trusts.codes)
    of_service = services.codes[first].astype(np.int64)
    of_name = names.codes[first].astype(np.int64)
    of_trust = trusts.codes[first].tolist()
    rows = zip(of_service.tolist(), of_name.tolist(), of_trust, strict=True)
    for n, (service, name, trust) in enumerate(rows):
        vocabulary = vocabularies.of(trusts.texts[trust])
        service_known, name_known = vocabulary.is_known(services.texts[service], names.texts[name])
        if not service_known:
            of_service[n] = services.other
        if not name_known:
            of_name[n] = names.other
    return of_service[pairs], of_name[pairs]


def _with(values: NDArray[np.integer], marker: int, kind: type) -> NDArray[np.generic]:
    """Put the marker's value behind the others."""
    return np.append(values, marker).astype(kind)


def _frame(unit: Unit, starts: Indices, width_s: int, name: str) -> NamedColumns:
    """Return the columns that every roll-up begins with; the marker's bin is the time of the load."""
    loaded = int(time.time()) // width_s * width_s
    return [
        ("DataSet", constant(unit.data_set, len(starts) + 1)),
        # A Date ends in 2149; a clock may be wrong beyond that.
        ("ReceivedOn", fixed("Date", np.full(len(starts) + 1, min(unit.day, 65_535), np.uint16))),
        (name, fixed("DateTime", _with(starts, loaded, np.uint32))),
    ]


def _starts(instants: Indices, width_s: int) -> Indices:
    return seconds(instants) // width_s * width_s


def _span_names(decoded: Decoded, unit: Unit, chosen: Indices) -> tuple[_Names, _Names, _Names]:
    _, group_of_span, request = decoded.ancestry(decoded.rows.owner(Row.SPAN)[chosen])
    return (
        _names(decoded.text, *decoded.service_codes(), group_of_span, ""),
        _names(decoded.text, *decoded.codes(Row.SPAN, "name"), chosen, unit.unit_id),
        _names(decoded.text, *decoded.codes(Row.REQUEST, "trust"), request, ""),
    )


def span_bins(decoded: Decoded, unit: Unit, vocabularies: ByTrust) -> NamedColumns:
    """Return calls and failures by bins of five seconds."""
    kinds = span_kind_codes(decoded)[unit.chosen]
    is_root = root_spans(decoded, unit.chosen)
    served = (kinds != _INTERNAL) | is_root
    chosen, kinds, is_root = unit.chosen[served], kinds[served], is_root[served]
    services, names, trusts = _span_names(decoded, unit, chosen)
    service, name = _bounded(services, names, trusts, vocabularies)
    instants = decoded.rows.cell(Row.SPAN, "start_unix_ns")[chosen]
    starts = _starts(instants, _BIN_S)
    status = http_status(decoded, chosen)
    refused = (status >= 400) & (status <= 499)
    failed = ((status_codes(decoded)[chosen] == _ERROR) | (status >= 500)) & ~refused
    groups, first = group(starts, service, name, kinds * 2 + is_root)
    count = len(first)
    one = np.ones(len(groups), np.int64)
    first_error = minima(groups, instants, failed, count, _NEVER_UNIX_NS)
    first_refused = minima(groups, instants, refused, count, _NEVER_UNIX_NS)
    marker_kind = len(_KINDS) - 1
    return [
        *_frame(unit, starts[first], _BIN_S, "Bin"),
        ("ServiceName", services.column(np.append(service[first], services.marker))),
        ("SpanName", names.column(np.append(name[first], names.marker))),
        ("SpanKind", fixed_names(_KINDS, np.append(kinds[first], marker_kind))),
        ("IsRoot", fixed("UInt8", _with(is_root[first], 0, np.uint8))),
        ("Calls", fixed("UInt64", _with(sums(groups, one, count), 0, np.uint64))),
        ("Errors", fixed("UInt64", _with(sums(groups, failed * one, count), 0, np.uint64))),
        ("Refused", fixed("UInt64", _with(sums(groups, refused * one, count), 0, np.uint64))),
        ("FirstError", fixed("DateTime64(9)", _with(first_error, _NEVER_UNIX_NS, np.int64))),
        ("FirstRefused", fixed("DateTime64(9)", _with(first_refused, _NEVER_UNIX_NS, np.int64))),
    ]


def span_minutes(decoded: Decoded, unit: Unit, vocabularies: ByTrust) -> NamedColumns:
    """Return calls, errors and the spread of durations by minutes."""
    chosen = unit.chosen
    services, names, trusts = _span_names(decoded, unit, chosen)
    service, name = _bounded(services, names, trusts, vocabularies)
    kinds = span_kind_codes(decoded)[chosen]
    starts = _starts(decoded.rows.cell(Row.SPAN, "start_unix_ns")[chosen], _MINUTE_S)
    durations = span_durations(decoded)[chosen]
    groups, first = group(starts, service, name, kinds)
    count = len(first)
    one = np.ones(len(groups), np.int64)
    errors = (status_codes(decoded)[chosen] == _ERROR) * one
    marker_kind = len(_KINDS) - 1
    return [
        *_frame(unit, starts[first], _MINUTE_S, "Minute"),
        ("ServiceName", services.column(np.append(service[first], services.marker))),
        ("SpanName", names.column(np.append(name[first], names.marker))),
        ("SpanKind", fixed_names(_KINDS, np.append(kinds[first], marker_kind))),
        ("Calls", fixed("UInt64", _with(sums(groups, one, count), 0, np.uint64))),
        ("Errors", fixed("UInt64", _with(sums(groups, errors, count), 0, np.uint64))),
        ("DurationSumNs", fixed("UInt64", _with(sums(groups, durations, count), 0, np.uint64))),
        ("DurationBuckets", _buckets(groups, durations, count)),
    ]


def _buckets(groups: Indices, durations: Indices, count: int) -> Column:
    """Return for each group, and the marker, how many durations lie in which eighth of an octave."""
    eighths = np.floor(np.log2(durations.astype(np.float64) + 1) * 8).astype(np.int64)
    cells, first = group(groups, eighths)
    amounts = sums(cells, np.ones(len(cells), np.int64), len(first))
    order = np.lexsort((eighths[first], groups[first]))
    ends = np.cumsum(np.bincount(groups[first], minlength=count + 1))
    return mapping(
        ends,
        fixed("UInt16", eighths[first][order].astype(np.uint16)),
        fixed("UInt64", amounts[order].astype(np.uint64)),
    )


def log_bins(decoded: Decoded, unit: Unit, vocabularies: ByTrust) -> NamedColumns:
    """Return lines by bins of five seconds: by severity alone, from WARN on by shape as well."""
    chosen = unit.chosen
    rows = decoded.rows
    _, group_of_log, request = decoded.ancestry(rows.owner(Row.LOG)[chosen])
    severities = severity_numbers(decoded)[chosen]
    text, shape_of, distinct = decoded.shape_texts
    places = np.where(severities >= _WARN, distinct[shape_of[chosen]], 0)
    services = _names(decoded.text, *decoded.service_codes(), group_of_log, "")
    shapes = _names(text, *dictionary(text, places), np.arange(len(chosen)), unit.unit_id)
    trusts = _names(decoded.text, *decoded.codes(Row.REQUEST, "trust"), request, "")
    service, shape = _bounded(services, shapes, trusts, vocabularies)
    instants = log_instants(decoded)[chosen]
    starts = _starts(instants, _BIN_S)
    groups, first = group(starts, service, severities, shape, trusts.codes)
    count = len(first)
    lines = sums(groups, np.ones(len(groups), np.int64), count)
    every = np.ones(len(groups), np.bool_)
    first_line = minima(groups, instants, every, count, _NEVER_UNIX_NS)
    shape_codes = np.append(shape[first], shapes.marker)
    trust_codes = np.append(trusts.codes[first], trusts.marker)
    return [
        *_frame(unit, starts[first], _BIN_S, "Bin"),
        ("ServiceName", services.column(np.append(service[first], services.marker))),
        ("SeverityNumber", fixed("UInt8", _with(severities[first], MARKER_SEVERITY, np.uint8))),
        ("Shape", shapes.plain_column(shape_codes)),
        ("Trust", trusts.column(trust_codes)),
        ("Lines", fixed("UInt64", _with(lines, 0, np.uint64))),
        ("FirstLine", fixed("DateTime64(9)", _with(first_line, _NEVER_UNIX_NS, np.int64))),
    ]
