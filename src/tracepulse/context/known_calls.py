"""
Who calls whom around an incident: spans first, and all other evidence where they say nothing.

The calls of spans are kept by the minute and cost nothing to ask for. The whole graph reads the lines of
proxies and looks at spans closely, so it is asked for only where a service in question is in no call
that spans show.
"""

from collections.abc import Collection

from tracepulse.context.flows import seen_flows
from tracepulse.model.flow import FlowEdge
from tracepulse.model.question import Window
from tracepulse.store.queries.telemetry import Telemetry

__all__ = ["calls_around"]


def calls_around(
    telemetry: Telemetry,
    window: Window,
    services: Collection[str] = (),
    *,
    counted: bool = False,
    limit: int = 500,
) -> tuple[FlowEdge, ...]:
    """
    Return who calls whom in a stretch of time.

    Args:
        telemetry: what is stored.
        window: the stretch.
        services: those that the answer is about; '' is none.
        counted: leave out calls that only ids shared by log lines show: these lines are a sample, and
            do not tell which calls failed.
        limit: of calls that spans show.

    """
    edges = tuple(
        FlowEdge(
            caller=edge.caller,
            callee=edge.callee,
            connection=edge.connection,
            calls=edge.calls,
            errors=edge.errors,
            inferred_from=edge.inferred_from,
            callee_is_virtual=edge.inferred_from == "peer",
        )
        for edge in telemetry.service_graph(window, limit=limit)
    )
    known = {end for edge in edges for end in (edge.caller, edge.callee)}
    if not set(services) - known - {""}:
        return edges
    return edges + _of_other_evidence(telemetry, window, known, counted=counted)


def _of_other_evidence(
    telemetry: Telemetry, window: Window, known: Collection[str], *, counted: bool
) -> tuple[FlowEdge, ...]:
    """Return the calls that have an end which no span shows."""
    graph = seen_flows(telemetry, window).graph
    virtual = {node.name for node in graph.nodes if not node.sends_telemetry}
    return tuple(
        FlowEdge(
            caller=edge.caller,
            callee=edge.callee,
            connection=edge.connection,
            calls=edge.calls,
            errors=edge.errors,
            inferred_from=edge.counted_by,
            callee_is_virtual=edge.callee in virtual,
            sureness_ratio=edge.confidence_ratio,
        )
        for edge in graph.edges
        if not {edge.caller, edge.callee} <= {*known, ""}
        and edge.counted_by not in ("spans", "links", "peer")
        and not (counted and edge.counted_by == "logs")
    )
