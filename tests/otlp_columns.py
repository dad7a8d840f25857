"""Spans that were made up as columns, as requests of OTLP/JSON."""

from collections import defaultdict
from typing import Any

from tests.deliver.watched import attributes

from tracepulse.model.span import SpanColumns
from tracepulse.receive.signals import Signal

__all__ = ["otlp_requests"]

_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")


def otlp_requests(given: SpanColumns) -> list[tuple[Signal, Any]]:
    """Return a request for each resource, with its spans."""
    spans: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = defaultdict(list)
    for row in range(len(given)):
        start = int(given.start_unix_ns[row])
        spans[tuple(sorted(given.resource[row].items()))].append(
            {
                "traceId": given.trace_id[row],
                "spanId": given.span_id[row],
                "parentSpanId": given.parent_span_id[row],
                "name": given.name[row],
                "kind": _KINDS.index(given.kind[row]),
                "startTimeUnixNano": str(start),
                "endTimeUnixNano": str(start + int(given.duration_ns[row])),
                "attributes": attributes(given.attributes[row]),
                "status": {"code": 2} if given.status_code[row] == "Error" else {},
            }
        )
    return [
        (
            "traces",
            {
                "resourceSpans": [
                    {
                        "resource": {"attributes": attributes(dict(key))},
                        "scopeSpans": [{"spans": members}],
                    }
                ]
            },
        )
        for key, members in sorted(spans.items())
    ]
