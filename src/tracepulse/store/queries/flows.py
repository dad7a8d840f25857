"""Questions about who calls whom."""

from dataclasses import dataclass

from tracepulse.model.question import Window
from tracepulse.store.queries.statements import Queries, window_parameters

__all__ = ["FlowQueries", "GraphEdge"]


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """One service calling another, or being called from outside ('')."""

    caller: str
    callee: str
    connection: str
    """http, rpc, database or messaging."""
    inferred_from: str
    """spans: both sides were seen; peer: only the caller's attributes tell."""
    calls: int
    errors: int
    p50_ns: int
    p95_ns: int


class FlowQueries(Queries):
    """What can be asked of calls between services."""

    def service_graph(
        self, window: Window, data_set: str = "", limit: int = 500
    ) -> tuple[GraphEdge, ...]:
        """Return who calls whom, by number of calls."""
        table = self._ask(
            "service_graph",
            {**window_parameters(window), "data_set": data_set, "limit": limit},
        )
        return tuple(GraphEdge(**row) for row in table.to_pylist())
