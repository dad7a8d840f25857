"""A real rsyslog forwards to TracePulse: as syslog, and by its output for Elasticsearch."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.peer_programs import peer, peer_process
from tests.running_server import RunningServer, free_ports, running_server

LINES = [f"drawer {number} jammed: naïve ✓" for number in range(200)]
_START = """
global(workDirectory="{folder}" net.enableDNS="off")
module(load="imptcp")
template(name="ecs" type="list" option.jsonf="on") {{
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
  property(outname="log.level" name="syslogseverity-text" format="jsonf")
  property(outname="service.name" name="programname" format="jsonf")
  property(outname="host.name" name="hostname" format="jsonf")
}}
input(type="imptcp" port="{port}" address="127.0.0.1")
"""


@pytest.fixture(scope="module")
def syslog_port() -> int:
    """A port that nothing listens on."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, syslog_port: int) -> Iterator[RunningServer]:
    """A running server that takes syslog."""
    listen = f"127.0.0.1:{syslog_port}"
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder, None, "--syslog-listen", listen) as running:
        yield running


@contextmanager
def _forwarding(folder: Path, action: str, program: str) -> Iterator[None]:
    """Have rsyslog take the lines as a program's and forward them; it ends with the block."""
    daemon = peer("debian/usr/sbin/rsyslogd", "debian")
    libraries = daemon.parents[1] / "lib" / "x86_64-linux-gnu"
    (port,) = free_ports(1)
    file = folder / "rsyslog.conf"
    file.write_text(_START.format(folder=folder, port=port) + action)
    command = [
        str(daemon), "-n", "-f", str(file), "-i", str(folder / "pid"), "-M", str(libraries / "rsyslog"),
    ]  # fmt: skip
    paths = f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")

    def listens(text: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    log = folder / "log"
    with (
        peer_process(command, log, listens, {"LD_LIBRARY_PATH": paths}),
        socket.create_connection(("127.0.0.1", port)) as sender,
    ):
        for number, line in enumerate(LINES):
            at = f"2026-11-22T10:{number // 60:02d}:{number % 60:02d}.250Z"
            sender.sendall(f"<132>1 {at} till-3 {program} 71 - - {line}\n".encode())
        yield
    assert "error" not in log.read_text().lower(), log.read_text()


def _found(server: RunningServer, service: str) -> list[tuple[str, int, str]]:
    records = server.logs(
        len(LINES), service=service, limit=1000,
        since="2026-11-22T10:00:00Z", until="2026-11-22T11:00:00Z",
    )  # fmt: skip
    return sorted((each["body"], each["severity_number"], each["time_at"]) for each in records)


def _expected() -> list[tuple[str, int, str]]:
    return sorted(
        (line, 13, f"2026-11-22T10:{number // 60:02d}:{number % 60:02d}.250000000Z")
        for number, line in enumerate(LINES)
    )


@pytest.mark.parametrize(
    ("protocol", "options"),
    [
        ("tcp", 'TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"'),
        ("tcp", 'template="RSYSLOG_SyslogProtocol23Format"'),
        ("udp", 'template="RSYSLOG_SyslogProtocol23Format"'),
    ],
)
def test_forwards_as_syslog(
    server: RunningServer, syslog_port: int, tmp_path: Path, protocol: str, options: str
) -> None:
    """Every message arrives, by TCP in both framings and by UDP, with its time and severity."""
    program = f"till-{protocol}-{len(options)}"
    action = f'action(type="omfwd" target="127.0.0.1" port="{syslog_port}" protocol="{protocol}" {options})'

    with _forwarding(tmp_path, action, program):
        found = _found(server, program)

    assert found == _expected()


def test_forwards_to_elasticsearch(server: RunningServer, tmp_path: Path) -> None:
    """What its output for Elasticsearch sends in bulks arrives, type of the document and all."""
    port = server.otlp_http_url.rpartition(":")[2]
    action = (
        'module(load="omelasticsearch")\n'
        f'action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" template="ecs"'
        f' searchIndex="logs-shop" bulkmode="on" errorFile="{tmp_path / "refused"}")'
    )

    with _forwarding(tmp_path, action, "till-bulk"):
        found = _found(server, "till-bulk")

    assert found == _expected()
    assert not (tmp_path / "refused").exists()
