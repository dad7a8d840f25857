"""Findings by shape out of the store: chunk by chunk, sightings put together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_codes import cohort_codes
from tracepulse.derive.finding_input import finding_input
from tracepulse.derive.finding_rules import sightings
from tracepulse.derive.findings import Finding, FindingSums, findings
from tracepulse.model.call_shapes import CallName
from tracepulse.model.cohort import Request
from tracepulse.store.queries.cohorts import CohortQueries
from tracepulse.why import CHUNK_REQUESTS, placed, spans_window

__all__ = ["FindingReader"]


@dataclass(slots=True)
class FindingReader:
    """Reads spans of requests with what they ask for, and looks for shapes in them."""

    telemetry: CohortQueries
    data_set: str = ""

    def findings(
        self, requests: Sequence[Request], group: NDArray[np.int64]
    ) -> tuple[Finding, ...]:
        """
        Return what has a shape, is frequent and costs something.

        Args:
            requests: by start.
            group: of each: 0 is usual, 1 is slow, below 0 in neither cohort.
        """
        sums = FindingSums()
        names: dict[int, CallName] = {}
        resources: dict[int, dict[str, str]] = {}
        for begin in range(0, len(requests), CHUNK_REQUESTS):
            part = requests[begin : begin + CHUNK_REQUESTS]
            self._add(begin, part, names, resources, sums)
        start = np.array([each.start_unix_ns for each in requests], np.int64)
        length = np.array([each.duration_ns for each in requests], np.int64)
        return findings(sums, start, length, group)

    def _add(
        self,
        begin: int,
        requests: Sequence[Request],
        names: dict[int, CallName],
        resources: dict[int, dict[str, str]],
        sums: FindingSums,
    ) -> None:
        ids, window = spans_window(requests)
        read = self.telemetry.call_spans(ids, window, self.data_set)
        if not set(np.unique(read.spans.node_key).tolist()) <= names.keys():
            names.update(self.telemetry.call_names(ids, window, self.data_set))
        if not set(np.unique(read.spans.resource_key).tolist()) <= resources.keys():
            found = self.telemetry.path_resources(ids, window, self.data_set)
            resources.update({key: dict(said) for key, said in found.items()})
        nodes = {key: name.node for key, name in names.items()}
        codes = cohort_codes(read.spans, nodes, resources)
        place, root_ids = placed(codes, requests)
        given = finding_input(codes, read, names, resources, root_ids, begin + place)
        sums.add(given, sightings(given))
