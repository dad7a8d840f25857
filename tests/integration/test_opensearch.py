"""A connector reads a real OpenSearch where it is."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from tests.peer_programs import peer, peer_process
from tests.pulled_sources import check_followed, connectors_file
from tests.running_server import ROOT, free_ports


@pytest.fixture(scope="module")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a node with nothing in it."""
    program = peer("opensearch-peer", "opensearch")
    folder = tmp_path_factory.mktemp("opensearch")
    http_port, transport_port = free_ports(2)
    command = [str(program), str(folder / "data"), str(http_port), str(transport_port)]
    with peer_process(command, folder / "log", lambda text: "\nready" in text):
        yield f"http://127.0.0.1:{http_port}"


def _write(url: str, service: str, lines: Sequence[tuple[int, str]]) -> None:
    parts = []
    for at, text in lines:
        moment = datetime.fromtimestamp(at // 1_000_000 / 1000, UTC)
        document = {
            "@timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "message": text,
            "log": {"level": "warn"},
            "service": {"name": service},
        }
        parts += [json.dumps({"create": {}}), json.dumps(document)]
    answer = httpx.post(
        f"{url}/logs-shop/_bulk?refresh=true",
        content="\n".join(parts) + "\n",
        headers={"content-type": "application/x-ndjson"},
        timeout=30,
    )
    assert answer.json()["errors"] is False, answer.text


def test_follows_an_index(opensearch: str, tmp_path: Path) -> None:
    """Every document is a record once, while more are written and the server ends in between."""
    table = {
        "kind": "opensearch", "url": opensearch, "index": "logs-*", "every": "1s", "back": "10m",
        "overlap": "30s",
    }  # fmt: skip

    check_followed(tmp_path, table, lambda lines: _write(opensearch, "till", lines), "till")


def test_proves_its_connection(opensearch: str, tmp_path: Path) -> None:
    """`tracepulse connect test` says what the source is."""
    _write(opensearch, "kiosk", [(1_795_000_000_000_000_000, "drawer 1 jammed")])
    file = connectors_file(tmp_path, {"kind": "opensearch", "url": opensearch, "index": "logs-*"})

    told = subprocess.run(
        [sys.executable, "-m", "tracepulse.cli", "connect", "test", "source", "--connectors-file", str(file)],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stdout + told.stderr
    assert "3.8.0" in told.stdout
