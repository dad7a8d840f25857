"""Spans as numbers only: the form in which compiled loops read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.categories import CATEGORIES, category_codes
from tracepulse.model.span import SpanColumns

__all__ = [
    "CLIENT",
    "CONSUMER",
    "EARLIEST_UNIX_NS",
    "LATEST_UNIX_NS",
    "PRODUCER",
    "SERVER",
    "Node",
    "SpanCodes",
    "host_of",
    "span_codes",
]

UNSPECIFIED, INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(6)
_KINDS = {
    name: code
    for code, name in enumerate(
        ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
    )
}
EARLIEST_UNIX_NS = -(1 << 60)
"""1933. A span that starts before is set aside."""
LATEST_UNIX_NS = 1 << 62
"""2116. A span that ends after is set aside; differences of such instants fit 64 bits."""

_HOST_KEYS = ("k8s.node.name", "host.id", "host.name", "hostname", "ip")

_HEX_VALUE = np.full(256, 255, np.uint8)
"""Value of a hex digit by its character code; 255 for what is none."""
_HEX_VALUE[list(b"0123456789abcdef")] = range(16)

Integers = NDArray[np.int64]
T = TypeVar("T", str, tuple[str, str, int])


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """One place where time is spent: an operation of a service, and what it spends it on."""

    service: str
    name: str
    category: str


@dataclass(frozen=True, slots=True, eq=False)
class SpanCodes:
    """
    Spans of any number of traces, one per row, in any order, every column a number.

    Order of codes follows order of the names behind them, so that ties are broken alike whatever
    order the spans came in.
    """

    trace: Integers
    """From 0 to trace_count - 1."""
    trace_count: int
    span_id: NDArray[np.uint64]
    """Unique in the trace; 0 is no id."""
    parent_id: NDArray[np.uint64]
    """0 where there is none."""
    start_unix_ns: Integers
    duration_ns: Integers
    kind: NDArray[np.uint8]
    host: NDArray[np.int32]
    """Machine whose clock was read; -1 where unknown."""
    service: NDArray[np.int32]
    category: NDArray[np.uint8]
    """Of the span's own time: place in CATEGORIES."""
    node: NDArray[np.int32]
    """Service, operation and category as one number."""
    failed: NDArray[np.bool_]
    """The span's status is Error."""

    def __len__(self) -> int:
        return len(self.trace)


def span_codes(columns: SpanColumns) -> tuple[SpanCodes, tuple[str, ...], tuple[Node, ...]]:
    """Return spans as numbers, the trace ids in order of their codes, and the nodes likewise."""
    trace, trace_ids = _ranks(columns.trace_id.tolist())
    span_id, parent_id = _id_codes(columns.span_id.tolist(), columns.parent_span_id.tolist())
    category = category_codes(columns)
    services, names = columns.service.tolist(), columns.name.tolist()
    node, nodes = _ranks(list(zip(services, names, category.tolist(), strict=True)))
    hosts = ["", *map(host_of, columns.resource)]
    codes = SpanCodes(
        trace=trace,
        trace_count=len(trace_ids),
        span_id=span_id,
        parent_id=parent_id,
        start_unix_ns=np.ascontiguousarray(columns.start_unix_ns, np.int64),
        duration_ns=np.ascontiguousarray(columns.duration_ns, np.int64),
        kind=np.fromiter((_KINDS.get(kind, 0) for kind in columns.kind), np.uint8, len(columns)),
        host=(_ranks(hosts)[0][1:] - 1).astype(np.int32),
        service=_ranks(services)[0].astype(np.int32),
        category=category,
        node=node.astype(np.int32),
        failed=np.fromiter((s == "Error" for s in columns.status_code), np.bool_, len(columns)),
    )
    return codes, trace_ids, tuple(Node(s, n, CATEGORIES[c]) for s, n, c in nodes)


def host_of(resource: Mapping[str, str]) -> str:
    """
    Return the machine whose clock a resource's spans were timed with, '' where it is not said.

    The Kubernetes node comes first: two pods of one node share a clock, though each calls its
    own name `host.name`.
    """
    return next((resource[key] for key in _HOST_KEYS if resource.get(key)), "")


def _ranks(values: Sequence[T]) -> tuple[Integers, tuple[T, ...]]:
    """Return each value's place among the distinct values in ascending order, and those."""
    distinct = tuple(sorted(set(values)))
    places = {value: place for place, value in enumerate(distinct)}
    return np.fromiter(map(places.__getitem__, values), np.int64, len(values)), distinct


def _id_codes(
    span_ids: list[str], parent_ids: list[str]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return ids as numbers in the order of their text; '' is 0."""
    as_hex = _hex_codes(span_ids + parent_ids)
    if as_hex is None:  # ids of another make, as old tracers and tests have them
        ranks, _ = _ranks(["", *span_ids, *parent_ids])
        as_hex = ranks[1:].astype(np.uint64)
    return as_hex[: len(span_ids)], as_hex[len(span_ids) :]


def _hex_codes(ids: list[str]) -> NDArray[np.uint64] | None:
    """Return ids of 16 lower-case hex digits as numbers; None if one is neither that nor ''."""
    try:
        digits = np.array(ids, dtype="S17").view(np.uint8).reshape(len(ids), 17)
    except UnicodeEncodeError:
        return None
    values = _HEX_VALUE[digits[:, :16]]
    empty = digits[:, 0] == 0
    values[empty] = 0
    if digits[:, 16].any() or (values > 15).any():
        return None
    pairs = (values[:, 0::2] << 4) | values[:, 1::2]
    return np.ascontiguousarray(pairs).view(">u8").reshape(len(ids)).astype(np.uint64)
