"""Who calls whom in a window: all evidence that the store holds, made into one graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tracepulse.derive.access_flows import access_facts, access_sightings
from tracepulse.derive.flow_graph import flow_graph
from tracepulse.derive.flow_names import NameBook
from tracepulse.derive.mesh_flows import mesh_facts, mesh_sightings
from tracepulse.model.flow_graph import FlowGraph, NodeKind, Sighting
from tracepulse.model.question import Window
from tracepulse.store.queries.flows import KnownCalls
from tracepulse.store.queries.telemetry import Telemetry

__all__ = ["SeenFlows", "seen_flows"]


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
    hops = telemetry.access_hops(window, data_set)
    series = telemetry.mesh_series(window, data_set)
    services = telemetry.service_names(window, data_set)
    names = NameBook([*access_facts(hops), *mesh_facts(series, services)], services)
    sightings = [
        *_of_spans(known),
        *mesh_sightings(series, services, names),
        *access_sightings(hops, names),
    ]
    return SeenFlows(
        graph=flow_graph(sightings, names, services),
        minutes_joined=known.minutes_joined,
        minutes_left_out=known.minutes_left_out,
    )


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
