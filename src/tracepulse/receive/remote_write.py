"""
What both versions of Prometheus' remote write share on their way into OTLP.

The bytes are read by hand: an object for each label and each sample would cost several times more
than everything else.

Source:
    https://prometheus.io/docs/specs/prw/remote_write_spec/ and …/remote_write_spec_2_0/
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracepulse.errors import LimitExceeded
from tracepulse.receive.admission import UNREADABLE
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.native_histograms import HistogramRefused, write_histogram
from tracepulse.receive.otlp_bytes import fixed64
from tracepulse.receive.prometheus_series import Family, PointWriter, Series, SeriesMemory
from tracepulse.receive.receiver import Converted
from tracepulse.receive.wire_fields import fields, read_varint

__all__ = ["NO_NAME", "ZERO", "Label", "Written", "check_count", "field_end", "parts", "text_of"]

NO_NAME = "series_without_name"
ZERO = bytes(8)
"""The value 0, which protobuf leaves out."""
_STALE = bytes.fromhex("020000000000f07f")
"""The one NaN by which Prometheus says that a series has ended, little-endian."""
_LATEST_MS = (2**63 - 1) // 1_000_000
_MAX_LABELS = 256
_MOST_BYTES = 64 * 1024 * 1024
"""Of labels written out. Those of a series stand in each of its points, and texts of version 2.0 are
sent once for any number of series, so that a small request could fill the memory."""

Label = tuple[str | None, str | None]
"""Name and value; None for what is not UTF-8."""


@dataclass(slots=True)
class Written:
    """A request on its way into OTLP."""

    memory: SeriesMemory
    writer: PointWriter = field(default_factory=PointWriter)
    samples: int = 0
    """Points of numbers that were written."""
    histograms: int = 0
    """Native histograms that were written."""
    rejected: Counter[str] = field(default_factory=Counter)
    example: str = ""
    spent_bytes: int = 0
    """What labels and histograms took so far."""
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

    def spend(self, size: int) -> None:
        """Note bytes that are about to be made; raises LimitExceeded where they are too many."""
        self.spent_bytes += size
        if self.spent_bytes > _MOST_BYTES:
            raise LimitExceeded(
                f"labels of more than {_MOST_BYTES:,} bytes once written out:"
                " lower max_samples_per_send"
            )

    def time(self, raw: bytes) -> bytes:
        """Return a varint of ms since 1970 as eight bytes of ns."""
        found = self.times.get(raw)
        if found is None:
            found = self.times[raw] = fixed64(unix_ns(read_varint(raw, 0)[0]))
        return found

    def quick_sample(self, series: Series, sample: bytes) -> bool:
        """
        Write a sample as Prometheus writes it: a value, unless it is 0, and an instant of six bytes.

        Returns False, with nothing done, for one that is written in any other way. Six bytes do from
        2004 to 2109.
        """
        if len(sample) == 16 and sample[0] == 0x09 and sample[9] == 0x10:
            value, stamp = sample[1:9], sample[10:]
        elif len(sample) == 7 and sample[0] == 0x10:
            value, stamp = ZERO, sample[1:]
        else:
            return False
        time = self.times.get(stamp)
        if time is None:
            if stamp[5] >= 0x80 or min(stamp[:5]) < 0x80:
                return False
            time = self.time(stamp)
        points = self.writer.points(series.group)
        if value == _STALE:
            points.append(series.stale(time))
        else:
            points.append(series.head + time + b"\x21" + value)
        self.samples += 1
        return True

    def series(
        self, key: Hashable, labels: Sequence[Label], records: int, family: Family | None = None
    ) -> Series | None:
        """Return what labels become; None where they cannot be used, which is counted."""
        if len(labels) > _MAX_LABELS or any(None in pair for pair in labels):
            self.refuse(UNREADABLE, records, "labels that are not UTF-8, or too many")
            return None
        read: tuple[Any, ...] = tuple(labels)
        made = self.memory.series(key, read, family)
        if made is None:
            self.refuse(NO_NAME, records, "a series without the label __name__")
        return made

    def put(
        self,
        series: Series,
        samples: Sequence[memoryview],
        histograms: Sequence[memoryview],
        start_unix_ns: int = 0,
        family: Family | None = None,
    ) -> None:
        """
        Write what a series holds, whatever it looks like; histograms may be refused.

        Raises:
            LimitExceeded: it takes too much room, as labels stand in every point.
        """
        self.spend(len(series.head) * (len(samples) + len(histograms)))
        for sample in samples:
            self.writer.points(series.group).append(self._point(series, sample, start_unix_ns))
            self.samples += 1
        for message in histograms:
            name = dict(series.labels)["__name__"]
            told = self.memory.family(name) if family is None else family
            try:
                data, point = write_histogram(message, series.labels, start_unix_ns)
            except HistogramRefused as refusal:
                self.refuse(refusal.reason, 1, f"{name}: {refusal}")
                continue
            self.spend(len(point))
            group = self.memory.group(series.labels, told, data)
            self.writer.points(group).append(point)
            self.histograms += 1

    def _point(self, series: Series, sample: memoryview, start_unix_ns: int) -> bytes:
        value, time, start = ZERO, ZERO, start_unix_ns
        for number, wire, part in parts(sample):
            match number, wire:
                case 1, 1:
                    value = bytes(part)
                case 2, 0:
                    time = self.time(bytes(part))
                case 3, 0:  # version 2.0: when the total began
                    start = unix_ns(read_varint(part, 0)[0])
        if value == _STALE:
            return series.stale(time)
        if start:
            return series.started(start, time, value)
        return series.head + time + b"\x21" + value


def unix_ns(milliseconds: int) -> int:
    """Return an instant; one before 1970 as 0, so that it gets the time of receipt."""
    return milliseconds * 1_000_000 if milliseconds <= _LATEST_MS else 0


def parts(message: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yield number, wire type and value of each field; raises MalformedBody."""
    for number, wire, value, _ in fields(message):
        yield number, wire, value


def field_end(body: bytes, pos: int) -> int:
    """Return where the field at `pos` ends; raises MalformedBody."""
    _, _, _, whole = next(fields(memoryview(body)[pos:]))
    return pos + len(whole)


def text_of(raw: bytes | memoryview) -> str | None:
    """Return a text; None where it is not UTF-8."""
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError:
        return None


def check_count(series: int) -> None:
    """Raise LimitExceeded where a request holds too many series."""
    if series > SERVER_LIMITS.records:
        raise LimitExceeded(
            f"{series:,} series in one request; at most {SERVER_LIMITS.records:,}:"
            " lower max_samples_per_send"
        )
