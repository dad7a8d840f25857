"""Log records handed to a Collector, which sends them on by one of its exporters."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from benchmarks.generator.otlp_records import otlp_logs
from benchmarks.generator.records import LogRecord
from tests.peer_programs import peer_process
from tests.running_server import RunningServer, free_ports

__all__ = ["COUNT", "SPAN", "TRACE", "check_collected"]

COUNT = 100
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def check_collected(
    program: Path,
    exporter: Mapping[str, Any],
    server: RunningServer,
    folder: Path,
    service: str,
) -> list[dict[str, Any]]:
    """
    Hand a Collector some warnings of a service, and check that each is stored once, at its time.

    Args:
        exporter: its name and settings, as in the Collector's configuration.
    Returns:
        The records that were stored, for what is told of this exporter alone.
    """
    (port,) = free_ports(1)
    configuration = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": exporter,
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"logs": {"receivers": ["otlp"], "exporters": list(exporter)}},
        },
    }
    file = folder / "collector.json"
    file.write_text(json.dumps(configuration))  # JSON is YAML too
    now = time.time_ns()
    records = [
        LogRecord(
            now - number * 1_000_000, service, "till-1", "WARN", f"drawer {number}", TRACE, SPAN, ()
        )
        for number in range(COUNT)
    ]
    log = folder / "collector.log"

    with peer_process([program, "--config", file], log, lambda text: "is ready" in text):
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v1/logs",
            content=otlp_logs(records),
            headers={"content-type": "application/x-protobuf"},
        )
        found = server.logs(COUNT, service=service, limit=2 * COUNT)

    assert answer.status_code == 200
    assert "error" not in log.read_text(), log.read_text()
    assert sorted((each["body"], int(each["time_unix_ns"]) // 1_000_000) for each in found) == (
        sorted((each.message, each.time_unix_ns // 1_000_000) for each in records)
    )
    return found
