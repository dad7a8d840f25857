"""Programs that push to Loki push to TracePulse when their URL is changed."""

import json
import time
from pathlib import Path

import pytest
from tests.peer_programs import client, peer, peer_process
from tests.running_server import RunningServer, free_ports

BATCH = 20


def test_a_python_logger_for_loki(server: RunningServer, tmp_path: Path) -> None:
    """Every line of a logging handler arrives with its tags, under the service that they name."""
    lines = [f"drawer {number} jammed: naïve ✓" for number in range(12)]
    (tmp_path / "lines.json").write_text(json.dumps(lines))

    client("loki.py", server.otlp_http_url, str(tmp_path / "lines.json"))
    records = server.logs(len(lines), service="till")

    assert sorted(record["body"] for record in records) == sorted(lines)
    assert {record["severity_number"] for record in records} == {13}
    assert {record["resource"].get("drawer") for record in records} == {"3"}


@pytest.mark.parametrize("batch_bytes", [0, 1024])
def test_lokis_canary(server: RunningServer, tmp_path: Path, batch_bytes: int) -> None:
    """What Loki's own canary pushes, in snappy protobuf, arrives at the nanosecond it names."""
    program = peer("loki-canary-peer", "loki")
    (port,) = free_ports(1)
    name = f"canary-{batch_bytes}"
    command = [
        str(program), "-push", "-addr", server.otlp_http_url.removeprefix("http://"),
        "-labelname", "service_name", "-labelvalue", name, "-interval", "20ms", "-size", "200",
        "-port", str(port), "-logs-batch-size", str(batch_bytes), "-tenant-id", "shop",
    ]  # fmt: skip
    started = time.time_ns()

    with peer_process(command, tmp_path / "canary.log", lambda text: True):
        records = server.logs(BATCH, service=name)

    bodies = {record["body"] for record in records}
    named = {int(body.split()[0]): record for record in records for body in [record["body"]]}
    assert len(bodies) == len(records)
    assert all(started < at < time.time_ns() for at in named)
    assert {at: str(at) for at in named} == {
        at: str(record["time_unix_ns"]) for at, record in named.items()
    }
