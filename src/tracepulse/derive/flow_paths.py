"""
Flows: the ways that requests of one entry route take through the services, step by step.

A way is the order in which calls between nodes begin, each pair once however often it is repeated: a page
that asks for three products or for thirty takes the same way.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tracepulse.derive.flow_names import NameBook
from tracepulse.derive.linked_spans import SERVING, LinkedSpan, linked_traces
from tracepulse.model.flow_graph import Flow, FlowPath, Step
from tracepulse.model.span import SpanColumns

__all__ = ["flow_paths"]

Route = tuple[str, str]
MAX_PATHS = 10
"""Ways listed of one route; the rest are counted among the traces looked at."""
MAX_STEPS = 100


def flow_paths(
    spans: SpanColumns, requests: Mapping[Route, int], names: NameBook
) -> tuple[Flow, ...]:
    """
    Return the flows of entry routes, by requests, falling.

    Args:
        spans: whole traces, a sample of each route's.
        requests: how many there were in the window, by (service, operation) of the entry.
        names: knows which services peers are.
    """
    ways: dict[Route, dict[tuple[Step, ...], list[LinkedSpan]]] = defaultdict(dict)
    for trace in linked_traces(spans):
        for root in sorted(trace.values(), key=lambda span: (span.start_unix_ns, span.span_id)):
            if root.parent or (root.service, root.name) not in requests:
                continue
            steps = tuple(dict.fromkeys(_steps(root, trace, names)))
            ways[root.service, root.name].setdefault(_once(steps), []).append(root)
    flows = [
        Flow(
            service=route[0],
            operation=route[1],
            requests=count,
            looked_at=sum(map(len, ways[route].values())),
            paths=_paths(ways[route]),
        )
        for route, count in requests.items()
    ]
    return tuple(sorted(flows, key=lambda flow: (-flow.requests, flow.service, flow.operation)))


def _steps(root: LinkedSpan, trace: Mapping[str, LinkedSpan], names: NameBook) -> Iterator[Step]:
    """Yield the calls below a span, each before those that it makes, in order of time."""
    pending = [(root, 0)]
    while pending:
        span, depth = pending.pop()
        children = [trace[child] for child in span.children]
        remote = any(child.service != span.service for child in children)
        if span.peer and not remote:
            virtual = span.connection in ("database", "messaging")
            callee = span.peer if virtual else names.node(span.peer) or span.peer
            yield Step(span.service, callee, span.connection, depth + 1)
        below = []
        for child in children:
            called = child.service != span.service
            if called:
                connection = span.connection if child.kind not in SERVING else child.connection
                yield Step(span.service, child.service, connection, depth + 1)
            below.append((child, depth + called))
        pending.extend(reversed(below))


def _once(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    first: dict[tuple[str, str], Step] = {}
    for step in steps:
        first.setdefault((step.caller, step.callee), step)
    return tuple(first.values())[:MAX_STEPS]


def _paths(ways: Mapping[tuple[Step, ...], list[LinkedSpan]]) -> tuple[FlowPath, ...]:
    paths = []
    for steps, roots in ways.items():
        lengths = sorted(root.duration_ns for root in roots)
        paths.append(
            FlowPath(
                steps=steps,
                requests=len(roots),
                errors=sum(root.failed for root in roots),
                p50_ns=lengths[(len(lengths) - 1) // 2],
                example_trace_id=min(root.trace_id for root in roots),
            )
        )
    paths.sort(key=lambda path: (-path.requests, path.example_trace_id))
    return tuple(paths[:MAX_PATHS])
