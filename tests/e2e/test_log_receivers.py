"""Logs sent to a running server in the words of Loki, Elasticsearch and Splunk are found again."""

import gzip
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import elasticsearch
import httpx
import pyarrow as pa
from elasticsearch import helpers
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.otlp_requests import log, logs
from tests.receive.test_loki_push import entry, stream
from tests.running_server import forked_server

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_what_other_pipelines_send_is_found(tmp_path: Path) -> None:
    """Each protocol's records are there with level, trace and service, and the accounts name it."""
    now_ns = time.time_ns()
    with forked_server(tmp_path) as server:
        url = server.otlp_http_url
        _push_to_loki(url, now_ns)
        _write_to_elasticsearch(url, now_ns)
        _send_to_splunk(url, now_ns)
        for service in ("by-loki", "by-elastic", "by-splunk"):
            (record,) = server.logs(1, service=service, text="no stock")
            assert TRACE == record["trace_id"]
            assert "error" == record["severity_text"].lower()
        (otlp,) = server.logs(1, text="by otlp")
        assert otlp["body"] == "by otlp"
        server.logs(200, service="by-elastic", limit=500)
        doctor = server.get("/api/doctor")
    told = json.dumps(doctor)
    for origin in ("loki", "elasticsearch", "splunk_hec"):
        assert f'"{origin}"' in told
    assert '"timestamp": 1' in told


def _push_to_loki(url: str, now_ns: int) -> None:
    """Push protobuf as Promtail does, JSON with one bad entry, and OTLP where Loki takes it."""
    line = f"level=error traceID={TRACE} msg=no_stock".replace("no_stock", '"no stock"')
    plain = stream('{app="by-loki"}', entry(now_ns, line.encode()))
    packed = bytes(pa.compress(plain, "snappy", asbytes=True))
    kind = {"content-type": "application/x-protobuf"}
    assert 204 == httpx.post(f"{url}/loki/api/v1/push", content=packed, headers=kind).status_code
    values = [[str(now_ns), "good"], ["noon", "bad"]]
    body = {"streams": [{"stream": {"app": "by-loki"}, "values": values}]}
    assert 400 == httpx.post(f"{url}/loki/api/v1/push", json=body).status_code
    request: ExportLogsServiceRequest = logs(log("by otlp", at=now_ns))
    sent = httpx.post(f"{url}/otlp/v1/logs", content=request.SerializeToString(), headers=kind)
    assert 200 == sent.status_code


def _write_to_elasticsearch(url: str, now_ns: int) -> None:
    """Write with the official client, in bulk."""
    instant = datetime.fromtimestamp(now_ns / 1e9, UTC).isoformat()
    ecs: dict[str, Any] = {
        "@timestamp": instant,
        "message": "no stock",
        "log.level": "ERROR",
        "service": {"name": "by-elastic"},
        "trace": {"id": TRACE},
    }
    others: list[dict[str, Any]] = [
        {"message": f"n {n}", "service.name": "by-elastic"} for n in range(200)
    ]
    with elasticsearch.Elasticsearch(url, http_compress=True) as client:
        actions = [{"_index": "logs", **document} for document in (ecs, *others)]
        assert (201, []) == helpers.bulk(client, actions)


def _send_to_splunk(url: str, now_ns: int) -> None:
    """Send events one behind another, packed, and ask whether they are safe."""
    event = {
        "time": now_ns / 1e9,
        "source": "by-splunk",
        "event": {"message": "no stock", "level": "error", "trace_id": TRACE},
    }
    body = gzip.compress((json.dumps(event) + json.dumps({"event": "other"})).encode())
    headers = {"content-encoding": "gzip", "x-splunk-request-channel": "c-1"}
    collector = f"{url}/services/collector"
    answer = httpx.post(f"{collector}/event", content=body, headers=headers).json()
    assert (0, 0) == (answer["code"], answer["ackId"])
    asked = httpx.post(f"{collector}/ack?channel=c-1", json={"acks": [0]}).json()
    assert {"acks": {"0": True}} == asked
