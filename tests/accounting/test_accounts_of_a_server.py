"""The accounts of a real server, seen through its ports and its command line."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.otlp_requests import log, logs, metrics, span, traces
from tests.running_server import ROOT, RunningServer, forked_server, wait_until

PROTOBUF = {"content-type": "application/x-protobuf"}

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _send(server: RunningServer, signal: str, request: Any) -> int:
    body = request if isinstance(request, bytes) else request.SerializeToString()
    url = f"{server.otlp_http_url}/v1/{signal}"
    return httpx.post(url, content=body, headers=PROTOBUF, timeout=20).status_code


def _metrics(server: RunningServer) -> Samples:
    answer = server.client.get("/metrics")
    assert 200 == answer.status_code
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def _total(samples: Samples, name: str, signal: str) -> float:
    return sum(
        value
        for (found, labels), value in samples.items()
        if found == f"tracepulse_records_{name}" and ("signal", signal) in labels
    )


def _adds_up(samples: Samples) -> dict[str, tuple[int, ...]]:
    """Return received, stored, deduplicated, rejected and queued by signal, checked."""
    names = ("received_total", "stored_total", "deduplicated_total", "rejected", "queued")
    sums = {}
    for signal in ("traces", "logs", "metrics"):
        each = tuple(int(_total(samples, name, signal)) for name in names)
        assert each[0] == sum(each[1:]), (signal, each)
        sums[signal] = each
    return sums


def _cli(server: RunningServer, *arguments: str) -> str:
    url = str(server.client.base_url)
    ran = subprocess.run(
        [sys.executable, "-m", "tracepulse.cli", *arguments, "--url", url],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        timeout=60,
    )
    assert 0 == ran.returncode, ran.stderr
    return ran.stdout


def _settled(server: RunningServer) -> Samples:
    return wait_until(
        lambda: _metrics(server),
        lambda found: not any(_total(found, "queued", s) for s in ("traces", "logs", "metrics")),
        "everything stored",
        within_s=90,
    )


def _without_file(folder: Path) -> str:
    """Put a message aside as an earlier version did, and return its id."""
    from tracepulse.journal.framing import frame
    from tracepulse.receive.admission import Receipt

    aside = folder / "data" / "aside"
    aside.mkdir(parents=True)
    body = logs(log("password=hunter2 for 198.51.100.7"), service="old").SerializeToString()
    message = frame(body, Receipt(1_790_000_000_000_000_000, "otlp_grpc", "loopback"))
    (aside / "run-00000001-m0.logs.message").write_bytes(message)
    note = {"signal": "logs", "records": 1, "reason": "Code: 6. Cannot parse"}
    (aside / "run-00000001-m0.logs.json").write_text(json.dumps(note))
    return "run-00000001-m0"


def test_the_accounts_add_up_from_start_to_kill_and_after(tmp_path: Path) -> None:
    """Metrics, doctor and command line tell one story, before and after `kill -9`."""
    start = time.time_ns()
    one, two, bad = (span(span_id=n, start=start) for n in (1, 2, 9))
    bad.trace_id = b"x"
    message_id = _without_file(tmp_path)
    with forked_server(tmp_path) as server:
        assert 200 == _send(server, "traces", traces(one, two, bad))
        assert 200 == _send(server, "traces", traces(bad))
        assert 200 == _send(server, "traces", traces(one))
        assert 200 == _send(server, "logs", logs(log("one"), log("two")))
        metric = Metric(name="m")
        metric.gauge.data_points.add(as_int=1)
        metric.gauge.data_points.add(as_int=2)
        assert 200 == _send(server, "metrics", metrics([metric]))
        assert 400 == _send(server, "logs", b"\xff\xff")
        _adds_up(_metrics(server))
        samples = _settled(server)
        assert {"traces": (5, 2, 1, 2, 0), "logs": (3, 2, 0, 1, 0), "metrics": (2, 2, 0, 0, 0)} == (
            _adds_up(samples)
        )
        by_reason = {
            dict(labels)["reason"]: value
            for (name, labels), value in samples.items()
            if name == "tracepulse_records_rejected"
        }
        assert {"id_length": 2, "set_aside": 1} == by_reason
        status = (("origin", "otlp_http"), ("status", "400"))
        assert 1 == samples["tracepulse_requests_total", status]
        assert 0 <= samples["tracepulse_last_load_age_seconds", ()] < 1000
        assert 1 == samples["tracepulse_set_aside_messages", ()]
        doctor = server.get("/api/doctor")
        assert True is doctor["accounting"]["holds"]
        (check,) = (each for each in doctor["checks"] if each["name"] == "accounting")
        assert "adds up: 10 received = 6 stored + 1 deduplicated + 3 rejected" in check["detail"]
        server.process.kill()
        server.process.wait(20)
    with forked_server(tmp_path) as server:
        assert _adds_up(samples) == _adds_up(_settled(server))
        _retry_by_command_line(server, message_id)
        assert (3, 3, 0, 0, 0) == _adds_up(_settled(server))["logs"]
        (record,) = server.logs(1, service="old", since="2020-01-01T00:00:00Z")
        assert "otlp_grpc" == record.get("origin", "otlp_grpc")


def _retry_by_command_line(server: RunningServer, message_id: str) -> None:
    assert "Code: 6. Cannot parse" in _cli(server, "set-aside", "list")
    shown = _cli(server, "set-aside", "show", message_id)
    assert '"stringValue"' in shown
    assert "hunter2" not in shown
    assert "198.51.100.7" not in shown
    assert f"{message_id} is queued" in _cli(server, "set-aside", "retry", "--all")
    assert "No message is set aside." in _cli(server, "set-aside", "list")
    assert 404 == server.client.post(f"/api/set-aside/{message_id}/retry").status_code
    refused = server.client.delete("/api/set-aside/..%2F..%2Fstate.db").status_code
    assert refused in (404, 405)  # as the page is built or not
    assert (server.data_dir / "state.db").exists()


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=1.0.0", "*/*"])
def test_metrics_come_in_the_form_that_is_accepted(accept: str, tmp_path: Path) -> None:
    """Prometheus asks for OpenMetrics, others get plain text."""
    from tests.deliver.watched import FakeOperation

    from tracepulse.deliver.api.self_metrics import exposition

    body, media_type = exposition(FakeOperation().numbers(), accept)
    assert accept.partition(";")[0].replace("*/*", "text/plain") in media_type
    assert b'tracepulse_records_received_total{origin="otlp_http",signal="logs"} 10.0' in body
    assert b"process_cpu_seconds_total" in body
