"""Who calls whom in a window: all evidence that the store holds, made into one graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tracepulse.derive.access_flows import access_facts, access_sightings
from tracepulse.derive.flow_graph import flow_graph
from tracepulse.derive.flow_names import NameBook
from tracepulse.derive.flow_paths import flow_paths
from tracepulse.derive.mesh_flows import mesh_facts, mesh_sightings
from tracepulse.derive.modules import service_modules
from tracepulse.model.flow_graph import Flow, FlowGraph, NodeKind, ServiceModules, Sighting
from tracepulse.model.question import Window
from tracepulse.store.queries.flows import KnownCalls
from tracepulse.store.queries.telemetry import Telemetry

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
    sightings = [
        *_of_spans(known),
        *mesh_sightings(said.series, said.services, said.names),
        *access_sightings(said.hops, said.names),
    ]
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
    """What proxies and meshes said in a window, and which names it brings together."""

    def __init__(self, telemetry: Telemetry, window: Window, data_set: str) -> None:
        self.hops = telemetry.access_hops(window, data_set)
        self.series = telemetry.mesh_series(window, data_set)
        self.services = telemetry.service_names(window, data_set)
        facts = (*access_facts(self.hops), *mesh_facts(self.series, self.services))
        self.names = NameBook(facts, self.services)


_VIRTUAL: Mapping[str, NodeKind] = {"database": "database", "messaging": "queue"}


def _of_spans(known: KnownCalls) -> Iterator[Sighting]:
    for each in known.calls:
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
