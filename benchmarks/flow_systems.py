"""Systems to find flows in: recorded or made up, their telemetry loaded, their graph asked for."""

import csv
import lzma
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.generator.call_systems import MadeSpan, MadeSystem
from benchmarks.generator.istio_lines import Call, SidecarLine
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracepulse.context.flows import seen_flows
from tracepulse.journal.framing import frame, frames
from tracepulse.model.flow_graph import FlowGraph
from tracepulse.model.question import Window
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.any_value import add_attributes
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.signals import Signal
from tracepulse.receive.split_requests import split_request
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.load.inserts import Vocabularies, read_segment
from tracepulse.store.migrate import migrate
from tracepulse.store.queries.telemetry import Telemetry

__all__ = [
    "Bench",
    "Edges",
    "NezhaCase",
    "bench",
    "line_requests",
    "nezha_truth",
    "score",
    "service_lines",
    "span_requests",
    "summary",
]

Edges = set[tuple[str, str]]
ALWAYS = Window(0, 2**62)
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")


@dataclass(slots=True)
class Bench:
    """A store with a data set to each system."""

    engine: ChdbEngine
    _segments: int = 0

    def load(self, data_set: str, signal: Signal, requests: Iterable[Any]) -> None:
        """Store requests as the server would."""
        for request in requests:
            for part in split_request(request):
                body = admit(part.SerializeToString(), signal, SERVER_LIMITS).body
                data = frame(
                    body, Receipt(1_790_000_000 * 10**9, "otlp_http", "loopback", data_set)
                )
                self._segments += 1
                read = read_segment(data, list(frames(data)), signal)
                whole = read.keys.keys == read.keys.keys
                for load in read.loads(f"flows-{self._segments}", whole, Vocabularies()):
                    for insert in load.inserts:
                        self.engine.insert(insert.table, insert.columns, insert.build())

    def graph(self, data_set: str) -> FlowGraph:
        """Return the graph of all there is in a data set."""
        return seen_flows(Telemetry(self.engine), ALWAYS, data_set).graph


@contextmanager
def bench() -> Iterator[Bench]:
    """Open an empty store in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        engine = ChdbEngine(Path(folder) / "engine")
        migrate(engine)
        try:
            yield Bench(engine)
        finally:
            engine.close()


def score(found: Edges, true: Edges) -> dict[str, Any]:
    """Return precision and recall, and what is wrong by name."""
    return {
        "precision": round(len(found & true) / len(found), 4) if found else 1.0,
        "recall": round(len(found & true) / len(true), 4) if true else 1.0,
        "true_edges": len(true),
        "missing": sorted(map(" -> ".join, true - found)),
        "invented": sorted(map(" -> ".join, found - true)),
    }


def summary(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means, and those of the worst tenth of systems."""
    worst = max(1, len(scores) // 10)
    return {
        "precision": round(mean(each["precision"] for each in scores), 4),
        "recall": round(mean(each["recall"] for each in scores), 4),
        "worst_decile": {
            name: round(mean(sorted(each[name] for each in scores)[:worst]), 4)
            for name in ("precision", "recall")
        },
        "systems": len(scores),
    }


def span_requests(spans: Iterable[MadeSpan], batch: int = 5_000) -> Iterator[Any]:
    """Yield spans as OTLP, in the order in which they come."""
    request, owners = ExportTraceServiceRequest(), dict[str, Any]()
    for count, each in enumerate(spans, 1):
        if each.pod not in owners:
            owner = request.resource_spans.add()
            place = [("service.name", each.service), ("k8s.pod.name", each.pod)]
            add_attributes(
                owner.resource.attributes, [*place, ("k8s.pod.ip", each.address or None)]
            )
            owners[each.pod] = owner.scope_spans.add().spans
        span = owners[each.pod].add(
            trace_id=bytes.fromhex(each.trace_id),
            span_id=bytes.fromhex(each.span_id),
            parent_span_id=bytes.fromhex(each.parent_id),
            name=each.name,
            kind=KINDS.index(each.kind),
            start_time_unix_nano=each.start_unix_ns,
            end_time_unix_nano=each.start_unix_ns + each.duration_ns,
        )
        add_attributes(span.attributes, each.attributes.items())
        span.status.code = 2 if each.failed else 0
        for trace_id, span_id in each.links:
            span.links.add(trace_id=bytes.fromhex(trace_id), span_id=bytes.fromhex(span_id))
        if count % batch == 0:
            yield request
            request, owners = ExportTraceServiceRequest(), {}
    yield request


def line_requests(lines: Iterable[SidecarLine], batch: int = 20_000) -> Iterator[Any]:
    """Yield lines as OTLP log records whose resource is the pod and nothing else."""
    request, owners = ExportLogsServiceRequest(), dict[str, Any]()
    for count, each in enumerate(lines, 1):
        if each.pod not in owners:
            owner = request.resource_logs.add()
            add_attributes(owner.resource.attributes, [("k8s.pod.name", each.pod)])
            owners[each.pod] = owner.scope_logs.add().log_records
        record = owners[each.pod].add(time_unix_nano=each.start_unix_ns)
        record.body.string_value = each.line
        if count % batch == 0:
            yield request
            request, owners = ExportLogsServiceRequest(), {}
    yield request


def service_lines(system: MadeSystem) -> Iterator[Any]:
    """Yield a line of each service's own log, which tells no more than that there is such a service."""
    request = ExportLogsServiceRequest()
    for number, service in enumerate(system.services):
        owner = request.resource_logs.add()
        add_attributes(owner.resource.attributes, [("service.name", service)])
        record = owner.scope_logs.add().log_records.add(
            time_unix_nano=system.spans[0].start_unix_ns + number
        )
        record.body.string_value = "ready"
    yield request


# -- recorded --------------------------------------------------------------------------------------


def nezha_truth(data: Path) -> Edges:
    """Return the recorded call graph of Online Boutique: calls between services, not on nodes."""
    path = data / "nezha" / "online-boutique-dependencies.csv"
    rows = csv.DictReader(path.read_text().splitlines())
    edges = {(row["Source"], row["Target"]) for row in rows}
    return {(caller, callee) for caller, callee in edges if not callee[:1].isdigit()}


@dataclass(frozen=True, slots=True)
class NezhaCase:
    """The recorded spans of one case."""

    folder: Path

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield the rows of its trace files."""
        for path in sorted(self.folder.glob("traces/*.csv.xz")):
            with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
                yield from csv.DictReader(file)

    def spans(self) -> Iterator[MadeSpan]:
        """Yield its spans; neither kinds nor attributes were recorded."""
        for row in self.rows():
            start, end = int(row["StartTimeUnixNano"]), int(row["EndTimeUnixNano"])
            yield MadeSpan(
                trace_id=row["TraceID"],
                span_id=row["SpanID"],
                parent_id="" if row["ParentID"] == "root" else row["ParentID"],
                service=_service(row["PodName"]),
                pod=row["PodName"],
                address="",
                name=row["OperationName"],
                kind="Unspecified",
                start_unix_ns=start,
                duration_ns=max(end - start, 0),
                attributes={},
            )

    def calls(self) -> Iterator[Call]:
        """Yield the calls between pods that it recorded."""
        pods: dict[tuple[str, str], str] = {}
        rows = list(self.rows())
        for row in rows:
            pods[row["TraceID"], row["SpanID"]] = row["PodName"]
        for row in rows:
            caller = pods.get((row["TraceID"], row["ParentID"]), "")
            outside = row["ParentID"] == "root"
            if outside or (caller and _service(caller) != _service(row["PodName"])):
                start, end = int(row["StartTimeUnixNano"]), int(row["EndTimeUnixNano"])
                yield Call(
                    caller=_service(caller) if caller else "",
                    caller_pod=caller,
                    callee=_service(row["PodName"]),
                    callee_pod=row["PodName"],
                    path=row["OperationName"],
                    start_unix_ns=start,
                    duration_ns=max(end - start, 0),
                )


def _service(pod: str) -> str:
    return pod.rsplit("-", 2)[0] if pod.count("-") >= 2 else pod
