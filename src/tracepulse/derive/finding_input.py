"""Spans as rules of findings read them: out of the store as numbers, or as they were sent."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import NodeTable, cohort_paths, node_table
from tracepulse.derive.cohort_codes import CohortCodes, dense
from tracepulse.derive.finding_rules import FindingInput
from tracepulse.derive.path_tree import path_tree
from tracepulse.derive.span_codes import SpanCodes, span_codes
from tracepulse.model.call_shapes import CallName, CallSpans, call_marks, call_shape
from tracepulse.model.cohort import PATH_KEYS, NodeName
from tracepulse.model.span import SpanColumns

__all__ = ["finding_input", "finding_input_of"]

_INSTANCE_KEYS = ("service.instance.id", "faas.instance", "k8s.pod.name", "container.id")
Integers = NDArray[np.int64]


def finding_input(
    codes: CohortCodes,
    spans: CallSpans,
    names: Mapping[int, CallName],
    resources: Mapping[int, Mapping[str, str]],
    root_ids: NDArray[np.uint64],
    number: Integers,
) -> FindingInput:
    """
    Return a chunk out of the store.

    Args:
        codes: of `spans`, row by row.
        spans: of whole traces.
        names: what every node key stands for.
        resources: what every resource key stands for.
        root_ids: of each trace.
        number: of each trace: its request.
    """
    shape, keys = dense(spans.spans.node_key)
    origin, resource_keys = dense(spans.spans.resource_key)
    known = [names[int(key)] for key in keys]
    instance = [_instance(resources[int(key)]) for key in resource_keys]
    return _input(
        codes.spans, codes.table, shape, known, spans.marks, origin, instance, root_ids, number
    )


def finding_input_of(columns: SpanColumns) -> FindingInput:
    """Return whole traces as they were sent; each is numbered by the order of its id."""
    codes, _, nodes = span_codes(columns)
    places: dict[tuple[object, ...], int] = {}
    names: list[CallName] = []
    shape = np.empty(len(columns), np.int64)
    for row in range(len(columns)):
        said = columns.attributes[row]
        kept = {name: said[name] for name in PATH_KEYS if name in said}
        node = NodeName(columns.service[row], columns.name[row], columns.kind[row], kept)
        name = CallName(node, call_shape(said))
        key = (node.service, node.name, node.kind, tuple(kept.items()), name.shape)
        if key not in places:
            places[key] = len(names)
            names.append(name)
        shape[row] = places[key]
    instances = [_instance(each) for each in columns.resource]
    distinct = sorted(set(instances))
    order = {name: place for place, name in enumerate(distinct)}
    origin = np.array([order[name] for name in instances], np.int64)
    marks = np.array([call_marks(said) for said in columns.attributes], np.uint16)
    return _input(
        codes, node_table(nodes), shape, names, marks, origin, distinct, None,
        np.arange(codes.trace_count),
    )  # fmt: skip


def _input(
    codes: SpanCodes,
    table: NodeTable,
    shape: Integers,
    names: Sequence[CallName],
    marks: NDArray[np.uint16],
    instance: Integers,
    instances: Sequence[str],
    root_ids: NDArray[np.uint64] | None,
    number: Integers,
) -> FindingInput:
    found = cohort_paths(codes, len(table.nodes), root_ids)
    tree = path_tree(found.forest, found.paths)
    services = len({node.service for node in table.nodes})
    return FindingInput(
        codes, table, found, tree, number, shape, names, marks, instance, instances, services
    )


def _instance(resource: Mapping[str, str]) -> str:
    """Return which process a resource is of, '' where it does not say."""
    for key in _INSTANCE_KEYS:
        if resource.get(key):
            return f"{resource.get('service.name', '')} {resource[key]}"
    if resource.get("process.pid") and resource.get("host.name"):
        return (
            f"{resource.get('service.name', '')} {resource['host.name']} {resource['process.pid']}"
        )
    return ""
