"""
Series of Prometheus as OTLP's metrics, and the memory that makes the next request cheap.

A sender repeats the labels of each series with every sample. What they become (which resource, which
metric, which attributes as bytes) is therefore kept by the bytes in which they come; a sample then
costs a look-up and a join. The memory is bounded, and a request gives the same bytes with or without it.

Source:
    https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

from collections.abc import Hashable, Sequence
from enum import IntEnum
from itertools import islice
from threading import Lock
from typing import NamedTuple

from tracepulse.receive.otlp_bytes import (
    AttributeBytes,
    attribute_bytes,
    field_bytes,
    fixed64,
    varint,
)
from tracepulse.receive.service_names import service_name

__all__ = ["Data", "Family", "Group", "MetricType", "PointWriter", "Series", "SeriesMemory"]

_SERIES = 100_000
_MEMORY_BYTES = 96 * 1024 * 1024
"""A series of ten labels takes about 3 kB, so it is the bytes that bound large senders."""
_FAMILIES = 20_000
_HELP_BYTES = 512
_NAME_CHARACTERS = 256
"""Of names and units of metrics that are remembered."""
_REMEMBERED_BYTES = 4096
"""Of a series' labels; longer ones are rare, and read anew each time."""
_LABEL_BYTES = 170
"""About what a label takes beside its bytes: two texts and their pair."""
_OBJECT_BYTES = 300
"""About what a series or metric takes beside its texts."""
_CUMULATIVE = b"\x10\x02"
_MONOTONIC = b"\x18\x01"


class MetricType(IntEnum):
    """What Prometheus calls a metric's type, by its numbers in both versions."""

    UNKNOWN = 0
    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3
    GAUGE_HISTOGRAM = 4
    SUMMARY = 5
    INFO = 6
    STATE_SET = 7


class Data(IntEnum):
    """Which of OTLP's metrics a series is, by the field of `Metric`."""

    GAUGE = 5
    SUM = 7
    HISTOGRAM = 9
    EXPONENTIAL_HISTOGRAM = 10


class Family(NamedTuple):
    """What is told of a metric apart from its samples."""

    type: int = MetricType.UNKNOWN
    help: str = ""
    unit: str = ""


_NO_FAMILY = Family()
_SUFFIXES = ("_total", "_bucket", "_count", "_sum")
_SUM_SUFFIXES: dict[int, tuple[str, ...]] = {
    # Without metadata the name must tell; it does wherever the conventions are kept.
    MetricType.UNKNOWN: _SUFFIXES,
    MetricType.HISTOGRAM: ("_bucket", "_count", "_sum"),
    MetricType.SUMMARY: ("_count", "_sum"),
}


class Group:
    """One metric of one resource: everything that its points have in common."""

    __slots__ = ("head", "resource", "tag", "tail")

    def __init__(self, resource: bytes, name: str, family: Family, data: Data) -> None:
        texts = ((b"\x0a", name), (b"\x12", family.help[:_HELP_BYTES]), (b"\x1a", family.unit))
        self.resource = resource
        self.head = b"".join(field_bytes(tag, text.encode()) for tag, text in texts if text)
        self.tag = bytes([data << 3 | 2])
        self.tail = b"" if data is Data.GAUGE else _CUMULATIVE
        if data is Data.SUM:
            self.tail += _MONOTONIC

    def metric(self, points: Sequence[bytes]) -> bytes:
        """Return a Metric, as a field of its scope, with these points."""
        return field_bytes(b"\x12", self.head + field_bytes(self.tag, b"".join(points) + self.tail))


class Series(NamedTuple):
    """What the labels of a series have become."""

    group: Group
    head: bytes
    """A number point down to its time: tag, length, attributes and the tag of the time."""
    attributes: bytes
    """The attributes alone, as fields of a number point."""
    labels: tuple[tuple[str, str], ...]

    def stale(self, time: bytes) -> bytes:
        """Return a point that says that there is no value from this instant (eight bytes) on."""
        return field_bytes(b"\x0a", self.attributes + b"\x19" + time + b"\x40\x01")

    def started(self, start_unix_ns: int, time: bytes, value: bytes) -> bytes:
        """Return a point of a running total whose beginning is known."""
        began = b"\x11" + fixed64(start_unix_ns)
        return field_bytes(b"\x0a", self.attributes + began + b"\x19" + time + b"\x21" + value)


class SeriesMemory:
    """What is known of series and metrics from earlier requests."""

    def __init__(self, most_series: int = _SERIES) -> None:
        """Begin with nothing; past so many series, or _MEMORY_BYTES, all is forgotten."""
        self._most = most_series
        self.known: dict[Hashable, Series] = {}
        """By the labels as they come on the wire."""
        self._families: dict[str, Family] = {}
        self._groups: dict[tuple[bytes, str, Family, Data], Group] = {}
        self._attributes = AttributeBytes(b"\x3a")
        self._bytes = 0
        self._lock = Lock()
        """Large requests are read in threads of their own."""

    def learn(self, families: dict[str, Family]) -> None:
        """Remember what is told of metrics, by name; what was made of their series is made anew."""
        short = {
            name: told._replace(help=told.help[:_HELP_BYTES], unit=told.unit[:_NAME_CHARACTERS])
            for name, told in families.items()
            if len(name) <= _NAME_CHARACTERS
        }
        with self._lock:
            new = {name: told for name, told in short.items() if self._families.get(name) != told}
            if new:
                if len(self._families) + len(new) > _FAMILIES:
                    self._families.clear()
                self._families.update(islice(new.items(), _FAMILIES))
                self._forget()

    def family(self, name: str) -> Family:
        """Return what was told of a metric, or of the histogram or summary that it is a part of."""
        found = self._families.get(name)
        if found is None:
            for suffix in _SUFFIXES:
                if name.endswith(suffix):
                    found = self._families.get(name.removesuffix(suffix))
                    break
        return found or _NO_FAMILY

    def series(
        self,
        key: Hashable,
        labels: tuple[tuple[str, str], ...],
        family: Family | None = None,
    ) -> Series | None:
        """
        Return what labels become, and remember it; None where they lack a name.

        Args:
            key: by which it is looked up in `known`; None where it cannot be.
            family: what came with the series; by default what was learnt.
        """
        named = dict(labels)
        name = named.get("__name__", "")
        if not name:
            return None
        with self._lock:
            told = self.family(name) if family is None else family
            attributes = b"".join(
                self._attributes[pair] for pair in labels if pair[0] != "__name__"
            )
            data = Data.SUM if _is_sum(name, told.type) else Data.GAUGE
            group = self._group(labels, told, data)
            head = b"\x0a" + varint(len(attributes) + 18) + attributes + b"\x19"
            made = Series(group, head, attributes, labels)
            if key is not None and len(head) + len(name) <= _REMEMBERED_BYTES:
                self._make_room(3 * len(head) + _LABEL_BYTES * len(labels))
                self.known[key] = made
        return made

    def group(self, labels: tuple[tuple[str, str], ...], family: Family, data: Data) -> Group:
        """Return the metric that labels name, of the resource that they name."""
        with self._lock:
            return self._group(labels, family, data)

    def _group(self, labels: tuple[tuple[str, str], ...], family: Family, data: Data) -> Group:
        named = dict(labels)
        resource = _resource(named)
        key = (resource, named["__name__"], family, data)
        found = self._groups.get(key)
        if found is None:
            found = Group(resource, named["__name__"], family, data)
            self._make_room(2 * len(resource) + 3 * len(found.head))
            self._groups[key] = found
        return found

    def _make_room(self, size: int) -> None:
        """Count bytes that are about to be remembered; where there is no room, forget the others."""
        size += _OBJECT_BYTES
        if max(len(self.known), len(self._groups)) >= self._most or (
            self._bytes + size > _MEMORY_BYTES
        ):
            self._forget()
        self._bytes += size

    def _forget(self) -> None:
        self.known.clear()
        self._groups.clear()
        self._attributes = AttributeBytes(b"\x3a")
        self._bytes = 0


def _is_sum(name: str, kind: int) -> bool:
    if kind == MetricType.COUNTER:
        return not name.endswith("_created")
    return name.endswith(_SUM_SUFFIXES.get(kind, ())) if kind in _SUM_SUFFIXES else False


def _resource(labels: dict[str, str]) -> bytes:
    service = service_name(labels)
    instance = labels.get("instance", "")
    named = (("service.name", service), ("service.instance.id", instance))
    return b"".join(attribute_bytes(b"\x0a", key, value) for key, value in named if value)


class PointWriter:
    """A request under construction: points by resource and metric, in order of first appearance."""

    def __init__(self) -> None:
        self._points: dict[Group, list[bytes]] = {}

    def points(self, group: Group) -> list[bytes]:
        """Return where the points of a metric go."""
        found = self._points.get(group)
        if found is None:
            found = self._points[group] = []
        return found

    def to_bytes(self) -> bytes:
        """Return the ExportMetricsServiceRequest."""
        metrics: dict[bytes, list[bytes]] = {}
        for group, points in self._points.items():
            metrics.setdefault(group.resource, []).append(group.metric(points))
        return b"".join(
            field_bytes(
                b"\x0a", field_bytes(b"\x0a", resource) + field_bytes(b"\x12", b"".join(made))
            )
            for resource, made in metrics.items()
        )
