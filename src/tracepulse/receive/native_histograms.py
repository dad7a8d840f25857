"""
Native histograms of Prometheus as OTLP's histograms.

Both count in buckets whose bounds grow by 2^(2^-n); Prometheus leaves runs of empty buckets out and
numbers a bucket by its upper bound, OTLP by its lower one. Custom buckets (schema -53) are an ordinary
histogram with bounds.

Source:
    prompb/types.proto of Prometheus, message Histogram; opentelemetry/proto/metrics/v1/metrics.proto
    https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#exponential-histograms
"""

import struct
from collections.abc import Iterator, Sized
from typing import Any

from tracepulse.errors import MalformedBody
from tracepulse.receive.otlp_bytes import attribute_bytes, field_bytes, fixed64, varint
from tracepulse.receive.prometheus_series import Data
from tracepulse.receive.wire_fields import fields, read_varint

__all__ = ["HistogramRefused", "write_histogram"]

_CUSTOM = -53
_SCHEMAS = range(-4, 9)
_MAX_BUCKETS = 4_096
"""Between the first and the last bucket; Prometheus itself keeps to some hundred."""
_STALE_BITS = 0x7FF0000000000002
_LATEST_MS = (2**63 - 1) // 1_000_000
_UINT64 = range(2**64)
_64_BITS = 2**64 - 1
_MAX_BOUNDS = 16_384
"""Of custom buckets; Prometheus takes some hundred."""


class HistogramRefused(Exception):
    """One histogram cannot be kept; its text says why and `reason` under what it is counted."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


def write_histogram(
    message: memoryview, labels: tuple[tuple[str, str], ...], start_unix_ns: int
) -> tuple[Data, bytes]:
    """
    Return a histogram as a point, and of which metric.

    Args:
        labels: of its series.
        start_unix_ns: when it began to count; 0 is unknown.
    Raises:
        HistogramRefused: its counts are no whole numbers, or its buckets cannot be.
        MalformedBody: it is no such message.
    """
    given = _Given(message)
    start = given.start_unix_ns or start_unix_ns
    times = (b"\x11" + fixed64(start) if start else b"") + b"\x19" + fixed64(given.time_unix_ns)
    if given.schema == _CUSTOM:
        return Data.HISTOGRAM, _point(b"\x4a", labels, times + _custom(given))
    if given.schema not in _SCHEMAS:
        raise HistogramRefused("native_histogram_schema", f"schema {given.schema} is not known")
    return Data.EXPONENTIAL_HISTOGRAM, _point(b"\x0a", labels, times + _exponential(given))


class _Given:
    """The fields of a histogram."""

    def __init__(self, message: memoryview) -> None:
        self.count = self.zero_count = 0
        self.sum_bits = self.threshold_bits = 0
        self.schema = self.time_unix_ns = self.start_unix_ns = 0
        self.bounds: list[float] = []
        spans: dict[int, list[tuple[int, int]]] = {8: [], 11: []}
        counts: dict[int, list[Any]] = {9: [], 10: [], 12: [], 13: []}
        for number, wire, value, _ in fields(message):
            match number, wire:
                case ((1 | 6 | 4 | 15 | 17), 0):
                    self._whole(number, read_varint(value, 0)[0])
                case ((2 | 7 | 3 | 5), 1):
                    self._double(number, value)
                case ((8 | 11), 2):
                    spans[number].append(_span(value))
                    _check_length(spans[number], _MAX_BUCKETS)
                case ((9 | 12), 2):
                    for each in _varints(value):
                        counts[number].append(_signed(each))
                        _check_length(counts[number], _MAX_BUCKETS)
                case ((9 | 12), 0):
                    counts[number].append(_signed(read_varint(value, 0)[0]))
                    _check_length(counts[number], _MAX_BUCKETS)
                case ((10 | 13 | 16), 2):
                    if len(value) % 8:
                        raise MalformedBody("a list of numbers that is cut off")
                    _check_length(value[::8], _MAX_BOUNDS if number == 16 else _MAX_BUCKETS)
                    read = list(struct.unpack(f"<{len(value) // 8}d", value))
                    if number == 16:
                        self.bounds += read
                    else:
                        counts[number] += read
        self.negative = _buckets(spans[8], counts[9], counts[10])
        self.positive = _buckets(spans[11], counts[12], counts[13])

    def _whole(self, number: int, value: int) -> None:
        match number:
            case 1:
                self.count = value & _64_BITS
            case 6:
                self.zero_count = value & _64_BITS
            case 4:
                self.schema = _signed(value)
            case 15:
                self.time_unix_ns = value * 1_000_000 if value <= _LATEST_MS else 0
            case _:
                self.start_unix_ns = value * 1_000_000 if value <= _LATEST_MS else 0

    def _double(self, number: int, raw: memoryview) -> None:
        bits = int.from_bytes(raw, "little")
        match number:
            case 3:
                self.sum_bits = bits
            case 5:
                self.threshold_bits = bits
            case 2:
                self.count = _whole_number(struct.unpack("<d", raw)[0])
            case _:
                self.zero_count = _whole_number(struct.unpack("<d", raw)[0])

    @property
    def is_stale(self) -> bool:
        """Whether it says that its series has ended."""
        return self.sum_bits == _STALE_BITS


def _point(tag: bytes, labels: tuple[tuple[str, str], ...], rest: bytes) -> bytes:
    attributes = b"".join(
        attribute_bytes(tag, label, value) for label, value in labels if label != "__name__"
    )
    return field_bytes(b"\x0a", attributes + rest)


def _exponential(given: _Given) -> bytes:
    if given.is_stale:
        return b"\x50\x01"
    return b"".join(
        (
            b"\x21" + fixed64(given.count),
            b"\x29" + fixed64(given.sum_bits),
            b"\x30" + varint(_zigzag(given.schema)),
            b"\x39" + fixed64(given.zero_count),
            _exponential_buckets(b"\x42", *given.positive),
            _exponential_buckets(b"\x4a", *given.negative),
            b"\x71" + fixed64(given.threshold_bits),
        )
    )


def _exponential_buckets(tag: bytes, first: int, counts: list[int]) -> bytes:
    if not counts:
        return b""
    # Prometheus' bucket i ends at base^i, OTLP's begins there.
    offset = b"\x08" + varint(_zigzag(first - 1))
    return field_bytes(tag, offset + field_bytes(b"\x12", b"".join(map(varint, counts))))


def _custom(given: _Given) -> bytes:
    if given.is_stale:
        return b"\x50\x01"
    first, counts = given.positive
    wanted = len(given.bounds) + 1
    if first < 0 or first + len(counts) > wanted:
        raise HistogramRefused("native_histogram_buckets", "more buckets than bounds")
    every = [0] * first + counts
    every += [0] * (wanted - len(every))
    bounds = struct.pack(f"<{len(given.bounds)}d", *given.bounds)
    return b"".join(
        (
            b"\x21" + fixed64(given.count),
            b"\x29" + fixed64(given.sum_bits),
            field_bytes(b"\x32", b"".join(map(fixed64, every))),
            field_bytes(b"\x3a", bounds) if bounds else b"",
        )
    )


def _buckets(
    spans: list[tuple[int, int]], deltas: list[int], absolute: list[float]
) -> tuple[int, list[int]]:
    """Return the number of the first bucket and the counts from there on, empty ones too."""
    running, counts = 0, []
    for delta in deltas:
        running += delta
        counts.append(running)
    counts += [_whole_number(each) for each in absolute]
    if sum(length for _, length in spans) != len(counts):
        raise HistogramRefused("native_histogram_buckets", "spans and counts do not agree")
    if any(each not in _UINT64 for each in counts):
        raise HistogramRefused("native_histogram_buckets", "a count below zero")
    filled: list[int] = []
    place = 0
    for index, (offset, length) in enumerate(spans):
        if index:
            if offset < 0 or len(filled) + offset + length > _MAX_BUCKETS:
                raise HistogramRefused("native_histogram_buckets", "spans that are too far apart")
            filled += [0] * offset
        filled += counts[place : place + length]
        place += length
    if len(filled) > _MAX_BUCKETS:
        raise HistogramRefused("native_histogram_buckets", f"more than {_MAX_BUCKETS} buckets")
    return (spans[0][0] if spans else 0), filled


def _check_length(numbers: Sized, most: int) -> None:
    if len(numbers) > most:
        raise HistogramRefused("native_histogram_buckets", f"more than {most:,} buckets")


def _span(message: memoryview) -> tuple[int, int]:
    told = {n: read_varint(value, 0)[0] for n, wire, value, _ in fields(message) if wire == 0}
    return _signed(told.get(1, 0)), told.get(2, 0)


def _varints(packed: memoryview) -> Iterator[int]:
    pos = 0
    while pos < len(packed):
        number, pos = read_varint(packed, pos)
        yield number


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else -number * 2 - 1


def _whole_number(value: float) -> int:
    if value.is_integer() and 0 <= value < 2**64:
        return int(value)
    if int.from_bytes(struct.pack("<d", value), "little") == _STALE_BITS:
        return 0
    raise HistogramRefused("native_histogram_of_fractions", f"a count of {value}")
