"""A connector reads a real Loki where it is."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from tests.peer_programs import peer, peer_process
from tests.pulled_sources import check_followed
from tests.running_server import free_ports, wait_until


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Loki with nothing in it."""
    program = peer("loki-peer", "loki")
    folder = tmp_path_factory.mktemp("loki")
    http_port, grpc_port = free_ports(2)
    configuration = {
        "auth_enabled": False,
        "analytics": {"reporting_enabled": False},
        "server": {
            "http_listen_address": "127.0.0.1",
            "http_listen_port": http_port,
            "grpc_listen_address": "127.0.0.1",
            "grpc_listen_port": grpc_port,
        },
        "common": {
            "instance_addr": "127.0.0.1",
            "path_prefix": str(folder / "data"),
            "replication_factor": 1,
            "ring": {"kvstore": {"store": "inmemory"}},
            "storage": {
                "filesystem": {
                    "chunks_directory": str(folder / "chunks"),
                    "rules_directory": str(folder / "rules"),
                }
            },
        },
        "schema_config": {
            "configs": [
                {
                    "from": "2020-10-24",
                    "store": "tsdb",
                    "object_store": "filesystem",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
    }
    file = folder / "loki.yaml"
    file.write_text(json.dumps(configuration))  # JSON is YAML too
    url = f"http://127.0.0.1:{http_port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/ready").status_code == 200
        except httpx.TransportError:
            return False

    with peer_process([program, f"-config.file={file}"], folder / "log", lambda text: True):
        wait_until(ready, bool, f"a Loki that is ready, see {folder / 'log'}", 90.0)
        yield url


def _write(url: str, service: str, lines: Sequence[tuple[int, str]]) -> None:
    values = [[str(at), text] for at, text in lines]
    stream = {"service_name": service, "namespace": "shop"}
    answer = httpx.post(
        f"{url}/loki/api/v1/push", json={"streams": [{"stream": stream, "values": values}]}
    )
    assert answer.status_code == 204, answer.text


def test_follows_streams(loki: str, tmp_path: Path) -> None:
    """Every line is a record once, while more are written and the server ends in between."""
    table = {
        "kind": "loki", "url": loki, "query": '{namespace="shop"}', "every": "1s", "back": "10m",
        "overlap": "30s",
    }  # fmt: skip

    check_followed(tmp_path, table, lambda lines: _write(loki, "till", lines), "till")
