"""Libraries that send to Splunk's HTTP Event Collector send to TracePulse when their URL is changed."""

import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.integration.collected_logs import SPAN, TRACE, check_collected
from tests.peer_programs import client, peer
from tests.running_server import RunningServer

TOKEN = "3f1d2c9e-0000-4000-8000-000000000000"  # taken where no keys are asked for


def test_splunks_own_library(server: RunningServer, tmp_path: Path) -> None:
    """Texts and objects of Splunk's library for JavaScript arrive, at the time and place they name."""
    file = tmp_path / "messages.json"
    file.write_text(json.dumps(["drawer 1 jammed", {"drawer": 2, "message": "jammed too"}]))

    at = int(time.time()) - 60 + 0.25

    told = json.loads(client("splunk.cjs", server.otlp_http_url, TOKEN, str(file), str(at)))
    records = server.logs(2, text="jammed")

    assert told == {"status": 200, "body": {"text": "Success", "code": 0}}
    assert {str(record["time_unix_ns"]) for record in records} == {
        str(round(at * 1000) * 1_000_000)
    }
    assert any("drawer 1 jammed" in record["body"] for record in records)
    assert any("jammed too" in record["body"] for record in records)


def test_a_python_logger_for_splunk(server: RunningServer, tmp_path: Path) -> None:
    """Every line of a logging handler arrives, under the service that its source names."""
    lines = [f"till opened for the {number}th time: naïve ✓" for number in range(30)]
    file = tmp_path / "lines.json"
    file.write_text(json.dumps(lines))
    place = urlsplit(server.otlp_http_url)

    client("splunk.py", str(place.hostname), str(place.port), TOKEN, str(file))
    records = server.logs(len(lines), text="till opened")

    assert sorted(record["body"] for record in records) == sorted(lines)


@pytest.mark.parametrize("compression", [True, False])
def test_a_collectors_splunk_exporter(
    server: RunningServer, tmp_path: Path, compression: bool
) -> None:
    """Log records come through the Collector's exporter, with their level and trace."""
    program = peer("otelcol-splunk-peer", "splunk")
    exporter = {
        "endpoint": f"{server.otlp_http_url}/services/collector",
        "token": TOKEN,
        "source": "till",
        "index": "shop",
        "disable_compression": not compression,
        "health_check_enabled": True,
    }

    found = check_collected(
        program, {"splunk_hec": exporter}, server, tmp_path, f"till-{compression}".lower()
    )

    assert {(each["trace_id"], each["span_id"]) for each in found} == {(TRACE, SPAN)}
    assert {each["severity_text"] for each in found} == {"WARN"}
    assert {each["resource"]["com.splunk.index"] for each in found} == {"shop"}
