"""
What other traces of a route show of one of its traces: which calls wait for which, whose clock is off.

Names are what the two have in common: operations and hosts of the one trace get the codes that
they have among the others. A page's own requests are not learned from: they run at once by nature,
and what a browser waits for is known (page_paths.py). Nor are browsers' clocks: no two are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tracepulse.derive.categories import Category
from tracepulse.derive.clock_skew import PairOffsets
from tracepulse.derive.cohort_codes import cohort_codes
from tracepulse.derive.dependencies import Dependencies, learn_dependencies
from tracepulse.derive.span_codes import Node, SpanCodes, host_of
from tracepulse.derive.trace_tree import clock_offsets, trace_forest
from tracepulse.model.cohort import NodeName, PathSpans
from tracepulse.model.span import SpanColumns

__all__ = ["Siblings", "learn_from", "recoded"]

_OF_BROWSERS = frozenset({Category.BROWSER, Category.RESOURCE})


@dataclass(frozen=True, slots=True, eq=False)
class Siblings:
    """What some traces of one route show."""

    traces: int
    dependencies: Dependencies
    clocks: PairOffsets
    nodes: Mapping[Node, int]
    """Their codes."""
    hosts: Mapping[str, int]
    """Their codes, by name."""


def learn_from(
    spans: PathSpans,
    names: Mapping[int, NodeName],
    resources: Mapping[int, Mapping[str, str]],
) -> Siblings:
    """
    Return what traces show.

    Args:
        spans: of whole traces, in any order.
        names, resources: what their keys stand for.
    """
    # As they leave the store they cannot be written to: compiled loops would be compiled for that.
    own = {name: np.array(getattr(spans, name)) for name in spans.__slots__}
    coded = cohort_codes(PathSpans(**own), names, resources)
    nodes = {node: code for code, node in enumerate(coded.table.nodes)}
    present = [resources[int(key)] for key in np.unique(spans.resource_key)]
    hosts = sorted({host_of(each) for each in present} | {""})
    clocks = clock_offsets(coded.spans)
    # One code more than there are nodes: for what none of these traces has.
    forest = trace_forest(coded.spans, clocks=clocks)
    learned = learn_dependencies(forest, coded.spans, len(nodes) + 1)
    return Siblings(
        traces=coded.spans.trace_count,
        dependencies=_without_pages(learned, coded.table.nodes),
        clocks=clocks,
        nodes=nodes,
        hosts={host: code - 1 for code, host in enumerate(hosts)},
    )


def _without_pages(learned: Dependencies, nodes: tuple[Node, ...]) -> Dependencies:
    """Return what was learned of parents that are no spans of a browser."""
    of_page = np.array([node.category in _OF_BROWSERS for node in nodes] + [False], np.bool_)
    pairs, calls = ~of_page[learned.pair_parent], ~of_page[learned.call_parent]
    kept = {
        name: getattr(learned, name)[pairs]
        for name in (
            "pair_parent", "pair_a", "pair_b", "a_turn", "b_turn",
            "a_first", "b_first", "mixed", "together", "pair_traces",
        )
    }  # fmt: skip
    kept |= {
        name: getattr(learned, name)[calls] for name in ("call_parent", "call", "within", "beyond")
    }
    return replace(learned, **kept)


def recoded(
    codes: SpanCodes, nodes: tuple[Node, ...], columns: SpanColumns, siblings: Siblings
) -> SpanCodes:
    """
    Return a trace's codes with the nodes and hosts of its siblings.

    Args:
        codes, nodes: `span_codes(columns)`.
    """
    unknown = len(siblings.nodes)
    node = np.array([siblings.nodes.get(each, unknown) for each in nodes], np.int32)
    own = {-1: -1}
    for code, resource in zip(codes.host.tolist(), columns.resource, strict=True):
        if code not in own:
            # A browser, or a host that no sibling has, comes after those that are known.
            own[code] = siblings.hosts.get(host_of(resource) or "?", len(siblings.hosts) + code)
    host = np.array([own[code] for code in codes.host.tolist()], np.int32)
    return replace(codes, node=node[codes.node], host=host)
