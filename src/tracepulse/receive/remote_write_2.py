"""
Remote write 2.0 of Prometheus, `io.prometheus.write.v2.Request`: one table of texts in a request.

Source:
    https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
    prompb/io/prometheus/write/v2/types.proto of Prometheus
"""

from tracepulse.errors import MalformedBody
from tracepulse.receive.admission import UNREADABLE
from tracepulse.receive.prometheus_series import Family, SeriesMemory
from tracepulse.receive.remote_write import (
    Written,
    check_count,
    field_end,
    parts,
    text_of,
    unix_ns,
)
from tracepulse.receive.wire_fields import read_varint

__all__ = ["write_remote_2"]

_TEXT_BYTES = 1024
"""Of help and unit; more of them is not kept anyway."""
_Metadata = tuple[int, bytes, bytes]
"""Type, help and unit."""


def write_remote_2(body: bytes, memory: SeriesMemory) -> Written:
    """
    Read a request.

    A reference to a text that is not there costs its series.

    Args:
        memory: of earlier requests; it learns.
    Raises:
        MalformedBody: it is no such message.
        LimitExceeded: it holds more series than are read.
    """
    symbols: list[bytes] = []
    series: list[bytes] = []
    pos, end = 0, len(body)
    while pos < end:
        tag = body[pos]
        if tag not in (0x22, 0x2A):
            pos = field_end(body, pos)
            continue
        if pos + 1 < end and body[pos + 1] < 0x80:  # most texts and series; without a call
            begin = pos + 2
            pos = begin + body[pos + 1]
        else:
            size, begin = read_varint(body, pos + 1)
            pos = begin + size
        if pos > end:
            raise MalformedBody(f"cut off at byte {begin}")
        (symbols if tag == 0x22 else series).append(body[begin:pos])
    check_count(len(series))
    reading = _Reading(symbols, Written(memory))
    for message in series:
        if not reading.quick_series(message):
            reading.series(message)
    return reading.written


class _Reading:
    """The series of one request, and the texts that they refer to."""

    __slots__ = ("_metadata", "_symbols", "written")

    def __init__(self, symbols: list[bytes], written: Written) -> None:
        self.written = written
        self._symbols = symbols
        self._metadata: dict[bytes, _Metadata | None] = {}

    def quick_series(self, message: bytes) -> bool:
        """
        Write a series that is known and holds one sample and metadata, as Prometheus writes it.

        Returns False, with nothing done, for every other.
        """
        size = len(message)
        if size < 4 or message[0] != 0x0A or message[1] >= 0x80:
            return False
        at = message[1] + 2
        if at + 1 >= size or message[at] != 0x12:
            return False
        end = at + 2 + message[at + 1]
        rest = message[end:]
        metadata = self._metadata.get(rest)
        if metadata is None:
            metadata = self._metadata[rest] = self._only_metadata(rest)
        if metadata is None or end > size:
            return False
        symbols = self._symbols
        try:
            key = (*metadata, *[symbols[ref] for ref in _numbers(message[2:at])])
        except IndexError:
            return False
        series = self.written.memory.known.get(key)
        return series is not None and self.written.quick_sample(series, message[at + 2 : end])

    def _only_metadata(self, rest: bytes) -> _Metadata | None:
        """Read what stands behind a sample; None unless it is metadata or nothing."""
        found = list(parts(memoryview(rest)))
        if not found:
            return 0, b"", b""
        if len(found) > 1 or found[0][:2] != (5, 2):
            return None
        try:
            return self._told(found[0][2])
        except IndexError:
            return None

    def series(self, message: bytes) -> None:
        """Read any series."""
        refs: list[int] = []
        samples: list[memoryview] = []
        histograms: list[memoryview] = []
        metadata: memoryview | None = None
        started = 0
        for number, wire, value in parts(memoryview(message)):
            match number, wire:
                case 1, 2:
                    refs += _numbers(bytes(value))
                case 1, 0:
                    refs.append(read_varint(value, 0)[0])
                case 2, 2:
                    samples.append(value)
                case 3, 2:
                    histograms.append(value)
                case 5, 2:
                    metadata = value
                case 6, 0:
                    started = unix_ns(read_varint(value, 0)[0])
        records = len(samples) + len(histograms)
        try:
            texts = [self._symbols[ref] for ref in refs]
            told = self._told(metadata)
        except IndexError:
            why = "a reference to a text that is not in the request"
            self.written.refuse(UNREADABLE, records, why)
            return
        if len(texts) % 2:
            self.written.refuse(UNREADABLE, records, "a label without a value")
            return
        self.written.spend(sum(map(len, texts)))
        family = Family(told[0], text_of(told[1]) or "", text_of(told[2]) or "")
        key = (*told, *texts)
        found = self.written.memory.known.get(key)
        if found is None:
            decoded = [text_of(text) for text in texts]
            labels = list(zip(decoded[::2], decoded[1::2], strict=True))
            found = self.written.series(key, labels, records, family)
        if found is not None:
            self.written.put(found, samples, histograms, started, family)

    def _told(self, message: memoryview | None) -> _Metadata:
        """Return what metadata says; raises IndexError where a reference leads nowhere."""
        if message is None:
            return 0, b"", b""
        told = {
            number: read_varint(value, 0)[0] for number, wire, value in parts(message) if not wire
        }
        help_ref, unit_ref = told.get(3, 0), told.get(4, 0)
        return (
            told.get(1, 0),
            _short(self._symbols[help_ref]) if help_ref else b"",
            _short(self._symbols[unit_ref]) if unit_ref else b"",
        )


def _short(text: bytes) -> bytes:
    return (
        text if len(text) <= _TEXT_BYTES else text[:_TEXT_BYTES].decode("utf-8", "ignore").encode()
    )


def _numbers(packed: bytes) -> list[int]:
    """Return the numbers of a packed list, of which most have one byte or two."""
    if not packed or max(packed) < 0x80:
        return list(packed)
    numbers = []
    low = -1
    for byte in packed:
        if low >= 0:
            if byte >= 0x80:
                return _any_numbers(packed)
            numbers.append(low | byte << 7)
            low = -1
        elif byte < 0x80:
            numbers.append(byte)
        else:
            low = byte & 0x7F
    if low >= 0:
        raise MalformedBody("cut off inside a reference to a text")
    return numbers


def _any_numbers(packed: bytes) -> list[int]:
    numbers, pos = [], 0
    while pos < len(packed):
        number, pos = read_varint(packed, pos)
        numbers.append(number)
    return numbers
