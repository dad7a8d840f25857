"""
Cases of the Nezha data set (traces, logs and metrics as CSV) as OTLP requests and files.

A row's service is its pod's name less the last two parts. Metrics become gauges of the pod, their
names as in the source less the unit, which goes into the unit field. `label.json` is never read.
"""

import argparse
import csv
import json
import lzma
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tracepulse.receive.any_value import add_attributes
from tracepulse.receive.log_entries import LineReader
from tracepulse.receive.otlp_json_text import write_otlp_json
from tracepulse.receive.signals import ExportRequest, Signal
from tracepulse.receive.split_requests import split_request

__all__ = ["case_requests", "log_requests", "metric_requests", "trace_requests", "write_case"]

_UNIT = re.compile(r"\((.*?)\)$")
_LINE_UNITS = {"%": "%", "s": "s", "m": "mcpu", "Mi": "MiBy", "Ops": "{operation}/s"}
_NOT_VALUES = ("Time", "TimeStamp", "PodName", "ServiceName")


def service_of_pod(pod: str) -> str:
    """Return the service of a pod: its name less the replica set's and the pod's suffix."""
    return pod.rsplit("-", 2)[0] if pod.count("-") >= 2 else pod


def case_requests(case: Path) -> Iterator[tuple[Signal, ExportRequest]]:
    """Yield all requests of a case folder: traces, then logs, then metrics, each by file name."""
    for path in sorted(case.glob("traces/*.csv.xz")):
        yield "traces", trace_requests(path)
    for path in sorted(case.glob("logs/*.csv.xz")):
        yield "logs", log_requests(path)
    for path in sorted(case.glob("metrics.csv.xz")):
        yield "metrics", metric_requests(path)


def trace_requests(path: Path) -> ExportTraceServiceRequest:
    """Return the spans of one trace file."""
    request = ExportTraceServiceRequest()
    by_pod: dict[str, Any] = {}
    for row in _rows(path):
        spans = _of_pod(by_pod, row["PodName"], request.resource_spans, "scope_spans").spans
        span: Span = spans.add(
            trace_id=bytes.fromhex(row["TraceID"]),
            span_id=bytes.fromhex(row["SpanID"]),
            name=row["OperationName"],
            start_time_unix_nano=int(row["StartTimeUnixNano"]),
            end_time_unix_nano=int(row["EndTimeUnixNano"]),
        )
        if row["ParentID"] != "root":
            span.parent_span_id = bytes.fromhex(row["ParentID"])
    return request


def log_requests(path: Path) -> ExportLogsServiceRequest:
    """Return the records of one log file, read as the product reads such lines."""
    request = ExportLogsServiceRequest()
    by_pod: dict[str, Any] = {}
    reader = LineReader(reference_unix_ns=0)
    for row in _rows(path):
        records = _of_pod(by_pod, row["PodName"], request.resource_logs, "scope_logs").log_records
        entry = reader.read(row["Log"])
        record = records.add(
            time_unix_nano=int(row["TimeUnixNano"]),
            severity_number=entry.severity_number,
            severity_text=entry.severity_text,
            trace_id=_id(row["TraceID"], 16),
            span_id=_id(row["SpanID"], 8),
        )
        record.body.string_value = entry.body
        container = [("k8s.container.name", row["Container"])]
        add_attributes(record.attributes, [*entry.attributes, *container])
    return request


def metric_requests(path: Path) -> ExportMetricsServiceRequest:
    """Return the gauges of a case's metric table: one point per pod, name and minute."""
    request = ExportMetricsServiceRequest()
    by_pod: dict[str, Any] = {}
    by_name: dict[tuple[str, str], Any] = {}
    for row in _metric_rows(path):
        pod = row.get("PodName") or row["ServiceName"]
        scope = _of_pod(by_pod, pod, request.resource_metrics, "scope_metrics")
        for column, text in row.items():
            if column in _NOT_VALUES or not text:
                continue
            metric = by_name.get((pod, column))
            if metric is None:
                unit = _UNIT.search(column)
                metric = by_name[pod, column] = scope.metrics.add(
                    name=_UNIT.sub("", column), unit=_LINE_UNITS.get(unit[1], "") if unit else ""
                )
            metric.gauge.data_points.add(
                time_unix_nano=int(row["TimeStamp"]) * 10**9, as_double=float(text)
            )
    return request


def write_case(case: Path, target: Path, *, protobuf: bool = False) -> list[Path]:
    """
    Write a case's requests into a folder, one file to a signal, for `tracepulse import`.

    JSON lines as the Collector's file exporter writes them, or protobuf with lengths before it.
    """
    target.mkdir(parents=True, exist_ok=True)
    written: dict[Signal, Path] = {}
    for signal, request in case_requests(case):
        path = target / f"{signal}.{'binpb' if protobuf else 'jsonl'}"
        with path.open("ab" if signal in written else "wb") as file:
            for part in split_request(request):
                if protobuf:
                    data = part.SerializeToString()
                    file.write(len(data).to_bytes(4, "big") + data)
                else:
                    file.write(write_otlp_json(part) + b"\n")
        written[signal] = path
    return list(written.values())


def _of_pod(known: dict[str, Any], pod: str, owners: Any, scopes: str) -> Any:
    if pod not in known:
        owner = owners.add()
        service = service_of_pod(pod)
        name = [("service.name", service), ("k8s.pod.name", pod if pod != service else None)]
        add_attributes(owner.resource.attributes, name)
        known[pod] = getattr(owner, scopes).add()
    return known[pod]


def _id(text: str, length_bytes: int) -> bytes:
    return bytes.fromhex(text) if len(text) == 2 * length_bytes else b""


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _metric_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of the tables in one file; each table follows a line `### <its name>`."""
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        names: list[str] | None = None
        for cells in csv.reader(file):
            if cells and cells[0].startswith("### "):
                names = None
            elif names is None:
                names = cells
            elif cells:
                yield dict(zip(names, cells, strict=False))


def main() -> None:
    """Convert one case: `python -m tests.data_sets.nezha CASE TARGET [--protobuf]`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("case", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--protobuf", action="store_true")
    chosen = parser.parse_args()
    written = write_case(chosen.case, chosen.target, protobuf=chosen.protobuf)
    print(json.dumps([str(path) for path in written]))  # noqa: T201


if __name__ == "__main__":
    main()
