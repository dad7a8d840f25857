"""The OpenTelemetry SDK for Python exports to TracePulse with nothing but the endpoint set."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.running_server import RunningServer

SENDER = Path(__file__).with_name("sdk_sender.py")


def _send(protocol: str, endpoint: str, service: str) -> dict[str, Any]:
    """Run the sender with the endpoint as its only OpenTelemetry setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, str(SENDER), protocol, service],
        env=kept | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    sent: dict[str, Any] = json.loads(done.stdout)
    return sent


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_traces_logs_and_metrics_arrive(server: RunningServer, protocol: str) -> None:
    """What the SDK sends is found again: spans with their error, the log in its trace, metrics."""
    endpoint = server.otlp_grpc_url if protocol == "grpc" else server.otlp_http_url
    service = f"python-{protocol}"

    sent = _send(protocol, endpoint, service)

    assert all(sent["delivered"])
    spans = {span["operation"]: span for span in server.spans(sent["trace_id"], 2)}
    root, child = spans["POST /orders"], spans["charge card"]
    assert (root["span_id"], root["service"]) == (sent["root_span_id"], service)
    assert (root["kind"], child["kind"]) == ("Server", "Client")
    assert root["attributes"]["shop.items"] == "3"
    assert root["attributes"]["shop.express"] == "false"
    assert child["parent_span_id"] == root["span_id"]
    assert (child["status_code"], child["status_message"]) == ("Error", "card declined")
    event = child["events"][0]
    assert event["name"] == "exception"
    assert event["attributes"]["exception.message"] == "card declined: naïve ✓"
    log = server.logs(1, service=service)[0]
    assert log["body"] == "order 4711 accepted for alice"
    assert (log["trace_id"], log["span_id"]) == (sent["trace_id"], sent["root_span_id"])
    assert server.metric(name="shop.sales", service=service)
    assert server.metric(name="shop.wait", service=service)
