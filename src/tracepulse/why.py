"""Why requests are slow: the store is read chunk by chunk, the derivation adds the chunks up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import CohortBlame, NodeTable, cohort_blame, node_table
from tracepulse.derive.cohort_codes import CohortCodes, cohort_codes, merged
from tracepulse.model.cohort import NodeName, Request
from tracepulse.model.question import Window
from tracepulse.store.queries.cohorts import CohortQueries

__all__ = ["CHUNK_REQUESTS", "CohortChunk", "CohortReader", "placed", "spans_window"]

CHUNK_REQUESTS = 10_000
"""Traces that are read at once; of twenty spans each, 13 MB."""
_AROUND_NS = 60_000_000_000
"""Spans of a trace begin at most so long before its root, by a clock that is behind, …"""
_AFTER_NS = 3_600_000_000_000
"""… and at most so long after its end, as messages do."""


@dataclass(frozen=True, slots=True, eq=False)
class CohortChunk:
    """Spans of some requests, and which those are."""

    codes: CohortCodes
    place: NDArray[np.int64]
    """Of each trace, by its code: the request's place among all that were asked for."""
    root_ids: NDArray[np.uint64]
    """Of each trace: its request's span."""


@dataclass(slots=True)
class CohortReader:
    """Reads spans of requests and sums what they waited for."""

    telemetry: CohortQueries
    data_set: str = ""

    def blame(
        self,
        requests: Sequence[Request],
        group: NDArray[np.int64],
        groups: int,
        *,
        count_calls: bool = False,
    ) -> tuple[CohortBlame, NodeTable]:
        """
        Return what held up the requests of each group.

        Args:
            requests: by start.
            group: of each request, from 0.
            groups: how many there are.
            count_calls: also how long calls worked by themselves.
        """
        total: tuple[CohortBlame, NodeTable] | None = None
        for part in self.chunks(requests):
            blame = cohort_blame(
                part.codes.spans,
                part.codes.table,
                group[part.place],
                groups,
                root_ids=part.root_ids,
                count_calls=count_calls,
            )
            found = (blame, part.codes.table)
            total = found if total is None else merged(total, found)
        return total or (_nothing(groups), node_table(()))

    def chunks(self, requests: Sequence[Request]) -> Iterator[CohortChunk]:
        """Read the spans of requests, CHUNK_REQUESTS at a time, by start."""
        names: dict[int, NodeName] = {}
        resources: dict[int, dict[str, str]] = {}
        for begin in range(0, len(requests), CHUNK_REQUESTS):
            yield self._chunk(begin, requests[begin : begin + CHUNK_REQUESTS], names, resources)

    def _chunk(
        self,
        begin: int,
        requests: Sequence[Request],
        names: dict[int, NodeName],
        resources: dict[int, dict[str, str]],
    ) -> CohortChunk:
        ids, window = spans_window(requests)
        spans = self.telemetry.path_spans(ids, window, self.data_set)
        if not set(np.unique(spans.node_key).tolist()) <= names.keys():
            names.update(self.telemetry.path_nodes(ids, window, self.data_set))
        if not set(np.unique(spans.resource_key).tolist()) <= resources.keys():
            found = self.telemetry.path_resources(ids, window, self.data_set)
            resources.update({key: dict(said) for key, said in found.items()})
        codes = cohort_codes(spans, names, resources)
        place, root_ids = placed(codes, requests)
        return CohortChunk(codes, begin + place, root_ids)


def spans_window(requests: Sequence[Request]) -> tuple[list[str], Window]:
    """Return the traces of requests, and the time in which their spans begin."""
    ends = [request.start_unix_ns + request.duration_ns for request in requests]
    window = Window(requests[0].start_unix_ns - _AROUND_NS, max(ends) + _AFTER_NS)
    return [request.trace_id for request in requests], window


def placed(
    codes: CohortCodes, requests: Sequence[Request]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return for each trace, by its code, its request's place and that request's span."""
    keys = np.array([request.trace_key for request in requests], np.uint64)
    roots = np.array([request.span_id for request in requests], np.uint64)
    order = np.argsort(keys)
    place = order[np.searchsorted(keys[order], codes.trace_keys)]
    return place, roots[place]


def _nothing(groups: int) -> CohortBlame:
    none, cells = np.zeros(groups), np.zeros((groups, 0))
    return CohortBlame(
        none.astype(np.int64), none, none, cells.astype(np.int64), cells, cells,
        np.zeros((groups, 0, 0), np.int64),
    )  # fmt: skip
