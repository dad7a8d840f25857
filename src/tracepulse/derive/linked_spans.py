"""Spans of some traces linked to their parents, with what each says about failing and about its peer."""

from collections.abc import Mapping
from dataclasses import dataclass

from tracepulse.model.span import SpanColumns

__all__ = ["LinkedSpan", "linked_traces"]

CALLING = frozenset({"Client", "Producer"})
SERVING = frozenset({"Server", "Consumer"})

STATUS_KEYS = ("http.response.status_code", "http.status_code", "rpc.grpc.status_code")
PEER_KEYS = (
    "db.namespace",
    "db.name",
    "db.system.name",
    "db.system",
    "messaging.destination.name",
    "peer.service",
    "server.address",
    "net.peer.name",
)


@dataclass(frozen=True, slots=True)
class LinkedSpan:
    """One span with its place in its trace."""

    span_id: str
    trace_id: str
    service: str
    name: str
    kind: str
    start_unix_ns: int
    duration_ns: int
    failed: bool
    """An error status, or an HTTP status of 400 and above."""
    status: str
    """HTTP or gRPC status, or the error's type; '' when the span does not say."""
    message: str
    peer: str
    """What a calling span calls, by its attributes; '' when they do not say."""
    connection: str
    parent: str
    """Id of its parent when that is in the data; '' for roots and orphans."""
    depth: int
    children: tuple[str, ...]
    """By start, then id."""


def linked_traces(spans: SpanColumns) -> tuple[Mapping[str, LinkedSpan], ...]:
    """
    Return the spans of each trace by id, traces by id.

    A span id that occurs twice counts once (the first by start and service); cycles are cut.
    """
    rows: dict[str, dict[str, int]] = {}
    for row in _row_order(spans):
        rows.setdefault(spans.trace_id[row], {}).setdefault(spans.span_id[row], row)
    return tuple(_linked(spans, members) for _, members in sorted(rows.items()))


def _row_order(spans: SpanColumns) -> list[int]:
    return sorted(
        range(len(spans)),
        key=lambda row: (
            int(spans.start_unix_ns[row]),
            str(spans.service[row]),
            str(spans.name[row]),
            str(spans.span_id[row]),
        ),
    )


def _linked(spans: SpanColumns, members: Mapping[str, int]) -> Mapping[str, LinkedSpan]:
    parents = {
        span_id: str(spans.parent_span_id[row])
        if spans.parent_span_id[row] in members and spans.parent_span_id[row] != span_id
        else ""
        for span_id, row in members.items()
    }
    children: dict[str, list[str]] = {span_id: [] for span_id in members}
    for span_id in members:
        if parents[span_id]:
            children[parents[span_id]].append(span_id)
    depths = _depths(parents, children)
    for span_id in members:
        # Spans that no root reaches are on a cycle: each becomes a root of its own.
        if span_id not in depths:
            depths[span_id], parents[span_id] = 0, ""
    return {
        span_id: _span(spans, row, parents[span_id], depths[span_id], tuple(children[span_id]))
        for span_id, row in members.items()
    }


def _depths(parents: Mapping[str, str], children: Mapping[str, list[str]]) -> dict[str, int]:
    level = [span_id for span_id, parent in parents.items() if not parent]
    depths: dict[str, int] = {}
    depth = 0
    while level:
        depths.update(dict.fromkeys(level, depth))
        level = [child for span_id in level for child in children[span_id]]
        depth += 1
    return depths


def _span(
    spans: SpanColumns, row: int, parent: str, depth: int, children: tuple[str, ...]
) -> LinkedSpan:
    attributes = spans.attributes[row]
    status = next((attributes[key] for key in STATUS_KEYS if attributes.get(key)), "")
    http_failed = status.isdigit() and len(status) == 3 and int(status) >= 400
    kind = str(spans.kind[row])
    return LinkedSpan(
        span_id=str(spans.span_id[row]),
        trace_id=str(spans.trace_id[row]),
        service=str(spans.service[row]),
        name=str(spans.name[row]),
        kind=kind,
        start_unix_ns=int(spans.start_unix_ns[row]),
        duration_ns=int(spans.duration_ns[row]),
        failed=spans.status_code[row] == "Error" or http_failed,
        status=status or attributes.get("error.type", attributes.get("exception.type", "")),
        message=str(spans.status_message[row]),
        peer=next((attributes[key] for key in PEER_KEYS if attributes.get(key)), "")
        if kind in CALLING
        else "",
        connection=_connection(attributes),
        parent=parent,
        depth=depth,
        children=children,
    )


def _connection(attributes: Mapping[str, str]) -> str:
    if attributes.get("db.system.name") or attributes.get("db.system"):
        return "database"
    if attributes.get("messaging.system"):
        return "messaging"
    if attributes.get("rpc.system"):
        return "rpc"
    return "http"
