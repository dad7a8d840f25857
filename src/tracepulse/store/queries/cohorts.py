"""Questions about cohorts of requests: their roots, and their spans as numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tracepulse.model.call_shapes import CallName, CallSpans
from tracepulse.model.cohort import CohortQuestion, NodeName, PathSpans, Request
from tracepulse.model.question import Window
from tracepulse.store.engine import Parameter, QueryLimits
from tracepulse.store.queries.statements import Filters, Queries, integers, window_parameters

__all__ = ["CohortQueries"]

_LIMITS = QueryLimits(time_s=60, memory_bytes=1024**3, rows=16_000_000)


class CohortQueries(Queries):
    """What can be asked of requests that are alike."""

    def cohort_requests(self, question: CohortQuestion) -> tuple[Request, ...]:
        """Return the requests that are meant, by start, then by trace."""
        filters = Filters()
        if question.service:
            filters.add("ServiceName = {service:String}", service=question.service)
        if question.operation:
            filters.add("SpanName = {operation:String}", operation=question.operation)
        filters.attributes(question.attributes, ("SpanAttributes", self._resource))
        table = self._ask(
            "cohort_roots",
            {
                **window_parameters(question.window),
                "data_set": question.data_set,
                "limit": question.limit,
            },
            filters,
            limits=_LIMITS,
        )
        requests = [
            Request(
                **{**row, "attributes": dict(row["attributes"]), "resource": dict(row["resource"])}
            )
            for row in table.to_pylist()
        ]
        return tuple(sorted(requests, key=lambda each: (each.start_unix_ns, each.trace_id)))

    def sibling_traces(
        self, service: str, operation: str, window: Window, data_set: str = "", limit: int = 200
    ) -> tuple[tuple[str, int, int], ...]:
        """Return the latest traces whose root is like this: ids, starts and ends in Unix ns."""
        table = self._ask(
            "sibling_traces",
            {
                **window_parameters(window),
                "service": service,
                "operation": operation,
                "data_set": data_set,
                "limit": limit,
            },
            limits=_LIMITS,
        )
        return tuple(
            (row["trace_id"], row["start_unix_ns"], row["end_unix_ns"]) for row in table.to_pylist()
        )

    def path_spans(self, trace_ids: Sequence[str], window: Window, data_set: str = "") -> PathSpans:
        """Return the spans of some traces that begin in a window, as numbers, in any order."""
        table = self._ask("path_spans", _parameters(trace_ids, window, data_set), limits=_LIMITS)
        return _path_spans(table)

    def path_nodes(
        self, trace_ids: Sequence[str], window: Window, data_set: str = ""
    ) -> Mapping[int, NodeName]:
        """Return what the node keys of some traces' spans stand for."""
        table = self._ask("path_nodes", _parameters(trace_ids, window, data_set), limits=_LIMITS)
        return {row["node_key"]: _node_name(row) for row in table.to_pylist()}

    def call_spans(self, trace_ids: Sequence[str], window: Window, data_set: str = "") -> CallSpans:
        """Return the same, told apart by what calls ask for, with marks; in any order."""
        table = self._ask("call_spans", _parameters(trace_ids, window, data_set), limits=_LIMITS)
        return CallSpans(
            _path_spans(table), np.asarray(table.column("marks").to_numpy(), np.uint16)
        )

    def call_names(
        self, trace_ids: Sequence[str], window: Window, data_set: str = ""
    ) -> Mapping[int, CallName]:
        """Return what the node keys of `call_spans` stand for."""
        table = self._ask("call_names", _parameters(trace_ids, window, data_set), limits=_LIMITS)
        return {
            row["node_key"]: CallName(_node_name(row), row["shape"]) for row in table.to_pylist()
        }

    def path_resources(
        self, trace_ids: Sequence[str], window: Window, data_set: str = ""
    ) -> Mapping[int, Mapping[str, str]]:
        """Return what the resource keys of some traces' spans stand for."""
        table = self._ask(
            "path_resources", _parameters(trace_ids, window, data_set), limits=_LIMITS
        )
        return {row["resource_key"]: dict(row["resource"]) for row in table.to_pylist()}


def _parameters(trace_ids: Sequence[str], window: Window, data_set: str) -> dict[str, Parameter]:
    return {**window_parameters(window), "trace_ids": list(trace_ids), "data_set": data_set}


def _path_spans(table: pa.Table) -> PathSpans:
    return PathSpans(
        trace_key=_keys(table, "trace_key"),
        span_id=_keys(table, "span_id"),
        parent_id=_keys(table, "parent_id"),
        start_unix_ns=integers(table, "start_unix_ns"),
        duration_ns=integers(table, "duration_ns"),
        kind=np.asarray(table.column("kind").to_numpy(), np.uint8),
        node_key=_keys(table, "node_key"),
        resource_key=_keys(table, "resource_key"),
        failed=np.asarray(table.column("failed").to_numpy(), np.bool_),
    )


def _node_name(row: Mapping[str, Any]) -> NodeName:
    said = dict(zip(row["keys"], row["values"], strict=True))
    return NodeName(row["service"], row["name"], row["kind"], said)


def _keys(table: pa.Table, name: str) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    return np.asarray(table.column(name).to_numpy(), np.uint64)
