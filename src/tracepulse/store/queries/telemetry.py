"""The questions that the rest of TracePulse asks of the telemetry tables, with typed answers."""

from dataclasses import dataclass

from tracepulse.store.queries.cohorts import CohortQueries
from tracepulse.store.queries.flow_evidence import FlowEvidenceQueries
from tracepulse.store.queries.flows import FlowQueries
from tracepulse.store.queries.incidents import IncidentQueries
from tracepulse.store.queries.latencies import LatencyQueries
from tracepulse.store.queries.logs import LogQueries
from tracepulse.store.queries.metrics import MetricQueries
from tracepulse.store.queries.patterns import PatternQueries
from tracepulse.store.queries.rollups import RollupQueries
from tracepulse.store.queries.traces import TraceQueries

__all__ = ["DataSetSummary", "Telemetry"]


@dataclass(frozen=True, slots=True)
class DataSetSummary:
    """How much of one signal a data set holds."""

    data_set: str
    signal: str
    records: int
    first_unix_ns: int
    last_unix_ns: int


class Telemetry(
    TraceQueries,
    LogQueries,
    PatternQueries,
    FlowQueries,
    FlowEvidenceQueries,
    MetricQueries,
    RollupQueries,
    IncidentQueries,
    CohortQueries,
    LatencyQueries,
):
    """Asks the engine; every method is one statement from a file of its name."""

    def data_sets(self) -> tuple[DataSetSummary, ...]:
        """Return what is stored."""
        table = self._ask("data_sets", {})
        return tuple(DataSetSummary(**row) for row in table.to_pylist())
