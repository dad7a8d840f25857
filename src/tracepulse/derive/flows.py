"""Flows: who calls whom, and where along the way the failures of some requests begin."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from tracepulse.derive.linked_spans import CALLING, SERVING, LinkedSpan, linked_traces
from tracepulse.model.flow import EdgeChange, FailureOrigin, FailureSummary, FlowEdge
from tracepulse.model.span import SpanColumns

__all__ = ["compare_edges", "failure_summary", "service_edges"]


def service_edges(spans: SpanColumns) -> tuple[FlowEdge, ...]:
    """
    Return who calls whom in these traces, by (caller, callee, connection, inferred_from).

    A span whose nearest ancestor in another service exists gives an edge from there; internal spans
    between the two do not count. A calling span without a child gives an edge to what its peer
    attributes name, as a virtual node. A serving root gives an edge from outside (caller '').
    """
    counts: Counter[tuple[str, str, str, str]] = Counter()
    errors: Counter[tuple[str, str, str, str]] = Counter()
    for trace in linked_traces(spans):
        for span in trace.values():
            key = _edge_of(span, trace)
            if key is not None:
                counts[key] += 1
                errors[key] += span.failed
    return tuple(
        FlowEdge(
            caller=key[0],
            callee=key[1],
            connection=key[2],
            calls=calls,
            errors=errors[key],
            inferred_from=key[3],
            callee_is_virtual=key[3] == "peer",
        )
        for key, calls in sorted(counts.items())
    )


def _edge_of(span: LinkedSpan, trace: Mapping[str, LinkedSpan]) -> tuple[str, str, str, str] | None:
    parent = trace.get(span.parent)
    if parent is None:
        if span.kind in SERVING:
            return "", span.service, span.connection, "spans"
    elif parent.service != span.service:
        connection = parent.connection if parent.kind in CALLING else span.connection
        return parent.service, span.service, connection, "spans"
    remote = any(trace[child].service != span.service for child in span.children if child in trace)
    if span.peer and not remote:
        return span.service, span.peer, span.connection, "peer"
    return None


def compare_edges(before: Iterable[FlowEdge], after: Iterable[FlowEdge]) -> tuple[EdgeChange, ...]:
    """Return the edges of two windows side by side, by (caller, callee, connection)."""
    sides: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    virtual: dict[tuple[str, str, str], bool] = {}
    sources: dict[tuple[str, str, str], str] = {}
    for offset, edges in ((0, before), (2, after)):
        for edge in edges:
            key = (edge.caller, edge.callee, edge.connection)
            sides[key][offset] += edge.calls
            sides[key][offset + 1] += edge.errors
            virtual[key] = virtual.get(key, True) and edge.callee_is_virtual
            sources[key] = max(edge.inferred_from, sources.get(key, ""))
    return tuple(
        EdgeChange(
            caller=key[0],
            callee=key[1],
            calls_before=sides[key][0],
            errors_before=sides[key][1],
            calls_after=sides[key][2],
            errors_after=sides[key][3],
            connection=key[2],
            callee_is_virtual=virtual[key],
            inferred_from=sources[key],
        )
        for key in sorted(sides)
    )


def failure_summary(
    spans: SpanColumns | None, entries: Collection[tuple[str, str]] = ()
) -> FailureSummary:
    """
    Return where the failures of these traces begin.

    Args:
        spans: whole traces, failing ones or not.
        entries: (service, operation) of the incident's entries; only traces whose topmost failing
            span is one of these count. When none is, or none is given, all do.

    In each trace the walk starts at the failing entry and goes to the deepest failing span below it
    that is reached over failing spans only; among equally deep ones the earliest wins, since retries
    repeat the first failure. A failing call whose callee is in the data but did not fail itself is
    laid to the callee when the caller got an answer (a status), else to the call.
    """
    if spans is None or len(spans) == 0:
        return FailureSummary((), 0, 0)
    traces = linked_traces(spans)
    groups: dict[tuple[str, str, str, str, str], list[tuple[LinkedSpan, tuple[str, ...], str]]]
    groups = defaultdict(list)
    failing = [(entry, trace) for trace in traces if (entry := _failing_entry(trace)) is not None]
    meant = [(e, trace) for e, trace in failing if (e.service, e.name) in entries]
    for entry, trace in meant or failing:
        origin, path = _deepest_failure(entry, trace)
        resource = origin.peer if origin.kind in CALLING else ""
        key = (origin.service, origin.name, origin.kind, origin.status, resource)
        groups[key].append((origin, path, entry.name))
    origins = [_origin(key, members) for key, members in groups.items()]
    origins.sort(key=lambda o: (-o.traces, o.service, o.operation, o.kind, o.status, o.resource))
    return FailureSummary(
        origins=tuple(origins),
        failing_traces=sum(len(members) for members in groups.values()),
        sampled_traces=len(traces),
    )


def _failing_entry(trace: Mapping[str, LinkedSpan]) -> LinkedSpan | None:
    """Return the topmost failing span, or a failing span's topmost one when the root held out."""
    failing = [span for span in trace.values() if span.failed]
    if not failing:
        return None
    return min(failing, key=lambda span: (span.depth, span.start_unix_ns, span.span_id))


def _deepest_failure(
    entry: LinkedSpan, trace: Mapping[str, LinkedSpan]
) -> tuple[LinkedSpan, tuple[str, ...]]:
    best = entry
    pending = [entry]
    while pending:
        span = pending.pop()
        for child in _failing_below(span, trace):
            pending.append(child)
            rank = (-child.depth, child.start_unix_ns, child.span_id)
            if rank < (-best.depth, best.start_unix_ns, best.span_id):
                best = child
    return best, _services_to(best, trace)


def _failing_below(span: LinkedSpan, trace: Mapping[str, LinkedSpan]) -> list[LinkedSpan]:
    """
    Return a failing span's failing children; if none, those behind internal spans of its service.

    Frameworks (Express, Spring) put spans of their own between a request and the calls it makes, and
    leave their status unset whatever happens.
    """
    children = [trace[child_id] for child_id in span.children]
    failing = [c for c in children if c.failed or _answered_badly(span, c)]
    passed = [c for c in children if c.kind == "Internal" and c.service == span.service]
    while not failing and passed:
        behind = [trace[child_id] for each in passed for child_id in each.children]
        failing = [c for c in behind if c.failed]
        passed = [c for c in behind if c.kind == "Internal" and c.service == span.service]
    return failing


def _answered_badly(caller: LinkedSpan, callee: LinkedSpan) -> bool:
    """Tell whether a failing call got its bad answer from this child in another service."""
    return (
        caller.kind in CALLING
        and bool(caller.status)
        and caller.service != callee.service
        and callee.kind in SERVING
    )


def _services_to(span: LinkedSpan, trace: Mapping[str, LinkedSpan]) -> tuple[str, ...]:
    """Return the services from the root down to a span, repeats in a row left out."""
    services = [span.service]
    at: LinkedSpan | None = span
    while at is not None and at.parent:
        at = trace.get(at.parent)
        if at is not None and at.service != services[-1]:
            services.append(at.service)
    return tuple(reversed(services))


def _origin(
    key: tuple[str, str, str, str, str],
    members: list[tuple[LinkedSpan, tuple[str, ...], str]],
) -> FailureOrigin:
    paths = Counter(path for _, path, _ in members)
    entries = Counter(entry for _, _, entry in members)
    example = min(members, key=lambda member: member[0].trace_id)
    return FailureOrigin(
        service=key[0],
        operation=key[1],
        kind=key[2],
        status=key[3],
        resource=key[4],
        traces=len(members),
        path=min(paths, key=lambda path: (-paths[path], path)),
        entry_operation=min(entries, key=lambda name: (-entries[name], name)),
        example_trace_id=example[0].trace_id,
        message=example[0].message,
    )
