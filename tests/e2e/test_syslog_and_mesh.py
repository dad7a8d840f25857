"""Syslog and Envoy's access log service into a running server, and out of its API."""

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from tests.running_server import RunningServer, forked_server, free_ports

from tracepulse.receive.envoy_messages import HttpEntry, StreamMessage

LOGGER = shutil.which("logger")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def syslog_port() -> int:
    """A free port."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, syslog_port: int) -> Iterator[RunningServer]:
    """A server that takes syslog too."""
    listen = ("--syslog-listen", f"127.0.0.1:{syslog_port}")
    with forked_server(tmp_path_factory.mktemp("server"), None, *listen) as running:
        yield running


@pytest.mark.skipif(LOGGER is None, reason="logger (util-linux) is not installed")
def test_what_logger_sends_is_found_by_service(server: RunningServer, syslog_port: int) -> None:
    """Three hundred messages over TCP, each once, with the level and trace that they name."""
    message = json.dumps({"level": "error", "msg": "payment failed", "trace_id": TRACE})
    subprocess.run(
        [str(LOGGER), "--server", "127.0.0.1", "--port", str(syslog_port), "--tcp", "--rfc5424",
         "--tag", "till", "--octet-count"],
        input="".join(f"{message}\n" for _ in range(300)),
        text=True, check=True, timeout=60,
    )  # fmt: skip
    records = server.logs(300, service="till", limit=1000)
    assert len(records) == 300
    assert {("payment failed", 17, TRACE, "loopback")} == {
        (r["body"], r["severity_number"], r["trace_id"], r["trust"]) for r in records
    }


def test_messages_that_are_equal_are_all_kept(server: RunningServer, syslog_port: int) -> None:
    """Syslog never repeats a message: the same line twice is two records, whatever its time says."""
    line = f"<14>{datetime.now(UTC):%b %e %H:%M:%S} web-1 twin: the same\n".encode()
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", syslog_port)) as sender:
            sender.sendall(line)
        time.sleep(0.2)  # so that they come as two requests
    assert len(server.logs(2, service="twin")) == 2
    assert 'origin="syslog"' in server.client.get("/metrics").text


def test_a_stream_of_access_logs_names_service_callee_and_trace(server: RunningServer) -> None:
    """What a proxy streams is a log of its service, with what a flow needs."""
    cases = Path(__file__).parents[1] / "cases" / "envoy_als" / "messages.json"
    message = StreamMessage.FromString(base64.b64decode(json.loads(cases.read_text())["http"]))
    entry = HttpEntry.FromString(message.http_logs.log_entry[0])
    start = entry.common_properties.start_time
    start.seconds = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp())
    message.http_logs.log_entry[0] = entry.SerializeToString()
    with grpc.insecure_channel(server.otlp_grpc_url.removeprefix("http://")) as channel:
        send = channel.stream_unary("/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs")
        assert send(iter([message.SerializeToString()]), timeout=20) == b""
    (record,) = server.logs(1, service="checkout")
    assert 'origin="envoy_als"' in server.client.get("/metrics").text
    assert (TRACE, 17) == (record["trace_id"], record["severity_number"])
    assert {
        "peer.service": "payment",
        "envoy.duration_ms": "28",
        "http.response.status_code": "503",
    }.items() <= record["attributes"].items()
