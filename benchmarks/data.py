"""
Generate OpenTelemetry data for benchmarks and tests: the same seed gives the same bytes.

    python benchmarks/data.py --seed 7 --spans 1000000 --logs 1000000 --out build/data

writes `traces.pb`, `logs.pb` and `metrics.pb`: OTLP export requests, each preceded by its length
as a varint. From code, iterate `trace_bodies()`, `log_bodies()` and `metric_bodies()`.

What comes out: a made-up company of 46 services in three replicas each and several hundred
operations; random 128-bit trace ids and 64-bit span ids; trace sizes by a power law; attributes
after the current semantic conventions; errors that spread to callers; exceptions and some error
logs with stack traces of a kibibyte; logs that belong to spans; metrics of all five kinds. No
record is repeated. Memory is bounded by chunks of 65,536 records, whatever the total.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.generator.kernels import grow_logs, grow_traces, write_rows
from benchmarks.generator.metrics import metric_points
from benchmarks.generator.wire import Templates, prefix
from benchmarks.generator.world import SCHEMA_URL, World, world

__all__ = ["Body", "Spec", "log_bodies", "metric_bodies", "trace_bodies"]

CHUNK_ROWS = 1 << 16
DEFAULT_START = datetime(2026, 11, 20, tzinfo=UTC)
_DAY_NS = 86_400_000_000_000
_NEVER = np.iinfo(np.int64).max
_SCHEMA_SUFFIX = prefix(3, len(SCHEMA_URL)) + SCHEMA_URL.encode()

Signal = Literal["traces", "logs", "metrics"]


@dataclass(frozen=True, slots=True)
class Spec:
    """What to generate."""

    seed: int
    spans: int = 0
    """How many spans, exactly; the last trace of each chunk is cut to fit."""
    logs: int = 0
    """How many log lines, exactly. They belong to the spans of the same specification."""
    start_unix_ns: int = int(DEFAULT_START.timestamp()) * 1_000_000_000
    """No trace starts earlier."""
    end_unix_ns: int = int(DEFAULT_START.timestamp()) * 1_000_000_000 + 2 * _DAY_NS
    """Traces start before this; their later spans may reach past it."""
    metric_interval_ns: int = 60_000_000_000
    """Every process reports its metrics once in this time."""


@dataclass(frozen=True, slots=True)
class Body:
    """One export request, as an exporter would send it, uncompressed."""

    signal: Signal
    payload: bytes
    """A serialised `Export…ServiceRequest`."""
    records: int
    """Spans, log lines or data points in it."""
    first_unix_ns: int
    """Earliest event in it: a span's end, a line's time, a point's time."""
    last_unix_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Records of one chunk, ready to be written; one row per record."""

    templates: Templates
    variant: NDArray[np.int64]
    resource: NDArray[np.int64]
    event_unix_ns: NDArray[np.int64]
    """By what records are put in order."""
    trace_id: NDArray[np.uint64]
    span_id: NDArray[np.uint64]
    parent_id: NDArray[np.uint64]
    instants: NDArray[np.int64]
    """What fixed64 slots are filled from, by column."""
    seed: np.uint64


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """The traces of one chunk, as columns."""

    trace_id: NDArray[np.uint64]
    span_id: NDArray[np.uint64]
    parent: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    failed: NDArray[np.int64]
    resource: NDArray[np.int64]
    variant: NDArray[np.int64]


def _bits(seed: int, *path: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence([seed, *path]))


def _raw(bits: np.random.PCG64, count: int) -> NDArray[np.uint64]:
    """Return raw generator output, which NumPy promises never to change."""
    return np.asarray(bits.random_raw(count), np.uint64)


def _share(total: int, chunk: int, chunks: int) -> int:
    """Return how many of the total belong to this chunk."""
    return total * (chunk + 1) // chunks - total * chunk // chunks


def _chunks(spec: Spec) -> int:
    return max(1, -(-max(spec.spans, spec.logs) // CHUNK_ROWS))


def _grow(spec: Spec, chunk: int) -> _Chunk:
    """Grow the traces of one chunk, the same whenever it is asked for."""
    earth = world()
    chunks = _chunks(spec)
    # Logs need spans to belong to, even where none are asked for.
    rows = _share(spec.spans, chunk, chunks) or 1024
    bits = _bits(spec.seed, chunk, 0)
    span_id = _raw(bits, rows)
    state = _raw(bits, 1)
    trace_id = np.empty((rows, 2), np.uint64)
    parent, operation, start, end, failed, resource, variant = np.zeros((7, rows), np.int64)
    span = spec.end_unix_ns - spec.start_unix_ns
    grow_traces(
        state, spec.start_unix_ns + span * chunk // chunks,
        spec.start_unix_ns + span * (chunk + 1) // chunks, earth.sizes, earth.quantiles,
        earth.roots, earth.role, earth.target, earth.base_ns, earth.error_ppm,
        earth.callee_start, earth.callees, earth.service, earth.replicas, earth.span_variants,
        trace_id, parent, operation, start, end, failed, resource, variant,
    )  # fmt: skip
    return _Chunk(trace_id, span_id, parent, start, end, failed, resource, variant)


def _span_rows(spec: Spec, chunk: int) -> _Rows:
    grown = _grow(spec, chunk)
    event = grown.end - (grown.end - grown.start) // 8
    return _Rows(
        templates=world().span_templates,
        variant=grown.variant,
        resource=grown.resource,
        event_unix_ns=grown.end,
        trace_id=grown.trace_id,
        span_id=grown.span_id,
        parent_id=grown.span_id[grown.parent],
        instants=np.stack([grown.start, grown.end, event], axis=1),
        seed=_raw(_bits(spec.seed, chunk, 1), 1)[0],
    )


def _log_rows(spec: Spec, chunk: int) -> _Rows:
    earth = world()
    grown = _grow(spec, chunk)
    bits = _bits(spec.seed, chunk, 2)
    row, at, variant = np.zeros((3, _share(spec.logs, chunk, _chunks(spec))), np.int64)
    grow_logs(
        _raw(bits, 1), grown.resource, earth.resource_service, grown.failed, grown.start,
        grown.end, earth.log_variants, row, at, variant,
    )  # fmt: skip
    delay = (_raw(bits, row.size) >> np.uint64(44)).astype(np.int64)  # up to a millisecond
    return _Rows(
        templates=earth.log_templates,
        variant=variant,
        resource=grown.resource[row],
        event_unix_ns=at,
        trace_id=grown.trace_id[row],
        span_id=grown.span_id[row],
        parent_id=grown.span_id[row],
        instants=np.stack([at, at + delay], axis=1),
        seed=_raw(bits, 1)[0],
    )


def _requests(
    signal: Signal, rows: _Rows, per_body: int, scopes: tuple[bytes, ...]
) -> Iterator[Body]:
    """Cut a chunk into bodies by time of event and write each, grouped by resource."""
    earth = world()
    count = rows.variant.size
    if count == 0:
        return
    by_time = np.argsort(rows.event_unix_ns, kind="stable")
    bodies = max(1, round(count / per_body))
    edges = [count * body // bodies for body in range(bodies + 1)]
    number = np.repeat(np.arange(bodies), np.diff(edges))
    order = by_time[np.lexsort((rows.resource[by_time], number))]
    ends = np.cumsum(rows.templates.lengths[rows.variant[order]])
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    out = np.empty(int(offsets[-1]), np.uint8)
    packed = rows.templates
    write_rows(
        out, offsets, order, rows.variant, packed.pool, packed.starts, packed.slot_starts,
        packed.slots, packed.words, rows.seed, rows.trace_id, rows.span_id, rows.parent_id,
        rows.instants,
    )  # fmt: skip
    written = out.tobytes()
    resource = rows.resource[order]
    times = rows.event_unix_ns[order]
    for first, last in pairwise(edges):
        payload = b"".join(
            _group(earth, int(resource[low]), written[offsets[low] : offsets[high]], scopes)
            for low, high in _runs(resource, first, last)
        )
        earliest, latest = times[first:last].min(), times[first:last].max()
        yield Body(signal, payload, last - first, int(earliest), int(latest))


def _runs(values: NDArray[np.int64], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield stretches of equal values within [first, last)."""
    inner = np.flatnonzero(np.diff(values[first:last])) + first + 1
    cuts = [first, *inner.tolist(), last]
    yield from pairwise(cuts)


def _group(earth: World, resource: int, records: bytes, scopes: tuple[bytes, ...]) -> bytes:
    """Return `ResourceSpans` or `ResourceLogs`, which share their field numbers."""
    scoped = scopes[int(earth.resource_service[resource])] + records
    inner = earth.resources[resource] + prefix(2, len(scoped)) + scoped + _SCHEMA_SUFFIX
    return prefix(1, len(inner)) + inner


def trace_bodies(spec: Spec, spans_per_body: int = 2000) -> Iterator[Body]:
    """Yield export requests of about so many spans, by the time their spans end."""
    for chunk in range(_chunks(spec) if spec.spans else 0):
        yield from _requests("traces", _span_rows(spec, chunk), spans_per_body, world().span_scopes)


def log_bodies(spec: Spec, logs_per_body: int = 2000) -> Iterator[Body]:
    """Yield export requests of about so many log lines, by time."""
    for chunk in range(_chunks(spec) if spec.logs else 0):
        yield from _requests("logs", _log_rows(spec, chunk), logs_per_body, world().log_scopes)


def metric_bodies(spec: Spec) -> Iterator[Body]:
    """Yield one export request per interval, with every process's metrics."""
    state = metric_points(spec.seed, spec.start_unix_ns)
    at = spec.start_unix_ns + spec.metric_interval_ns
    while at <= spec.end_unix_ns:
        payload, points = state.export(at)
        yield Body("metrics", payload, points, at, at)
        at += spec.metric_interval_ns


def _varint(value: int) -> bytes:
    return prefix(1, value)[1:]


def _write(path: Path, bodies: Iterable[Body]) -> str:
    """Write bodies, each after its length, and say what was written."""
    records = requests = size = 0
    with path.open("wb") as file:
        for body in bodies:
            size += file.write(_varint(len(body.payload)) + body.payload)
            records += body.records
            requests += 1
            if requests % 100 == 0:
                print(f"\r{path.name}: {records:,} records", end="", file=sys.stderr)
    print(f"\r{path.name}: {records:,} records", file=sys.stderr)
    return f"{path}: {records} records in {requests} requests, {size} bytes"


def _instant(value: str) -> int:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000) * 1_000_000


def main() -> None:
    """Write length-delimited OTLP files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--logs", type=int, default=100_000)
    parser.add_argument("--records-per-request", type=int, default=2000)
    parser.add_argument("--start", type=_instant, default=DEFAULT_START.isoformat())
    parser.add_argument("--days", type=float, default=2.0, help="length of the time range")
    parser.add_argument("--metric-interval-s", type=float, default=600.0, help="0 for no metrics")
    parser.add_argument("--out", type=Path, default=Path("build/data"), help="a folder")
    options = parser.parse_args()
    spec = Spec(
        seed=options.seed,
        spans=options.spans,
        logs=options.logs,
        start_unix_ns=options.start,
        end_unix_ns=options.start + round(options.days * _DAY_NS),
        metric_interval_ns=round(options.metric_interval_s * 1e9) or _NEVER,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    print(_write(options.out / "traces.pb", trace_bodies(spec, options.records_per_request)))
    print(_write(options.out / "logs.pb", log_bodies(spec, options.records_per_request)))
    print(_write(options.out / "metrics.pb", metric_bodies(spec)))


if __name__ == "__main__":
    main()
