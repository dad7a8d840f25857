"""The made-up company as arrays: operations, who may call whom, and compiled record templates."""

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from benchmarks.generator.log_lines import log_lines
from benchmarks.generator.operations import Operation, operations
from benchmarks.generator.vocabulary import EDGE_SERVICES, SERVICES, Service
from benchmarks.generator.wire import (
    Attribute,
    Piece,
    Templates,
    attributes,
    compile_templates,
    message,
    text,
)
from numpy.typing import NDArray

__all__ = ["SCHEMA_URL", "World", "resource_attributes", "world"]

SCHEMA_URL = "https://opentelemetry.io/schemas/1.38.0"
REPLICAS = 3

_RUNTIMES = {
    "java": ("java", "OpenJDK Runtime Environment", "21.0.4+7-LTS"),
    "python": ("python", "cpython", "3.12.7"),
    "nodejs": ("nodejs", "nodejs", "22.11.0"),
    "go": ("go", "go", "go1.24.1"),
    "dotnet": ("dotnet", ".NET", "9.0.1"),
}
_MAX_TRACE_SPANS = 2_000
_TAIL = 1.15
"""Exponent of the power law of trace sizes: P(size > s) falls as s ** -1.15."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Everything that does not depend on the seed. Integer arrays are indexed by operation."""

    operations: tuple[Operation, ...]
    roots: NDArray[np.int64]
    """Operations that start traces."""
    role: NDArray[np.int64]
    target: NDArray[np.int64]
    """The operation that answers a call; -1 where there is none."""
    base_ns: NDArray[np.int64]
    error_ppm: NDArray[np.int64]
    service: NDArray[np.int64]
    callee_start: NDArray[np.int64]
    """Where each operation's callees start in `callees`; one more entry than operations."""
    callees: NDArray[np.int64]
    replicas: NDArray[np.int64]
    """Where each service's resources start; one more entry than services."""
    resource_service: NDArray[np.int64]
    """Service of each resource."""
    sizes: NDArray[np.int64]
    """Trace sizes, one per quantile."""
    quantiles: NDArray[np.int64]
    """Quantiles of a length of time relative to its median, in thousandths."""
    span_templates: Templates
    span_variants: NDArray[np.int64]
    """Where the variants of (operation, failed) start, at operation * 3 + failed; and the end."""
    log_templates: Templates
    log_variants: NDArray[np.int64]
    """Where the variants of (service, kind) start, at service * 3 + kind; and the end."""
    span_scopes: tuple[bytes, ...]
    """Encoded scope field of each service's spans."""
    log_scopes: tuple[bytes, ...]
    resources: tuple[bytes, ...]
    """Encoded resource field of each resource."""


def _callees(found: list[Operation]) -> list[list[int]]:
    """Return what each operation may call: clients, databases, functions of its service."""
    by_service: list[list[int]] = [[] for _ in SERVICES]
    for index, operation in enumerate(found):
        if operation.kind in {"internal", "client", "producer"}:
            by_service[operation.service].append(index)
    return [[c for c in by_service[op.service] if c != i] for i, op in enumerate(found)]


def _trace_sizes() -> NDArray[np.int64]:
    steps = 1 << 16
    sizes = [int(2 * ((steps - at) / steps) ** (-1 / _TAIL)) for at in range(steps)]
    return np.minimum(np.array(sizes, np.int64), _MAX_TRACE_SPANS)


def _quantiles() -> NDArray[np.int64]:
    """Return a log-normal with sigma 0.7, as integers, so that every machine draws the same."""
    normal = NormalDist()
    return np.array(
        [
            round(1000 * 2.718281828 ** (0.7 * normal.inv_cdf((i + 0.5) / 1025)))
            for i in range(1025)
        ],
        np.int64,
    )


def resource_attributes(service: Service, replica: int) -> dict[str, Attribute]:
    """Return the resource of one replica of a service."""
    number = sum(ord(letter) * (place + 7) for place, letter in enumerate(service.name))
    pod = f"{service.name}-{number * 2654435761 % 0xFFFFFFFF:08x}-{number * 31 % 9973:04d}{replica}"
    language, runtime, version = _RUNTIMES[service.language]
    return {
        "service.name": service.name,
        "service.namespace": "shop",
        "service.version": f"{1 + number % 4}.{number % 23}.{number % 7}",
        "service.instance.id": f"{pod}.shop",
        "deployment.environment.name": "production",
        "host.name": f"node-{number % 12:02d}-{replica}.eu-central-1.compute.internal",
        "host.arch": "amd64",
        "os.type": "linux",
        "cloud.provider": "aws",
        "cloud.region": "eu-central-1",
        "k8s.cluster.name": "shop-production",
        "k8s.namespace.name": "shop",
        "k8s.deployment.name": service.name,
        "k8s.pod.name": pod,
        "k8s.node.name": f"node-{number % 12:02d}-{replica}",
        "k8s.container.name": "app",
        "process.pid": 7 + number % 3000 + replica,
        "process.runtime.name": runtime,
        "process.runtime.version": version,
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.language": language,
        "telemetry.sdk.version": "1.45.2",
    }


def _scope(name: str) -> bytes:
    return message(1, text(1, name), text(2, "1.45.2")).data


def _variants(groups: list[list[Piece]]) -> tuple[Templates, NDArray[np.int64]]:
    starts = np.cumsum([0] + [len(group) for group in groups], dtype=np.int64)
    return compile_templates([piece for group in groups for piece in group]), starts


@cache
def world() -> World:
    """Return the made-up company; building it takes a fraction of a second."""
    found = operations()
    place = {operation.key: index for index, operation in enumerate(found) if operation.key}
    callees = _callees(found)
    spans, span_variants = _variants(
        [list(op.spans(failed=failed)) for op in found for failed in range(3)]
    )
    logs, log_variants = _variants(
        [list(log_lines(index, kind=kind)) for index in range(len(SERVICES)) for kind in range(3)]
    )
    first_jobs = EDGE_SERVICES - 1
    # Three in four traces start at the two busiest front doors.
    roots = [
        index
        for index, op in enumerate(found)
        if op.root
        for _ in range(6 if op.service < 2 else (2 if op.service < first_jobs else 1))
    ]
    return World(
        operations=tuple(found),
        roots=np.array(roots, np.int64),
        role=np.array([op.role for op in found], np.int64),
        target=np.array([place.get(op.target, -1) for op in found], np.int64),
        base_ns=np.array([op.base_ns for op in found], np.int64),
        error_ppm=np.array([op.error_ppm for op in found], np.int64),
        service=np.array([op.service for op in found], np.int64),
        callee_start=np.cumsum([0] + [len(row) for row in callees], dtype=np.int64),
        callees=np.array([callee for row in callees for callee in row], np.int64),
        replicas=np.arange(0, REPLICAS * len(SERVICES) + 1, REPLICAS, dtype=np.int64),
        resource_service=np.repeat(np.arange(len(SERVICES), dtype=np.int64), REPLICAS),
        sizes=_trace_sizes(),
        quantiles=_quantiles(),
        span_templates=spans,
        span_variants=span_variants,
        log_templates=logs,
        log_variants=log_variants,
        span_scopes=tuple(_scope(f"io.opentelemetry.{s.language}.http") for s in SERVICES),
        log_scopes=tuple(_scope(f"shop.{s.noun}") for s in SERVICES),
        resources=tuple(
            message(1, attributes(1, resource_attributes(service, replica))).data
            for service in SERVICES
            for replica in range(REPLICAS)
        ),
    )
