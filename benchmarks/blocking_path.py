"""
How fast blocking paths are found, and how often they are Jaeger UI's.

    python benchmarks/blocking_path.py [--quick] [--seed 7] [--data DIR] [--crisp DIR] [--json]

Traces come from `benchmarks/data.py`. Measured, in processor seconds of one core:

  spans_per_core_second        spans as numbers -> trees, sections and blame summed by node
  cohort_spans_per_core_second columns as the store's query gives them -> codes, what waits for
                               what learned, paths, blame by node in two groups with their squares,
                               and added to what was summed before
  ratio_to_crisp               the same over what CRISP takes for parsing and paths of such traces,
                               in the same run (--crisp); null where it cannot be run
  text_spans_per_core_second   from text columns (ids, names, attributes) to blame
  trace_latency_ms             one trace, from text columns to the record with notes
  deep_ms, wide_ms             one trace of 100,000 spans below or beside each other
  jaeger_equal_ratio           share of recorded traces with exactly Jaeger UI's sections (--data)

Each with its mean and the mean of its worst tenth. The last line is one JSON object.
"""

import argparse
import json
import lzma
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from benchmarks.cohort_speed import as_stored, cohort_rates, crisp_rate, jaeger_traces
from benchmarks.data import Spec, trace_bodies

from tracepulse.derive.blocking_path import blocking_path
from tracepulse.derive.path_walk import blame_ns, blocking_paths
from tracepulse.derive.span_codes import SpanCodes, span_codes
from tracepulse.derive.trace_tree import trace_forest
from tracepulse.model.span import SpanColumns
from tracepulse.testing import DrawnSpan, span_columns

CRISP_SPANS_PER_SECOND = 166_000
"""
Parse and path, one core, as measured for uber-research/CRISP on recorded traces. Not like for like:
ours starts from numbers, CRISP from JSON, and neither the traces nor the machine are the same.
"""
BATCH_SPANS = 150_000
CRISP_SPANS = 40_000
LARGE_TRACE_SPANS = 100_000
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")


def _text(value: AnyValue) -> str:
    return str(getattr(value, value.WhichOneof("value") or "string_value"))


def _mapping(pairs: Sequence[KeyValue]) -> dict[str, str]:
    return {pair.key: _text(pair.value) for pair in pairs}


def _spans(seed: int, count: int) -> Iterator[tuple[Any, ...]]:
    """Yield the fields of generated spans, as a store would give them."""
    for body in trace_bodies(Spec(seed=seed, spans=count)):
        for group in ExportTraceServiceRequest.FromString(body.payload).resource_spans:
            resource = _mapping(group.resource.attributes)
            for span in (span for scope in group.scope_spans for span in scope.spans):
                yield (
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    resource.get("service.name", ""),
                    span.name,
                    KINDS[span.kind],
                    ("Unset", "Ok", "Error")[span.status.code],
                    span.status.message,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano - span.start_time_unix_nano,
                    _mapping(span.attributes),
                    resource,
                )


def _columns(rows: Sequence[tuple[Any, ...]]) -> SpanColumns:
    values: list[Any] = list(zip(*rows, strict=True))
    for place, make in enumerate([object] * 8 + [np.int64] * 2):
        values[place] = np.array(values[place], dtype=make)
    return SpanColumns(*values)


def _batches(rows: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """Split spans, sorted by trace, into batches of whole traces."""
    rows.sort(key=lambda row: row[0])
    batches: list[list[tuple[Any, ...]]] = [[]]
    for before, row in zip([rows[0], *rows], rows, strict=False):
        if len(batches[-1]) >= BATCH_SPANS and row[0] != before[0]:
            batches.append([])
        batches[-1].append(row)
    return batches


def _timed(action: Callable[[], object]) -> float:
    """Return the processor seconds that an action takes."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


def _summary(values: Sequence[float], *, worst_is_low: bool) -> dict[str, float]:
    """Return the mean, and the mean of the worst tenth."""
    ordered = sorted(values, reverse=not worst_is_low)
    worst = ordered[: max(1, len(ordered) // 10)]
    return {
        "mean": round(float(np.mean(values)), 3),
        "worst_tenth": round(float(np.mean(worst)), 3),
    }


def _blame(codes: SpanCodes) -> object:
    forest = trace_forest(codes)
    return blame_ns(blocking_paths(forest, codes), forest, codes)


def measure_cohorts(
    batches: Sequence[SpanColumns], repeats: int, crisp: Path | None
) -> dict[str, Any]:
    """Return how fast cohorts are summed, beside CRISP if it is there."""
    rates = cohort_rates([as_stored(batch) for batch in batches], repeats)
    found: dict[str, Any] = {
        "cohort_spans_per_core_second": round(float(np.mean(rates))),
        "cohort_worst_tenth": _summary(rates, worst_is_low=True)["worst_tenth"],
        "ratio_to_crisp": None,
    }
    if crisp is None or not (crisp / "crisp" / "graph.py").is_file():
        return found | {"crisp_reason": f"no crisp/graph.py in {crisp}; name a checkout by --crisp"}
    theirs = crisp_rate(crisp, jaeger_traces(batches[0], CRISP_SPANS))
    found["crisp_spans_per_core_second"] = round(theirs)
    found["ratio_to_crisp"] = round(found["cohort_spans_per_core_second"] / theirs, 1)
    return found


def measure_speed(batches: Sequence[SpanColumns], repeats: int) -> dict[str, Any]:
    """Return rates over batches of whole traces, and the latency of single traces."""
    codes = [span_codes(batch)[0] for batch in batches]
    _blame(codes[0])
    numbers = [len(c) / _timed(lambda c=c: _blame(c)) for c in codes for _ in range(repeats)]  # type: ignore[misc]
    texts = [len(b) / _timed(lambda b=b: _blame(span_codes(b)[0])) for b in batches]  # type: ignore[misc]
    first = batches[0]
    ids = sorted(set(first.trace_id.tolist()))[:200]
    rows = {trace_id: np.flatnonzero(first.trace_id == trace_id) for trace_id in ids}
    traces = [_columns(list(zip(*_fields(first, rows[i]), strict=True))) for i in ids]
    latencies = [1000 * _timed(lambda t=t: blocking_path(t)) for t in traces]  # type: ignore[misc]
    return {
        "spans": sum(len(c) for c in codes),
        "traces": sum(c.trace_count for c in codes),
        "spans_per_core_second": _summary(numbers, worst_is_low=True),
        "text_spans_per_core_second": _summary(texts, worst_is_low=True),
        "trace_latency_ms": _summary(latencies, worst_is_low=False),
    }


def _fields(columns: SpanColumns, rows: Any) -> Iterator[Sequence[Any]]:
    """Yield chosen rows of each column, in order of the record's fields."""
    for field in fields(SpanColumns):
        column = getattr(columns, field.name)
        if column is not None and len(column):  # else it was not read
            yield [column[row] for row in rows]


def measure_large_traces() -> dict[str, float]:
    """Return how long one deep and one wide trace take, in ms."""
    size = LARGE_TRACE_SPANS
    ids = [f"{i:016x}" for i in range(size + 1)]
    deep = [
        DrawnSpan(ids[i], ids[i - 1] if i > 1 else "", i, 2 * (size - i)) for i in range(1, size)
    ]
    wide = [DrawnSpan(ids[1], "", 0, 10 * size)]
    wide += [DrawnSpan(ids[i], ids[1], 10 * i, 10) for i in range(2, size)]
    shapes = {"deep_ms": span_columns(deep), "wide_ms": span_columns(wide)}
    return {
        name: round(1000 * _timed(lambda c=columns: blocking_path(c)), 1)  # type: ignore[misc]
        for name, columns in shapes.items()
    }


def measure_agreement(folder: Path) -> dict[str, Any]:
    """Return how many recorded traces have exactly the sections of Jaeger UI."""
    recorded = folder / "critical-path" / "real_traces.jsonl.xz"
    if not recorded.is_file():
        return {"jaeger_equal_ratio": None, "jaeger_reason": f"no {recorded}"}
    equal, overlap = [], []
    with lzma.open(recorded, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            path = blocking_path(_recorded(record["trace"]))
            ours = [(s.span_id, s.start_unix_ns, s.end_unix_ns) for s in reversed(path.sections)]
            theirs = [tuple(section.values()) for section in record["jaeger_ui_sections"]]
            equal.append(ours == theirs)
            mine, crisp = {s.span_id for s in path.sections}, set(record["crisp_path_span_ids"])
            overlap.append(len(mine & crisp) / len(mine | crisp))
    return {
        "jaeger_traces": len(equal),
        "jaeger_equal_ratio": sum(equal) / len(equal),
        "crisp_span_jaccard": _summary(overlap, worst_is_low=True),
    }


def _recorded(trace: dict[str, Any]) -> SpanColumns:
    """Return a trace in Jaeger's JSON as columns; microseconds are taken for nanoseconds."""
    return span_columns(
        DrawnSpan(
            span["spanID"],
            span["references"][0]["spanID"] if span["references"] else "",
            span["startTime"],
            span["duration"],
            service=trace["processes"][span["processID"]]["serviceName"],
            name=span["operationName"],
            host=span["processID"],
        )
        for span in trace["spans"]
    )


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="150,000 spans instead of 600,000")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--crisp", type=Path, help="a checkout of uber-research/CRISP")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    given = parser.parse_args()
    found: dict[str, Any] = {"seed": given.seed}
    spans = list(_spans(given.seed, 150_000 if given.quick else 600_000))
    batches = [_columns(batch) for batch in _batches(spans)]
    repeats = 1 if given.quick else 5
    found |= measure_cohorts(batches, 5, given.crisp)
    found |= measure_speed(batches, repeats)
    found["ratio_to_published_crisp"] = round(
        found["spans_per_core_second"]["mean"] / CRISP_SPANS_PER_SECOND, 1
    )
    found |= measure_large_traces()
    found |= measure_agreement(given.data)
    if not given.json:
        for name, value in found.items():
            print(f"{name:28} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
