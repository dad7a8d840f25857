"""
Prometheus' remote write, both versions, as OTLP.

The bytes are read by hand: an object for each label and each sample would cost several times more than
everything else. Version 1.0 spells each series' labels out; version 2.0 has one table of texts in a request.

Source:
    https://prometheus.io/docs/specs/prw/remote_write_spec/ and …/remote_write_spec_2_0/
    prompb/remote.proto, prompb/types.proto and prompb/io/prometheus/write/v2/types.proto of Prometheus
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.admission import UNREADABLE
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.native_histograms import HistogramRefused, write_histogram
from tracepulse.receive.otlp_bytes import fixed64
from tracepulse.receive.prometheus_series import (
    Family,
    MetricType,
    PointWriter,
    Series,
    SeriesMemory,
)
from tracepulse.receive.receiver import Converted
from tracepulse.receive.wire_fields import fields, read_varint

__all__ = ["NO_NAME", "Written", "write_remote_1", "write_remote_2"]

NO_NAME = "series_without_name"
_STALE = bytes.fromhex("020000000000f07f")
"""The one NaN by which Prometheus says that a series has ended, little-endian."""
_ZERO = bytes(8)
_LATEST_MS = (2**63 - 1) // 1_000_000
_MAX_LABELS = 256


@dataclass(slots=True)
class Written:
    """A request on its way into OTLP."""

    memory: SeriesMemory
    writer: PointWriter = field(default_factory=PointWriter)
    samples: int = 0
    """Points of numbers that were written."""
    histograms: int = 0
    """Native histograms that were written."""
    exemplars: int = 0
    """Exemplars that came; they are not kept."""
    rejected: Counter[str] = field(default_factory=Counter)
    example: str = ""
    times: dict[bytes, bytes] = field(default_factory=dict)
    """Instants by their bytes in the request; the samples of a scrape share theirs."""

    def converted(self) -> Converted:
        """Return the request of OTLP."""
        return Converted("metrics", self.writer.to_bytes(), self.rejected, self.example)

    def refuse(self, reason: str, records: int, example: str) -> None:
        """Count records that cannot be kept."""
        if records:
            self.rejected[reason] += records
            self.example = self.example or example

    def time(self, raw: bytes) -> bytes:
        """Return a varint of ms since 1970 as eight bytes of ns."""
        found = self.times.get(raw)
        if found is None:
            found = self.times[raw] = fixed64(_unix_ns(read_varint(raw, 0)[0]))
        return found


def _unix_ns(milliseconds: int) -> int:
    """Return an instant; one before 1970 as 0, so that it gets the time of receipt."""
    return milliseconds * 1_000_000 if milliseconds <= _LATEST_MS else 0


def _parts(message: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    for number, wire, value, _ in fields(message):
        yield number, wire, value


def write_remote_1(body: bytes, memory: SeriesMemory) -> Written:
    """
    Read a `prometheus.WriteRequest`.

    Args:
        memory: of earlier requests; it learns.
    Raises:
        MalformedBody: it is no such message.
        LimitExceeded: it holds more series than are read.
    """
    told = _metadata_1(body)
    if told:
        memory.learn(told)
    written = Written(memory)
    known, writer, times, end = memory.known, written.writer, written.times, len(body)
    pos = count = 0
    while pos < end:
        if body[pos] != 0x0A:
            pos = _behind(body, pos)
            continue
        size, pos = read_varint(body, pos + 1)
        stop = pos + size
        if stop > end:
            raise MalformedBody(f"cut off inside a series at byte {pos}")
        count += 1
        # A series that is known with one sample behind its labels, as Prometheus writes it: a value
        # and an instant of six bytes (until 2109), or for the value 0 the instant alone.
        tail = body[stop - 18 : stop]
        series = known.get(body[pos : stop - 18])
        if series is not None and tail[:3] == b"\x12\x10\x09" and tail[11] == 0x10:
            value, stamp = tail[3:11], tail[12:]
        else:
            tail = body[stop - 9 : stop]
            series = known.get(body[pos : stop - 9])
            value, stamp = _ZERO, tail[3:]
            if tail[:3] != b"\x12\x07\x10":
                series = None
        time = times.get(stamp) or _six_bytes(written, stamp)
        if series is None or time is None:
            _series_1(memoryview(body)[pos:stop], written)
            pos = stop
            continue
        points = writer.points(series.group)
        if value == _STALE:
            points.append(series.stale(time))
        else:
            points.append(series.head + time + b"\x21" + value)
        written.samples += 1
        pos = stop
    _check_count(count)
    return written


def _six_bytes(written: Written, stamp: bytes) -> bytes | None:
    """Return an instant that fills its six bytes; None for one that does not."""
    if len(stamp) == 6 and stamp[5] < 0x80 and all(byte >= 0x80 for byte in stamp[:5]):
        return written.time(stamp)
    return None


def _behind(body: bytes, pos: int) -> int:
    """Return where the field at `pos` ends; raises MalformedBody."""
    _, _, _, whole = next(fields(memoryview(body)[pos:]))
    return pos + len(whole)


def _check_count(series: int) -> None:
    if series > SERVER_LIMITS.records:
        raise LimitExceeded(
            f"{series:,} series in one request; at most {SERVER_LIMITS.records:,}:"
            " lower max_samples_per_send"
        )


def _metadata_1(body: bytes) -> dict[str, Family]:
    """Return what a request of version 1.0 tells of metrics, by name; most tell nothing."""
    told: dict[str, Family] = {}
    pos = 0
    while pos < len(body):
        if body[pos] == 0x0A:
            size, pos = read_varint(body, pos + 1)
            pos += size
            continue
        for number, wire, value in _parts(memoryview(body)[pos : _behind(body, pos)]):
            if (number, wire) == (3, 2):
                given = {n: v for n, w, v in _parts(value) if w == (0 if n == 1 else 2)}
                name, help_text, unit = (_text(given.get(n, b"")) for n in (2, 4, 5))
                kind = read_varint(given[1], 0)[0] if 1 in given else MetricType.UNKNOWN
                told[name or ""] = Family(kind, help_text or "", unit or "")
        pos = _behind(body, pos)
    return told


def _text(raw: bytes | memoryview) -> str | None:
    """Return a text; None where it is not UTF-8."""
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError:
        return None


def _series_1(message: memoryview, written: Written) -> None:
    """Read a series that is not known, or that has something else than one sample."""
    labels: list[tuple[str | None, str | None]] = []
    samples: list[memoryview] = []
    histograms: list[memoryview] = []
    own, in_front, scattered = 0, True, False
    for number, wire, value, whole in fields(message):
        if number != 1 or wire != 2:
            in_front = False
        if wire != 2:
            continue
        if number == 1:
            pair = {n: v for n, w, v in _parts(value) if w == 2}
            labels.append((_text(pair.get(1, b"")), _text(pair.get(2, b""))))
            own += len(whole)
            scattered = scattered or not in_front
        elif number == 2:
            samples.append(value)
        elif number == 3:
            written.exemplars += 1
        elif number == 4:
            histograms.append(value)
    # Where the labels lie before everything else they are the beginning of the message.
    key = None if scattered else bytes(message[:own])
    series = _made(written, key, labels, len(samples) + len(histograms))
    if series is not None:
        _put(written, series, samples, histograms, 0)


def _made(
    written: Written,
    key: Any,
    labels: list[tuple[str | None, str | None]],
    records: int,
    family: Family | None = None,
) -> Series | None:
    """Return what labels become; None where they cannot be used, which is counted."""
    if len(labels) > _MAX_LABELS or any(None in pair for pair in labels):
        written.refuse(UNREADABLE, records, "labels that are not UTF-8, or too many")
        return None
    read: tuple[Any, ...] = tuple(labels)
    size = len(key) if isinstance(key, bytes) else 64 * len(labels)
    made = written.memory.series(key, size, read, family)
    if made is None:
        written.refuse(NO_NAME, records, "a series without the label __name__")
    return made


def _put(
    written: Written,
    series: Series,
    samples: list[memoryview],
    histograms: list[memoryview],
    start_unix_ns: int,
    family: Family | None = None,
) -> None:
    if samples:
        points = written.writer.points(series.group)
        for sample in samples:
            points.append(_point(written, series, sample, start_unix_ns))
            written.samples += 1
    for message in histograms:
        name = dict(series.labels)["__name__"]
        told = written.memory.family(name) if family is None else family
        try:
            data, point = write_histogram(message, series.labels, start_unix_ns)
        except HistogramRefused as refusal:
            written.refuse(refusal.reason, 1, f"{name}: {refusal}")
            continue
        group = written.memory.group(series.labels, told, data)
        written.writer.points(group).append(point)
        written.histograms += 1


def _point(written: Written, series: Series, sample: memoryview, start_unix_ns: int) -> bytes:
    value, time, start = _ZERO, _ZERO, start_unix_ns
    for number, wire, part in _parts(sample):
        if (number, wire) == (1, 1):
            value = bytes(part)
        elif (number, wire) == (2, 0):
            time = written.time(bytes(part))
        elif (number, wire) == (3, 0):  # version 2.0: when the total began
            start = _unix_ns(read_varint(part, 0)[0])
    if value == _STALE:
        return series.stale(time)
    if start:
        return series.started(start, time, value)
    return series.head + time + b"\x21" + value


def write_remote_2(body: bytes, memory: SeriesMemory) -> Written:
    """
    Read an `io.prometheus.write.v2.Request`; arguments and errors are those of `write_remote_1`.

    A reference to a text that is not there costs its series.
    """
    written = Written(memory)
    symbols: list[bytes] = []
    series: list[tuple[int, int]] = []
    pos, end = 0, len(body)
    while pos < end:
        tag = body[pos]
        if tag not in (0x22, 0x2A):
            pos = _behind(body, pos)
            continue
        size, pos = read_varint(body, pos + 1)
        stop = pos + size
        if stop > end:
            raise MalformedBody(f"cut off at byte {pos}")
        if tag == 0x22:
            symbols.append(body[pos:stop])
        else:
            series.append((pos, stop))
        pos = stop
    _check_count(len(series))
    for start, stop in series:
        _series_2(body, start, stop, symbols, written)
    return written


def _series_2(body: bytes, start: int, stop: int, symbols: list[bytes], written: Written) -> None:
    refs: list[int] = []
    samples: list[memoryview] = []
    histograms: list[memoryview] = []
    metadata: memoryview | None = None
    started = 0
    for number, wire, value, _ in fields(memoryview(body)[start:stop]):
        match number, wire:
            case 1, 2:
                refs += _numbers(bytes(value))
            case 1, 0:
                refs.append(read_varint(value, 0)[0])
            case 2, 2:
                samples.append(value)
            case 3, 2:
                histograms.append(value)
            case 4, 2:
                written.exemplars += 1
            case 5, 2:
                metadata = value
            case 6, 0:
                started = _unix_ns(read_varint(value, 0)[0])
    records = len(samples) + len(histograms)
    try:
        texts = [symbols[ref] for ref in refs]
        kind, help_text, unit = _metadata_2(metadata, symbols)
    except IndexError:
        written.refuse(UNREADABLE, records, "a reference to a text that is not in the request")
        return
    if len(texts) % 2:
        written.refuse(UNREADABLE, records, "a label without a value")
        return
    key = (kind, help_text, unit, *texts)
    series = written.memory.known.get(key)
    family = None
    if series is None or histograms:
        family = Family(kind, _text(help_text) or "", _text(unit) or "")
    if series is None:
        decoded = [_text(text) for text in texts]
        labels = list(zip(decoded[::2], decoded[1::2], strict=True))
        series = _made(written, key, labels, records, family)
    if series is not None:
        _put(written, series, samples, histograms, started, family)


def _metadata_2(message: memoryview | None, symbols: list[bytes]) -> tuple[int, bytes, bytes]:
    """Return type, help and unit; raises IndexError where a reference leads nowhere."""
    if message is None:
        return 0, b"", b""
    told = {number: read_varint(value, 0)[0] for number, wire, value in _parts(message) if not wire}
    help_ref, unit_ref = told.get(3, 0), told.get(4, 0)
    return (
        told.get(1, 0),
        symbols[help_ref] if help_ref else b"",
        symbols[unit_ref] if unit_ref else b"",
    )


def _numbers(packed: bytes) -> list[int]:
    """Return the numbers of a packed list; most requests have less than 128 texts, or not many more."""
    if not packed or max(packed) < 0x80:
        return list(packed)
    numbers, pos = [], 0
    while pos < len(packed):
        number, pos = read_varint(packed, pos)
        numbers.append(number)
    return numbers
