"""
Compile every kernel of the blocking path, of what-if and of flows from logs now, rather than at the first question.

    python -m tracepulse.derive.warm_up

Takes ten to twenty seconds on a new installation and well under one second after that. Best done
when installing: compiling in a server holds the interpreter lock and so stalls its other threads.
"""

from types import MappingProxyType

import numpy as np

from tracepulse.derive.cohort_blame import node_table
from tracepulse.derive.dependencies import flag_left_behind, learn_dependencies, rules_of
from tracepulse.derive.log_graph import record_graph
from tracepulse.derive.path_walk import blame_ns, blocking_paths
from tracepulse.derive.shifts import contrasts
from tracepulse.derive.siblings import learn_from
from tracepulse.derive.span_codes import span_codes
from tracepulse.derive.trace_tree import clock_offsets, trace_forest
from tracepulse.derive.what_if import Change, replays
from tracepulse.model.cohort import NodeName, PathSpans
from tracepulse.model.log import LogRecord
from tracepulse.model.span import SpanColumns

__all__ = ["warm_up"]


def warm_up() -> None:
    """Run every kernel once, on a call between two hosts of which one has its clock wrong."""
    texts = {
        "trace_id": ("0a", "0a", "0a"),
        "span_id": ("0000000000000001", "0000000000000002", "0000000000000003"),
        "parent_span_id": ("", "0000000000000001", "0000000000000002"),
        "service": ("a", "a", "b"),
        "name": ("x", "y", "z"),
        "kind": ("Server", "Client", "Server"),
        "status_code": ("Unset", "Unset", "Unset"),
        "status_message": ("", "", ""),
    }
    here, there = (MappingProxyType({"host.name": host}) for host in ("a", "b"))
    columns = SpanColumns(
        **{name: np.array(values, dtype=object) for name, values in texts.items()},
        start_unix_ns=np.array([0, 10, 500], np.int64),
        duration_ns=np.array([100, 50, 20], np.int64),
        attributes=(here, here, here),
        resource=(here, here, there),
        linked_span_ids=(),
        moments=(),
    )
    codes, _, nodes = span_codes(columns)
    forest = trace_forest(codes)
    blame_ns(blocking_paths(forest, codes), forest, codes)
    learned = learn_dependencies(forest, codes)
    flag_left_behind(forest, codes, learned)
    forest = trace_forest(codes, clocks=clock_offsets(codes))
    blocking_paths(forest, codes, rules_of(learned))
    replays(codes, node_table(nodes)).ask(Change(faster_ratio=0.5), np.ones(1, np.bool_))
    learn_from(*_some_stored_spans())
    record_graph(_some_lines())
    contrasts(np.zeros(4), 2, 2)


def _some_stored_spans() -> tuple[PathSpans, dict[int, NodeName], dict[int, dict[str, str]]]:
    """Return a span and its child as the store has them."""
    spans = PathSpans(
        trace_key=np.zeros(2, np.uint64),
        span_id=np.array([1, 2], np.uint64),
        parent_id=np.array([0, 1], np.uint64),
        start_unix_ns=np.zeros(2, np.int64),
        duration_ns=np.array([100, 50], np.int64),
        kind=np.ones(2, np.uint8),
        node_key=np.zeros(2, np.uint64),
        resource_key=np.zeros(2, np.uint64),
        failed=np.zeros(2, np.bool_),
    )
    return spans, {0: NodeName("a", "x", "Internal", {})}, {0: {}}


def _some_lines() -> list[LogRecord]:
    """Return the lines of a service that calls another on a host whose clock is wrong."""
    second = 1_000_000_000
    written = (
        (0, "a", "received"),
        (second // 50, "b", "received"),
        (second // 25, "b", "done"),
        (second // 10, "a", "done"),
    )
    return [
        LogRecord(
            (number * 60 + (5 if service == "b" else 0)) * second + at_ns,
            service,
            "",
            9,
            f"{word} order 7f3a{number:04d}",
            "",
            "",
            {},
            {"host.name": service},
            "loopback",
        )
        for number in range(20)
        for at_ns, service, word in written
    ]


if __name__ == "__main__":
    warm_up()
