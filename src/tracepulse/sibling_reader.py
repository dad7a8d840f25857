"""What other traces of its route tell of one trace: read from the store, learned by the derivation."""

from tracepulse.derive.limits.dependencies import (
    MAX_SIBLING_SPANS,
    MAX_SIBLING_TRACES,
    MIN_SIBLING_TRACES,
    SIBLINGS_BEFORE_NS,
)
from tracepulse.derive.siblings import Siblings, learn_from
from tracepulse.derive.span_codes import span_codes
from tracepulse.derive.trace_tree import trace_forest
from tracepulse.model.question import Window
from tracepulse.model.span import SpanColumns
from tracepulse.store.queries.cohorts import CohortQueries

__all__ = ["siblings_of"]

_AROUND_NS = 60_000_000_000
"""Spans of a trace begin at most so long before its root, by a clock that is behind, or after its end."""


def siblings_of(telemetry: CohortQueries, columns: SpanColumns, data_set: str) -> Siblings | None:
    """
    Return what the latest traces of a trace's route show, this one among them; None where there are too few.

    They are those that began no later than it and at most an hour before, so that the answer is the
    same however much is stored later. The more spans the trace has, the fewer are read.
    """
    forest = trace_forest(span_codes(columns)[0])
    root = int(forest.root[0]) if len(forest.root) else -1
    limit = min(MAX_SIBLING_TRACES, MAX_SIBLING_SPANS // max(len(columns), 1))
    if root < 0 or limit < MIN_SIBLING_TRACES:
        return None
    row = int(forest.row[root])
    start = int(columns.start_unix_ns[row])
    window = Window(start - SIBLINGS_BEFORE_NS, start + 1)
    found = telemetry.sibling_traces(
        columns.service[row], columns.name[row], window, data_set, limit
    )
    if len(found) < MIN_SIBLING_TRACES:
        return None
    ids = sorted(trace_id for trace_id, _, _ in found)
    around = Window(
        min(begun for _, begun, _ in found) - _AROUND_NS,
        max(ended for _, _, ended in found) + _AROUND_NS,
    )
    return learn_from(
        telemetry.path_spans(ids, around, data_set),
        telemetry.path_nodes(ids, around, data_set),
        telemetry.path_resources(ids, around, data_set),
    )
