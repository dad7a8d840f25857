"""Spans of a cohort as they leave the store, in the form in which compiled loops read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.categories import CATEGORIES, category_of, resource_of
from tracepulse.derive.cohort_blame import CohortBlame, NodeTable, node_table
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.span_codes import (
    CLIENT,
    PAGE_FETCH,
    Node,
    SpanCodes,
    host_of,
    under_pages,
)
from tracepulse.model.cohort import NodeName, PathSpans

__all__ = ["CohortCodes", "cohort_codes", "dense", "merged"]

Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class CohortCodes:
    """Spans of some traces as codes, and what the codes stand for."""

    spans: SpanCodes
    table: NodeTable
    trace_keys: Keys
    """Of each trace, ascending."""


def cohort_codes(
    spans: PathSpans,
    names: Mapping[int, NodeName],
    resources: Mapping[int, Mapping[str, str]],
) -> CohortCodes:
    """
    Return spans as codes; the order of codes follows names, whatever order the spans came in.

    Args:
        spans: of whole traces.
        names: what every node key of theirs stands for.
        resources: what every resource key of theirs stands for.
    """
    trace, trace_keys = dense(spans.trace_key)
    key, node_keys = dense(spans.node_key)
    origin, resource_keys = dense(spans.resource_key)
    origins = [resources[int(each)] for each in resource_keys]
    is_web = np.array([each.get("telemetry.sdk.language") == "webjs" for each in origins], np.bool_)
    known = [names[int(each)] for each in node_keys]
    nodes_of = [_node(each, False) for each in known]
    if is_web.any():  # a node is told apart by where it runs, only where that may differ
        key = key + len(known) * is_web[origin]
        nodes_of += [_node(each, True) for each in known]
        known += known
    nodes = tuple(sorted(set(nodes_of)))
    code_of = {node: code for code, node in enumerate(nodes)}
    services = {name: code for code, name in enumerate(sorted({n.service for n in nodes}))}
    categories = {category.value: code for code, category in enumerate(CATEGORIES)}
    is_fetch = np.array([each.name == PAGE_FETCH for each in known], np.bool_)
    under = spans.parent_id
    if is_fetch.any():
        fetches = is_fetch[key] & (spans.kind == CLIENT)
        under = under_pages(trace, spans.span_id, under, spans.start_unix_ns, spans.kind, fetches)
    codes = SpanCodes(
        trace=trace,
        trace_count=len(trace_keys),
        span_id=spans.span_id,
        parent_id=under,
        start_unix_ns=spans.start_unix_ns,
        duration_ns=spans.duration_ns,
        kind=spans.kind,
        host=_hosts(origins)[origin],
        service=np.array([services[each.service] for each in nodes_of], np.int32)[key],
        category=np.array([categories[each.category] for each in nodes_of], np.uint8)[key],
        node=np.array([code_of[each] for each in nodes_of], np.int32)[key],
        failed=spans.failed,
    )
    return CohortCodes(codes, node_table(nodes), trace_keys)


def merged(
    one: tuple[CohortBlame, NodeTable], other: tuple[CohortBlame, NodeTable]
) -> tuple[CohortBlame, NodeTable]:
    """Return the blame of both, by the nodes of both."""
    table = node_table(tuple(sorted({*one[1].nodes, *other[1].nodes})))
    return _moved(*one, table) + _moved(*other, table), table


def _moved(blame: CohortBlame, old: NodeTable, new: NodeTable) -> CohortBlame:
    """Return blame by the cells of another table that has all nodes of its own."""
    cells = new.cells_in(old)

    def spread(values: NDArray[np.generic]) -> NDArray[np.generic]:
        wide = np.zeros((values.shape[0], new.cells, *values.shape[2:]), values.dtype)
        wide[:, cells] = values
        return wide

    per_cell = (blame.held, blame.held_ns, blame.held_square, blame.calls)
    return CohortBlame(
        blame.requests,
        blame.length_ns,
        blame.length_square,
        *(spread(each) for each in per_cell),  # type: ignore[arg-type]
    )


def _node(name: NodeName, in_browser: bool) -> Node:
    resource = {"telemetry.sdk.language": "webjs"} if in_browser else {}
    category = category_of(name.kind, name.name, name.attributes, resource)
    return Node(name.service, name.name, category.value, resource_of(category, name.attributes))


def _hosts(origins: Sequence[Mapping[str, str]]) -> NDArray[np.int32]:
    """Return the host of each resource in the order of names, -1 where there is none."""
    hosts = [host_of(origin) for origin in origins]
    places = {name: place - 1 for place, name in enumerate(sorted({*hosts, ""}))}
    return np.array([places[host] for host in hosts], np.int32)


def dense(keys: Keys) -> tuple[NDArray[np.int64], Keys]:
    """Return each key's place among the distinct keys in ascending order, and those."""
    size = 1 << max(4, (2 * min(len(keys), 1 << 22)).bit_length())
    places, first = _places(keys, size)
    while len(places) != len(keys):
        size *= 4
        places, first = _places(keys, size)
    distinct = keys[first]
    order = np.argsort(distinct)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return (rank[places] if len(rank) else places), distinct[order]


@kernel
def _places(keys: Cells, size: int) -> tuple[Cells, Cells]:
    """Number keys by first occurrence, and say where that is; empty where there is no room."""
    slots = np.full(size, -1, np.int64)
    first = np.empty(size // 2 + 1, np.int64)
    places = np.empty(len(keys), np.int64)
    count = 0
    mask = np.uint64(size - 1)
    for i in range(len(keys)):
        key = keys[i]
        slot = np.int64((key ^ (key >> np.uint64(29))) & mask)
        while slots[slot] >= 0 and keys[first[slots[slot]]] != key:
            slot = (slot + 1) & np.int64(size - 1)
        if slots[slot] < 0:
            if count > size // 2:
                return places[:0], first[:0]
            slots[slot] = count
            first[count] = i
            count += 1
        places[i] = slots[slot]
    return places, first[:count]
