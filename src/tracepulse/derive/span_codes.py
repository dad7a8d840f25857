"""Spans as numbers only: the form in which compiled loops read them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.categories import (
    CATEGORIES,
    Category,
    category_codes,
    is_browser,
    resource_of,
)
from tracepulse.model.span import SpanColumns

__all__ = [
    "CLIENT",
    "CONSUMER",
    "EARLIEST_UNIX_NS",
    "LATEST_UNIX_NS",
    "PAGE_FETCH",
    "PRODUCER",
    "SERVER",
    "Node",
    "SpanCodes",
    "host_of",
    "span_codes",
    "under_pages",
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

_CALLING = frozenset(
    CATEGORIES.index(category)
    for category in (Category.DATABASE, Category.CACHE, Category.MESSAGING, Category.EXTERNAL)
)
_NO_ID = "0" * 16
PAGE_FETCH = "documentFetch"
"""A browser's span of the request for a page, by the document-load instrumentation's name."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """One place where time is spent: an operation of a service, and what it spends it on."""

    service: str
    name: str
    category: str
    resource: str = ""
    """What a call went to that sends no spans of its own; see categories.py."""


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
    """Service, operation, category and resource as one number."""
    failed: NDArray[np.bool_]
    """The span's status is Error."""

    def __len__(self) -> int:
        return len(self.trace)

    def first_traces(self, count: int) -> "SpanCodes":
        """Return the spans of the traces whose codes are lowest, with the same codes."""
        if count >= self.trace_count:
            return self
        rows = np.flatnonzero(self.trace < count)
        taken = {
            name: getattr(self, name)[rows] for name in self.__slots__ if name != "trace_count"
        }
        return SpanCodes(trace_count=count, **taken)

    def one_trace(self, rows: Integers) -> "SpanCodes":
        """Return some rows, all of one trace, with the same codes."""
        taken = {
            name: getattr(self, name)[rows]
            for name in self.__slots__
            if name not in ("trace", "trace_count")
        }
        return SpanCodes(trace=np.zeros(len(rows), np.int64), trace_count=1, **taken)


def span_codes(columns: SpanColumns) -> tuple[SpanCodes, tuple[str, ...], tuple[Node, ...]]:
    """Return spans as numbers, the trace ids in order of their codes, and the nodes likewise."""
    trace, trace_ids = _ranks(columns.trace_id.tolist())
    span_id, parent_id = _id_codes(columns.span_id.tolist(), columns.parent_span_id.tolist())
    kind = np.array([_KINDS.get(each, 0) for each in columns.kind.tolist()], np.uint8)
    is_fetch = (columns.name == PAGE_FETCH) & (kind == CLIENT)
    parent_id = under_pages(trace, span_id, parent_id, columns.start_unix_ns, kind, is_fetch)
    parent_id = _under_senders(columns, span_id, parent_id)
    service, services = _ranks(columns.service.tolist())
    category = category_codes(columns)
    resource = [
        resource_of(CATEGORIES[code], attributes) if code in _CALLING else ""
        for code, attributes in zip(category.tolist(), columns.attributes, strict=True)
    ]
    node, nodes = _nodes(service, services, columns.name.tolist(), category, resource)
    codes = SpanCodes(
        trace=trace,
        trace_count=len(trace_ids),
        span_id=span_id,
        parent_id=parent_id,
        start_unix_ns=np.ascontiguousarray(columns.start_unix_ns, np.int64),
        duration_ns=np.ascontiguousarray(columns.duration_ns, np.int64),
        kind=kind,
        host=_host_codes(columns),
        service=service.astype(np.int32),
        category=category,
        node=node,
        failed=(columns.status_code == "Error").astype(np.bool_),
    )
    return codes, trace_ids, nodes


def under_pages(
    trace: Integers,
    span_id: NDArray[np.uint64],
    parent_id: NDArray[np.uint64],
    start_unix_ns: Integers,
    kind: NDArray[np.uint8],
    is_fetch: NDArray[np.bool_],
) -> NDArray[np.uint64]:
    """
    Put the server span that made a page under the page's own request for it.

    Browsers send no `traceparent` with a navigation, so that the server's span names no parent; the
    page, told the trace afterwards, is in the same one:

      documentLoad  |----------------------|
        documentFetch |---------|
          GET /          |----|               named no parent

    Not where the page was put below the server instead, as OpenTelemetry's instrumentation does. Of
    several pages in one trace, as of an answer that was kept by a cache, the first one asked.
    """
    fetches = np.flatnonzero(is_fetch)
    if not len(fetches):
        return parent_id
    tops = np.flatnonzero(parent_id == 0)
    top_ids = set(zip(trace[tops].tolist(), span_id[tops].tolist(), strict=True))
    order = np.lexsort((span_id[fetches], start_unix_ns[fetches]))
    fetch_of: dict[int, int] = {}
    for row in fetches[order].tolist():
        if (int(trace[row]), int(parent_id[row])) in top_ids:
            fetch_of.setdefault(int(trace[row]), int(span_id[row]))
    joined = parent_id.copy()
    for row in tops[kind[tops] == SERVER].tolist():
        joined[row] = fetch_of.get(int(trace[row]), 0)
    return joined


def _under_senders(
    columns: SpanColumns, span_id: NDArray[np.uint64], parent_id: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """
    Put a consumer that names no parent under the span of its trace that it is linked to.

    Consumers of messages name the span that sent one by a link where they took several at once, or
    where their instrumentation keeps processing apart from sending. The smallest id of several.

    Source:
        OpenTelemetry semantic conventions, messaging spans: span relationships.
    """
    if not columns.linked_span_ids:
        return parent_id
    rows = np.flatnonzero((parent_id == 0) & (columns.kind == "Consumer")).tolist()
    senders = {row: min(columns.linked_span_ids[row], default="") for row in rows}
    wanted = set(senders.values()) - {""}
    if not wanted:
        return parent_id
    known = {
        text: code
        for text, code in zip(columns.span_id.tolist(), span_id.tolist(), strict=True)
        if text in wanted
    }
    joined = parent_id.copy()
    for row, sender in senders.items():
        joined[row] = known.get(sender, 0)
    return joined


def _nodes(
    service: Integers,
    services: tuple[str, ...],
    names: list[str],
    category: NDArray[np.uint8],
    resources: list[str],
) -> tuple[NDArray[np.int32], tuple[Node, ...]]:
    """Return each span's node, and the nodes: by service, name, category code, then resource."""
    name, distinct_names = _ranks(names)
    resource, distinct_resources = _ranks(resources)
    _, calls = np.unique(name * len(CATEGORIES) + category, return_inverse=True)
    _, places = np.unique(service * (calls.max(initial=0) + 1) + calls, return_inverse=True)
    # In two steps, so that the product of four dictionaries cannot pass 64 bits.
    keys = places * max(len(distinct_resources), 1) + resource
    _, first, node = np.unique(keys, return_index=True, return_inverse=True)
    nodes = tuple(
        Node(services[s], distinct_names[n], CATEGORIES[c], distinct_resources[r])
        for s, n, c, r in zip(
            *(each[first].tolist() for each in (service, name, category, resource)), strict=True
        )
    )
    return node.astype(np.int32), nodes


def _host_codes(columns: SpanColumns) -> NDArray[np.int32]:
    """
    Return the host of each span in the order of names, -1 where there is none.

    The browser of each trace is a host by itself: it names none, and no two have the same clock.
    """
    known: dict[int, tuple[str, bool]] = {}
    hosts = [""]
    for trace_id, resource in zip(columns.trace_id.tolist(), columns.resource, strict=True):
        found = known.get(id(resource))  # most spans share the mapping of their process
        if found is None:
            found = known[id(resource)] = host_of(resource), is_browser(resource)
        host, in_page = found
        hosts.append(f"browser of {trace_id}" if in_page and not host else host)
    return (_ranks(hosts)[0][1:] - 1).astype(np.int32)


def host_of(resource: Mapping[str, str]) -> str:
    """
    Return the machine whose clock a resource's spans were timed with, '' where it is not said.

    The Kubernetes node comes first: two pods of one node share a clock, though each calls its
    own name `host.name`.
    """
    for key in _HOST_KEYS:
        host = resource.get(key)
        if host:
            return host
    return ""


def _ranks(values: list[str]) -> tuple[Integers, tuple[str, ...]]:
    """Return each value's place among the distinct values in ascending order, and those."""
    distinct = tuple(sorted(set(values)))
    places = {value: place for place, value in enumerate(distinct)}
    return np.array([places[value] for value in values], np.int64), distinct


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
    """Return ids of 16 hex digits as numbers; None if one is neither that nor ''."""
    if not {len(text) for text in ids} <= {0, 16}:
        return None
    try:
        packed = bytes.fromhex("".join([text or _NO_ID for text in ids]))
    except ValueError:
        return None
    if len(packed) != 8 * len(ids):  # white space among the digits is skipped
        return None
    return np.frombuffer(packed, ">u8").astype(np.uint64)
