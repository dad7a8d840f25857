"""Recorded traces, logs and metrics, imported by the command line and asked about."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.data_sets.nezha import case_requests, write_case
from tests.data_sets.shared_data import shared_data
from tests.running_server import RunningServer, wait_until

from tracepulse.receive.signals import record_count

_ROOT = Path(__file__).parents[2]
_CASE = "train-ticket-0129-0843"
_START, _END = "2023-01-29T08:30:00Z", "2023-01-29T09:10:00Z"


def _import(server: RunningServer, path: Path, data_set: str) -> dict[str, Any]:
    """Import a path with the command line, and return its report."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "tracepulse", "import", str(path), "--data-set", data_set),
            *("--otlp-url", server.otlp_http_url, "--json"),
        ],
        env=os.environ | {"PYTHONPATH": str(_ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_a_recorded_case_can_be_asked_about(server: RunningServer, tmp_path: Path) -> None:
    """Every span and line of a Nezha case is stored once, and each kind of question is answered."""
    case = shared_data("nezha") / "cases" / _CASE
    held = {"logs": 0, "metrics": 0}
    spans: set[tuple[bytes, bytes, int]] = set()  # the recording holds some of them twice
    for signal, message in case_requests(case):
        if isinstance(message, ExportTraceServiceRequest):
            spans |= {
                (span.trace_id, span.span_id, span.start_time_unix_nano)
                for group in message.resource_spans
                for scope in group.scope_spans
                for span in scope.spans
            }
        else:
            held[signal] += record_count(message)
    write_case(case, tmp_path / "case")
    _import(server, tmp_path / "case", "nezha")

    def stored() -> dict[str, int]:
        found = server.get("/api/data-sets")["data_sets"]
        return {each["signal"]: each["records"] for each in found if each["data_set"] == "nezha"}

    wanted = {"traces": len(spans), "logs": held["logs"]}
    wait_until(stored, lambda found: {k: found.get(k) for k in wanted} == wanted, "all records")
    asked = {"data_set": "nezha", "since": _START, "until": _END}
    traces = server.get("/api/traces", limit=50, **asked)["traces"]
    assert len(traces) == 50
    for trace in traces[:10]:
        path = server.get(f"/api/traces/{trace['trace_id']}/path")
        assert sum(section["duration_ns"] for section in path["sections"]) == path["duration_ns"]
    edges = {(e["caller"], e["callee"]) for e in server.get("/api/flows", **asked)["edges"]}
    assert ("ts-travel-service", "ts-seat-service") in edges
    assert server.get("/api/logs", limit=5, service="ts-seat-service", **asked)["records"]
    names = server.get("/api/metrics", data_set="nezha")["metrics"]
    series = server.get("/api/metrics", name=names[0]["name"], **asked)["series"]
    assert sum(len(each["points"]) for each in series) > 0


def test_payloads_of_other_tools_come_out_whole(server: RunningServer) -> None:
    """Every Jaeger, Zipkin and OTLP payload is accepted, and no live telemetry appears from it."""
    before = server.get("/api/doctor")["accounting"]["deduplicated"]
    report = _import(server, shared_data("payloads"), "payloads")

    def repeated() -> int:
        """Some spans stand in several payloads."""
        now: int = server.get("/api/doctor")["accounting"]["deduplicated"]
        return now - int(before)

    assert report["rejected"] == 0
    found = wait_until(
        lambda: {
            each["signal"]: each["records"]
            for each in server.get("/api/data-sets")["data_sets"]
            if each["data_set"] == "payloads"
        },
        lambda sums: sums.get("traces", 0) + repeated() == report["accepted"]["traces"],
        "all spans",
    )
    assert found["traces"] > 1_000
    assert server.get("/api/services")["services"] == []
