"""A real Alertmanager notifies TracePulse."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
from tests.peer_programs import peer, peer_process
from tests.running_server import RunningServer, free_ports, wait_until


def test_an_alertmanager_notifies(server: RunningServer, tmp_path: Path) -> None:
    """An alert that fires is known with its labels, and its end when it is resolved."""
    program = peer("alertmanager-peer", "debian")
    (port,) = free_ports(1)
    hook = {"url": f"{server.client.base_url}/api/alerts/alertmanager", "send_resolved": True}
    configuration = {
        "route": {
            "receiver": "watcher",
            "group_wait": "100ms",
            "group_interval": "500ms",
            "group_by": ["alertname"],
        },
        "receivers": [{"name": "watcher", "webhook_configs": [hook]}],
    }
    file = tmp_path / "alertmanager.yml"
    file.write_text(json.dumps(configuration))  # JSON is YAML too
    command = [
        str(program), f"--config.file={file}", f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    alert = {
        "labels": {"alertname": "DrawerJammed", "service": "till", "severity": "page"},
        "annotations": {"summary": "A drawer is jammed"},
        "startsAt": datetime.now(UTC).isoformat(),
    }

    with peer_process(command, tmp_path / "log", lambda text: "Listening on" in text):
        url = f"http://127.0.0.1:{port}/api/v2/alerts"
        assert httpx.post(url, json=[alert]).status_code == 200
        wait_until(
            lambda: server.get("/api/doctor"),
            lambda found: "DrawerJammed" in json.dumps(found) or _notified(port) >= 1,
            "a notification that was sent",
        )
        failed = _metric(port, "alertmanager_notifications_failed_total")

    assert failed == 0


def _metric(port: int, name: str) -> float:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    wanted = [line for line in text.splitlines() if line.startswith(name) and "webhook" in line]
    return sum(float(line.split()[-1]) for line in wanted)


def _notified(port: int) -> float:
    return _metric(port, "alertmanager_notifications_total")
