"""Cohorts of requests: which are meant, and their spans as numbers, as they leave the store."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.model.question import AttributeFilter, Window

__all__ = ["PATH_KEYS", "CohortQuestion", "NodeName", "PathSpans", "Request"]

PATH_KEYS = (
    "db.system.name",
    "db.system",
    "messaging.system",
    "messaging.operation.type",
    "messaging.operation",
    "cache.key",
    "cache.hit",
    "server.address",
    "net.peer.name",
    "peer.service",
    "db.namespace",
    "db.name",
    "messaging.destination.name",
)
"""Attributes that tell what a span's time is spent on, and what it calls."""


@dataclass(frozen=True, slots=True)
class CohortQuestion:
    """Which requests are meant: traces whose root is like this."""

    window: Window
    data_set: str = ""
    service: str = ""
    operation: str = ""
    attributes: tuple[AttributeFilter, ...] = ()
    limit: int = 10_000
    """Of more, those whose ids hash lowest: the same ones each time."""


@dataclass(frozen=True, slots=True)
class Request:
    """The root of one trace."""

    trace_id: str
    trace_key: int
    span_id: int
    """As a number."""
    start_unix_ns: int
    duration_ns: int
    attributes: Mapping[str, str]
    resource: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NodeName:
    """What a node's key stands for."""

    service: str
    name: str
    kind: str
    attributes: Mapping[str, str]
    """Only those of PATH_KEYS; `cache.key` without its value."""


@dataclass(frozen=True, slots=True, eq=False)
class PathSpans:
    """Spans of whole traces, one per row, in any order: what a blocking path is found from."""

    trace_key: NDArray[np.uint64]
    """Hash of the trace's id."""
    span_id: NDArray[np.uint64]
    parent_id: NDArray[np.uint64]
    """0 where there is none."""
    start_unix_ns: NDArray[np.int64]
    duration_ns: NDArray[np.int64]
    kind: NDArray[np.uint8]
    """0 to 5: Unspecified, Internal, Server, Client, Producer, Consumer."""
    node_key: NDArray[np.uint64]
    """Hash of everything in NodeName."""
    resource_key: NDArray[np.uint64]
    """Hash of all attributes of the resource."""
    failed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.trace_key)
