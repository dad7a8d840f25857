"""Programs that write to Elasticsearch write to TracePulse when their URL is changed."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from benchmarks.generator.records import log_records
from tests.integration.collected_logs import COUNT, check_collected
from tests.peer_programs import client, peer
from tests.running_server import RunningServer

HALF_HOUR_NS = 1_800_000_000_000


def _documents(service: str) -> list[dict[str, Any]]:
    """Return documents as Filebeat writes them, of the last half hour."""
    now = time.time_ns()
    documents = []
    for record in log_records(len(service), COUNT, now - HALF_HOUR_NS, now):
        at = datetime.fromtimestamp(record.time_unix_ns / 1e9, UTC)
        documents.append(
            {
                "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "message": record.message,
                "log": {"level": record.severity.lower()},
                "service": {"name": service},
                "trace": {"id": record.trace_id} if record.trace_id else {},
            }
        )
    return documents


def _seen(record: dict[str, Any]) -> tuple[str, str, str, int]:
    at_ms = int(record["time_unix_ns"]) // 1_000_000
    return record["body"], record["severity_text"].lower(), record["trace_id"], at_ms


def _given(document: dict[str, Any]) -> tuple[str, str, str, int]:
    at = datetime.fromisoformat(document["@timestamp"])
    at_ms = round(at.timestamp() * 1000)
    return document["message"], document["log"]["level"], document["trace"].get("id", ""), at_ms


@pytest.mark.parametrize(
    ("script", "module"),
    [
        ("elastic.cjs", "@elastic/elasticsearch"),
        ("elastic.cjs", "elasticsearch-8"),
        ("elastic.cjs", "@opensearch-project/opensearch"),
        ("elastic.py", ""),
    ],
)
def test_an_official_client(
    server: RunningServer, tmp_path: Path, script: str, module: str
) -> None:
    """Every document that an official client's bulk helper sends is a record, with its fields."""
    service = f"shop{module.replace('/', '-')}-{script.partition('.')[2]}"
    documents = _documents(service)
    file = tmp_path / "documents.json"
    file.write_text(json.dumps(documents))
    modules = [module] if module else []

    told = json.loads(client(script, server.otlp_http_url, "logs-shop", *modules, str(file)))
    records = server.logs(COUNT, service=service, limit=COUNT)

    assert (told["sent"], told["dropped"]) == (COUNT, 0)
    assert sorted(map(_seen, records)) == sorted(map(_given, documents))


@pytest.mark.parametrize("mode", ["ecs", "otel", "none"])
def test_a_collectors_elasticsearch_exporter(
    server: RunningServer, tmp_path: Path, mode: str
) -> None:
    """Log records come through the Collector's exporter, in each of its mappings."""
    program = peer("otelcol-elastic-peer", "elastic")
    exporter = {
        "endpoints": [server.otlp_http_url],
        "logs_index": "logs-shop",
        "mapping": {"mode": mode},
        "flush": {"interval": "200ms"},
    }

    check_collected(program, {"elasticsearch": exporter}, server, tmp_path, f"till-{mode}")
