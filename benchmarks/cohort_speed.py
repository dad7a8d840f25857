"""
How fast blame of a cohort is summed, and how fast CRISP finds paths on the same traces.

Part of `benchmarks/blocking_path.py`. CRISP is not shipped with this: `--crisp DIR` names a folder
that holds its package `crisp`, as a checkout of uber-research/CRISP does.
"""

import importlib
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import CohortBlame, NodeTable, cohort_blame
from tracepulse.derive.cohort_codes import cohort_codes, merged
from tracepulse.model.cohort import PATH_KEYS, NodeName, PathSpans
from tracepulse.model.span import SpanColumns

__all__ = ["as_stored", "cohort_rates", "crisp_rate", "jaeger_traces"]

KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")


class Stored:
    """Spans as the store's query gives them, and what their keys stand for."""

    def __init__(self, spans: PathSpans) -> None:
        self.spans = spans
        self.names: dict[int, NodeName] = {}
        self.resources: dict[int, Mapping[str, str]] = {}


def as_stored(columns: SpanColumns) -> Stored:
    """Return spans as numbers: the columns that `path_spans` answers with."""
    rows = range(len(columns))
    names = [
        (
            columns.service[row],
            columns.name[row],
            columns.kind[row],
            tuple(sorted(_telling(columns.attributes[row]).items())),
        )
        for row in rows
    ]
    resources = [tuple(sorted(said.items())) for said in columns.resource]
    name_keys, resource_keys = _keys(names), _keys(resources)
    found = Stored(
        PathSpans(
            trace_key=_numbers([text[:16] for text in columns.trace_id]),
            span_id=_numbers(columns.span_id),
            parent_id=_numbers([text or "0" for text in columns.parent_span_id]),
            start_unix_ns=columns.start_unix_ns,
            duration_ns=columns.duration_ns,
            kind=np.array([KINDS.index(kind) for kind in columns.kind], np.uint8),
            node_key=np.array([name_keys[name] for name in names], np.uint64),
            resource_key=np.array([resource_keys[each] for each in resources], np.uint64),
            failed=np.asarray(columns.status_code == "Error", np.bool_),
        )
    )
    found.names = {
        key: NodeName(service, name, kind, dict(said))
        for (service, name, kind, said), key in name_keys.items()
    }
    found.resources = {key: dict(said) for said, key in resource_keys.items()}
    return found


def _telling(attributes: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in attributes.items() if key in PATH_KEYS}


def _keys(values: Sequence[Any]) -> dict[Any, int]:
    """Return a key for each value, far from the next as a hash would be."""
    distinct = sorted(set(values))
    return {each: (place * 0x9E3779B97F4A7C15 + 1) % 2**64 for place, each in enumerate(distinct)}


def _numbers(texts: Iterable[str]) -> NDArray[np.uint64]:
    return np.array([int(text, 16) for text in texts], np.uint64)


def _summed(stored: Stored) -> tuple[CohortBlame, NodeTable]:
    """From columns to blame, in two groups: half of the requests each."""
    codes = cohort_codes(stored.spans, stored.names, stored.resources)
    group = np.arange(len(codes.trace_keys)) % 2
    return cohort_blame(codes.spans, codes.table, group, 2), codes.table


def cohort_rates(chunks: Sequence[Stored], repeats: int) -> list[float]:
    """Return spans per processor second for each chunk, summed up with those before it."""
    total = _summed(chunks[0])
    rates = []
    for stored in chunks:
        for _ in range(repeats):
            begun = time.process_time()
            merged(total, _summed(stored))
            rates.append(len(stored.spans) / (time.process_time() - begun))
    return rates


def jaeger_traces(columns: SpanColumns, most_spans: int) -> list[tuple[str, str, str, int]]:
    """Return traces as Jaeger's JSON, with service and operation of the root, and their size."""
    members: dict[str, list[int]] = {}
    for row, trace_id in enumerate(columns.trace_id):
        members.setdefault(trace_id, []).append(row)
    found, spans = [], 0
    for trace_id, rows in sorted(members.items()):
        roots = [row for row in rows if not columns.parent_span_id[row]]
        if len(roots) != 1 or spans >= most_spans:
            continue
        spans += len(rows)
        body = {"data": [_jaeger(columns, trace_id, rows)]}
        root = roots[0]
        found.append((json.dumps(body), columns.service[root], columns.name[root], len(rows)))
    return found


def _jaeger(columns: SpanColumns, trace_id: str, rows: Sequence[int]) -> dict[str, Any]:
    services = sorted({columns.service[row] for row in rows})
    places = {service: f"p{place}" for place, service in enumerate(services)}
    return {
        "traceID": trace_id,
        "processes": {
            place: {"serviceName": service, "tags": []} for service, place in places.items()
        },
        "spans": [
            {
                "traceID": trace_id,
                "spanID": columns.span_id[row],
                "operationName": columns.name[row],
                "references": [
                    {
                        "refType": "CHILD_OF",
                        "traceID": trace_id,
                        "spanID": columns.parent_span_id[row],
                    }
                ]
                if columns.parent_span_id[row]
                else [],
                "startTime": int(columns.start_unix_ns[row]) // 1000,
                "duration": int(columns.duration_ns[row]) // 1000,
                "tags": [{"key": "span.kind", "value": columns.kind[row].lower()}],
                "logs": [],
                "processID": places[columns.service[row]],
            }
            for row in rows
        ],
    }


def crisp_rate(folder: Path, traces: Sequence[tuple[str, str, str, int]]) -> float:
    """Return spans per processor second of CRISP: JSON to its graph to its critical path."""
    sys.path.insert(0, str(folder))
    graph: Any = importlib.import_module("crisp.graph")
    spent, spans = 0.0, 0
    for text, service, operation, size in traces:
        begun = time.process_time()
        found = graph.Graph(json.loads(text), service, operation, "")
        path = found.findCriticalPath() if found.rootNode else None
        spent += time.process_time() - begun
        if path:
            spans += size
    return spans / spent
