"""The OpenTelemetry SDK for Node exports to TracePulse with nothing but the endpoint set."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.running_server import RunningServer

PROGRAM = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def node() -> str:
    """Where Node is, once the program's packages are installed."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node is not installed")
    if not (PROGRAM / "node_modules").is_dir():
        pytest.skip(f"packages of {PROGRAM} are not installed; run `make setup`")
    return found


def _send(node: str, settings: dict[str, str], service: str) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [node, "sender.js", service],
        cwd=PROGRAM,
        env=kept | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    sent: dict[str, Any] = json.loads(done.stdout)
    return sent


@pytest.mark.parametrize("protocol", ["default", "http/json", "grpc"])
def test_traces_logs_and_metrics_arrive(server: RunningServer, node: str, protocol: str) -> None:
    """What the SDK sends by default is found again; so it is when told to use JSON or gRPC."""
    service = f"node-{protocol.replace('/', '-')}"
    endpoint = server.otlp_grpc_url if protocol == "grpc" else server.otlp_http_url
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    if protocol != "default":
        settings["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol

    sent = _send(node, settings, service)

    spans = {span["operation"]: span for span in server.spans(sent["trace_id"], 2)}
    root, child = spans["GET /cart"], spans["read cart"]
    assert (root["span_id"], root["service"]) == (sent["root_span_id"], service)
    assert (root["kind"], child["kind"]) == ("Server", "Client")
    assert root["attributes"]["shop.items"] == "3"
    assert json.loads(root["attributes"]["shop.tags"]) == ["new", "sale"]
    assert child["parent_span_id"] == root["span_id"]
    assert (child["status_code"], child["status_message"]) == ("Error", "cart is locked")
    assert child["events"][0]["attributes"]["exception.message"] == "cart is locked: naïve ✓"
    log = server.logs(1, service=service)[0]
    assert log["body"] == "cart 4711 is stale for alice"
    assert (log["trace_id"], log["span_id"]) == (sent["trace_id"], sent["root_span_id"])
    assert server.metric(name="shop.carts", service=service)
