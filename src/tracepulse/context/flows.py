"""Who calls whom in a window: all evidence that the store holds, made into one graph."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tracepulse.derive.access_flows import access_facts, access_sightings
from tracepulse.derive.close_flows import close_facts, close_sightings, passed_through
from tracepulse.derive.flow_graph import flow_graph
from tracepulse.derive.flow_names import NameBook
from tracepulse.derive.flow_paths import flow_paths
from tracepulse.derive.log_graph import record_graph
from tracepulse.derive.mesh_flows import mesh_facts, mesh_sightings
from tracepulse.derive.modules import service_modules
from tracepulse.model.flow_graph import (
    CloseLook,
    Flow,
    FlowGraph,
    NodeKind,
    ServiceModules,
    Sighting,
)
from tracepulse.model.question import LogQuestion, Window
from tracepulse.store.queries.flows import KnownCalls, MinuteSpans
from tracepulse.store.queries.telemetry import Telemetry

_CLOSE_SPANS, _MOST_CLOSE_SPANS = 100_000, 500_000
"""Spans that are looked at for names, gaps and links: some 0.3 s of work; and of a single minute."""
_LINES = 10_000
"""Newest lines in which shared ids are looked for."""
_NEAR = ("localhost", "127.0.0.1", "::1")

__all__ = ["SeenFlows", "seen_flows", "seen_modules", "seen_routes"]


@dataclass(frozen=True, slots=True)
class SeenFlows:
    """The graph, and what of the evidence was left out."""

    graph: FlowGraph
    minutes_joined: int
    """Minutes, or parts of them, whose spans were brought together for this answer."""
    minutes_left_out: int
    """Minutes with more spans than can be brought together at once, and are not kept yet."""


def seen_flows(telemetry: Telemetry, window: Window, data_set: str = "") -> SeenFlows:
    """Return who calls whom, from everything there is about this stretch of time."""
    known = telemetry.known_calls(window, data_set)
    said = _Said(telemetry, window, data_set)
    through = passed_through(said.look, said.names, said.services)
    near = {each.caller for each in said.look.asked if not each.answered_by}
    sightings = [
        *(each for each in _of_spans(known, near) if (each.caller, each.callee) not in through),
        *close_sightings(said.look, said.names, said.services),
        *mesh_sightings(said.series, said.services, said.names),
        *access_sightings(said.hops, said.names),
    ]
    ends = {said.names.node(end) for each in sightings for end in (each.caller, each.callee)}
    if set(said.services) - ends:
        sightings += _of_lines(telemetry, window, data_set)
    return SeenFlows(
        graph=flow_graph(sightings, said.names, said.services),
        minutes_joined=known.minutes_joined,
        minutes_left_out=known.minutes_left_out,
    )


def seen_routes(
    telemetry: Telemetry, window: Window, data_set: str = "", service: str = "", operation: str = ""
) -> tuple[Flow, ...]:
    """Return the ways that requests of entry routes take, most frequent route first."""
    routes = telemetry.entry_routes(window, data_set, service, operation)
    traces = sorted({trace_id for route in routes for trace_id in route.trace_ids})
    names = _Said(telemetry, window, data_set).names
    return flow_paths(
        telemetry.spans_of(traces, data_set=data_set),
        {(route.service, route.operation): route.requests for route in routes},
        names,
    )


def seen_modules(
    telemetry: Telemetry, window: Window, data_set: str = "", service: str = ""
) -> ServiceModules:
    """Return the modules inside services, from a sample of traces and from all log lines."""
    routes = telemetry.entry_routes(window, data_set)
    traces = sorted({trace_id for route in routes for trace_id in route.trace_ids})
    found = service_modules(
        telemetry.spans_of(traces, data_set=data_set), telemetry.loggers(window, data_set, service)
    )
    if not service:
        return found
    return ServiceModules(
        modules=tuple(each for each in found.modules if each.service == service),
        calls=tuple(each for each in found.calls if each.service == service),
    )


class _Said:
    """What is said in a window beside parents and peers, and which names that brings together."""

    def __init__(self, telemetry: Telemetry, window: Window, data_set: str) -> None:
        self.hops = telemetry.access_hops(window, data_set)
        self.series = telemetry.mesh_series(window, data_set)
        self.services = telemetry.service_names(window, data_set)
        newest = _newest(telemetry.span_minutes(window, data_set), window)
        self.look = telemetry.close_look(newest, data_set) if newest else CloseLook()
        facts = (
            *close_facts(self.look),
            *access_facts(self.hops),
            *mesh_facts(self.series, self.services),
        )
        self.names = NameBook(facts, self.services)


def _newest(minutes: Sequence[MinuteSpans], window: Window) -> Window | None:
    """Return the newest minutes of a window that hold few enough spans to look at closely."""
    start_unix_s, spans = 0, 0
    for each in reversed(minutes):
        spans += each.around[1]
        if spans > _CLOSE_SPANS and start_unix_s:
            break
        start_unix_s = each.minute_unix_s
    if not minutes or minutes[-1].around[1] > _MOST_CLOSE_SPANS:
        return None
    return Window(max(window.start_unix_ns, start_unix_s * 10**9), window.end_unix_ns)


_VIRTUAL: Mapping[str, NodeKind] = {"database": "database", "messaging": "queue"}


def _of_lines(telemetry: Telemetry, window: Window, data_set: str) -> Iterator[Sighting]:
    """Yield what plain lines suggest: asked where somebody writes lines whom nothing else shows."""
    lines = telemetry.search_logs(LogQuestion(window, data_set=data_set, limit=_LINES))
    for each in record_graph(line for line in lines if line.service).edges:
        yield Sighting(
            caller=each.caller,
            callee=each.callee,
            connection="",
            kind="logs",
            calls=each.requests,
            first_unix_ns=each.first_seen_unix_ns,
            last_unix_ns=each.last_seen_unix_ns,
            agreement_ratio=each.agreement_ratio,
        )


def _of_spans(known: KnownCalls, near: Collection[str]) -> Iterator[Sighting]:
    """Yield the calls of spans, but for those that a close look tells the port of."""
    for each in known.calls:
        if each.callee in _NEAR and each.caller in near:
            continue
        peer = each.inferred_from != "spans"
        virtual: NodeKind = _VIRTUAL.get(each.connection, "service") if peer else "service"
        taken = each.inferred_from == "takes"
        yield Sighting(
            caller=each.caller,
            callee=each.callee,
            connection=each.connection,
            kind="peer" if peer else "spans",
            calls=each.calls,
            errors=each.errors,
            lengths=each.lengths,
            first_unix_ns=each.first_unix_ns,
            last_unix_ns=each.last_unix_ns,
            caller_kind=virtual if taken else "service",
            callee_kind="service" if taken else virtual,
        )
