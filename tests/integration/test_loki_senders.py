"""Programs that push to Loki push to TracePulse when their URL is changed."""

import json
import time
from pathlib import Path

import pytest
from tests.integration.collected_logs import SPAN, TRACE, check_collected
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


@pytest.mark.parametrize("batch", [1, 10])
def test_lokis_canary(server: RunningServer, tmp_path: Path, batch: int) -> None:
    """What Loki's own canary pushes, in snappy protobuf, arrives at the nanosecond it names."""
    program = peer("loki-canary-peer", "loki")
    (port,) = free_ports(1)
    name = f"canary-{batch}"
    command = [
        str(program), "-push", "-addr", server.otlp_http_url.removeprefix("http://"),
        "-labelname", "service_name", "-labelvalue", name, "-interval", "20ms", "-size", "200",
        "-port", str(port), "-logs-batch-size", str(batch), "-tenant-id", "shop",
    ]  # fmt: skip
    started = time.time_ns()

    # It also follows what it has pushed, which cannot be done here, and tries that on to its end.
    with peer_process(command, tmp_path / "canary.log", lambda text: True, ends_when_asked=False):
        records = server.logs(BATCH, service=name)

    # It writes the instant and some letters. The instant is the record's time, and not in its body.
    whole = [record["attributes"]["log.record.original"] for record in records]
    assert len(set(whole)) == len(whole)
    named = [text.split()[0] for text in whole]
    assert all(started < int(at) < time.time_ns() for at in named)
    assert named == [str(record["time_unix_ns"]) for record in records]


def test_a_collector_that_sends_otlp_to_loki(
    collector: Path, server: RunningServer, tmp_path: Path
) -> None:
    """Log records come in where Loki takes OTLP, as Loki's documentation has a Collector send them."""
    exporter = {"otlp_http": {"endpoint": f"{server.otlp_http_url}/otlp"}}

    found = check_collected(collector, exporter, server, tmp_path, "till-otlp")

    assert {(each["trace_id"], each["span_id"]) for each in found} == {(TRACE, SPAN)}
    assert {each["severity_text"] for each in found} == {"WARN"}
