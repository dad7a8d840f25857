"""Bounded and accounted for, whatever the server does: sent + dropped = created, and drops are told."""

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from debugqueue import Client, limits

Behaviour = Callable[[socket.socket], None]


def silence(connection: socket.socket) -> None:
    """Take the connection and never say a word."""
    while connection.recv(65536):
        pass


def half_closed(connection: socket.socket) -> None:
    """Close the sending half at once, and go on reading."""
    connection.shutdown(socket.SHUT_WR)
    silence(connection)


def reset(connection: socket.socket) -> None:
    """Close in the middle of the request."""
    connection.recv(1)
    connection.close()


def a_byte_a_while(connection: socket.socket) -> None:
    """Answer one byte at a time, without an end."""
    connection.recv(65536)
    pause = threading.Event()
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 10_000:
        connection.send(bytes((byte,)))
        pause.wait(0.05)


def nonsense(connection: socket.socket) -> None:
    """Answer in no known protocol."""
    connection.recv(65536)
    connection.sendall(b"\x00\xff" * 200 + b"\r\n\r\n")


def endless(connection: socket.socket) -> None:
    """Answer more than anybody reads."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100_000)


@pytest.mark.parametrize(
    "behaviour", [silence, half_closed, reset, a_byte_a_while, nonsense, endless]
)
def test_a_bad_server_costs_bounded_memory(
    dead_port: Any, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it misbehaves, callers go on, the queue stays within its bounds, and the sums are right."""
    monkeypatch.setattr(limits, "MAX_BATCH_AGE_S", 0.2)
    client = Client(
        endpoint=dead_port(behaviour).url,
        timeout_s=0.2,
        max_queue_events=100,
        flush_interval_s=0.01,
    )
    for number in range(1000):
        client.log("A", {"n": number, "text": "x" * 1000})
        assert client._queue.unsettled <= 100
        assert client._queue.bytes <= 4 * 1024 * 1024
    client.shutdown(5)
    counts = client.counts()
    assert counts.created == 1000
    assert counts.created == counts.sent + sum(counts.dropped.values()) + counts.waiting


def test_a_server_that_is_away_costs_nothing_but_drops(quick_retries: None) -> None:
    """Nobody listens: the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Client(endpoint=f"http://127.0.0.1:{port}", max_queue_events=50)
    for _ in range(500):
        client.error("A")
    assert client._queue.unsettled <= 50
    client.shutdown(5)
    counts = client.counts()
    assert (counts.created, counts.sent) == (500, 0)
    assert counts.dropped["queue_full"] == 450
    assert counts.dropped["expired"] == 50


def test_a_full_queue_drops_the_newest_and_says_so(sink: Any) -> None:
    """The oldest are kept, drops are counted, and the next request tells how many and why."""
    client = Client(endpoint=sink.url, max_queue_events=10, flush_interval_s=60)
    for number in range(25):
        client.log("A", {"n": number})
    assert client.flush(10)
    client.log("LAST")
    assert client.flush(10)
    tags = [each.event_name for each in sink.everything()]
    assert tags.count("A") == 10
    assert [each.attributes[0].value.int_value for each in sink.records()[:10]] == list(range(10))
    (report,) = [each for each in sink.everything() if each.event_name == "debugqueue.dropped"]
    told = {each.key: each.value for each in report.attributes}
    assert told["debugqueue.dropped.count"].int_value == 15
    assert told["debugqueue.dropped.reason"].string_value == "queue_full"
    counts = client.counts()
    assert (counts.created, counts.sent, counts.dropped) == (26, 11, {"queue_full": 15})
    client.shutdown()


def test_the_queue_is_bounded_in_bytes(sink: Any) -> None:
    """Few large events fill it like many small ones."""
    client = Client(endpoint=sink.url, max_queue_bytes=100_000, flush_interval_s=60)
    for _ in range(100):
        client.log("A", {"text": "x" * 8000})
        assert client._queue.bytes <= 100_000
    assert client.counts().dropped["queue_full"] > 80
    client.shutdown()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_later_is_tried_again(
    sink: Any, client: Client, quick_retries: None, status: int
) -> None:
    """After an answer that asks for patience the same events are sent again, once."""
    sink.answers = [status, (status, {"Retry-After": "0"})]
    client.log("A")
    assert [each.event_name for each in sink.wait_for(1)] == ["A"]
    assert len(sink.headers) == 3
    assert client.flush(5)
    assert client.counts().sent == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 301])
def test_what_is_refused_is_dropped_and_told(
    sink: Any, client: Client, status: int, read: Any
) -> None:
    """No second try for what would be refused again; the next request tells."""
    sink.answers = [status]
    client.log("A")
    assert client.flush(5)
    client.log("B")
    assert client.flush(5)
    assert [each.event_name for each in sink.everything()] == ["debugqueue.dropped", "B"]
    assert read(sink.everything()[0]) == {
        "debugqueue.dropped.count": 1,
        "debugqueue.dropped.reason": "refused",
    }


def test_part_of_a_request_may_be_refused(sink: Any, refusing: Callable[[int], bytes]) -> None:
    """A partial success counts what the server named."""
    client = Client(endpoint=sink.url, flush_interval_s=60)
    sink.answers = [(200, {}, refusing(2))]
    for _ in range(5):
        client.log("A")
    assert client.flush(5)
    assert (client.counts().sent, client.counts().dropped) == (3, {"refused": 2})
    client.shutdown()


def test_a_request_that_is_too_large_is_split(sink: Any) -> None:
    """Down to single events; one that is still too large is dropped as such."""
    client = Client(endpoint=sink.url, flush_interval_s=60)
    sink.answers = [413, 413, 413, 200, 200]
    for number in range(4):
        client.log("A", {"n": number})
    assert client.flush(5)
    assert len(sink.records()) == 3
    assert client.counts().dropped == {"too_large": 1}
    client.shutdown()


@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_server_may_switch_the_sdk_off(sink: Any, client: Client, status: int) -> None:
    """With a header of any answer: nothing more is sent, not even again, and nothing piles up."""
    sink.answers = [(status, {"DebugQueue-Disable": "true", "Retry-After": "0"})]
    client.log("A")
    assert client.flush(5)
    for _ in range(100):
        client.log("B")
    assert client.flush(5)
    assert len(sink.headers) == 1
    assert client.counts().sent == (status == 200)
    assert client.counts().dropped == {"refused": 100 + (status != 200)}


def test_a_connection_is_kept_and_made_again(sink: Any, client: Client) -> None:
    """A server that closes after each answer loses no event."""
    sink.answers = [(200, {"Connection": "close"})] * 3
    for number in range(5):
        client.log("A", {"n": number})
        assert client.flush(5)
    assert [each.attributes[0].value.int_value for each in sink.records()] == list(range(5))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Give a certificate of this machine with its key, in one file."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    made = tmp_path / "server.pem"
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command, "-keyout", str(made), "-out", str(tmp_path / "only.pem")],
        check=True,
        capture_output=True,
    )
    with made.open("a") as file:
        file.write((tmp_path / "only.pem").read_text())
    return made


def test_events_go_over_tls_to_a_server_that_is_trusted(
    dead_port: Any,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By the variable that OpenTelemetry has for it; to any other server nothing is told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    heads = []

    def serve(connection: socket.socket) -> None:
        connection.settimeout(10)
        with context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ) as tls:
            tls.do_handshake()
            while True:
                received = b""
                while b"\r\n\r\n" not in received:
                    more = tls.recv(65536)
                    if not more:
                        return
                    received += more
                head, _, body = received.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                while len(body) < length:
                    body += tls.recv(65536)
                heads.append(head)
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    url = dead_port(serve).url.replace("http://127.0.0.1", "https://localhost")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate))
    client = Client(endpoint=url)
    for number in range(3):
        client.log("A", {"n": number, "text": "x" * 5000})
        assert client.flush(10)
    client.shutdown()
    assert (client.counts().sent, len(heads)) == (3, 3)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_CERTIFICATE")
    stranger = Client(endpoint=url)
    stranger.log("B", {"n": 1})
    stranger.shutdown(10)
    assert (stranger.counts().sent, len(heads)) == (0, 3)
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_requests_are_compressed_and_carry_headers(
    sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gzip where it pays, the key, and headers of the environment; the address as OpenTelemetry has it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url + "/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b")
    monkeypatch.setenv("DEBUGQUEUE_KEY", "k1")
    client = Client()
    client.log("A")
    assert client.flush(5)
    client.log("B", {f"n{n}": "x" * 100 for n in range(30)})
    assert client.flush(5)
    first, second = sink.headers
    assert first["x-team"] == "a b"
    assert first["authorization"] == "Bearer k1"
    assert "content-encoding" not in first
    assert second["content-encoding"] == "gzip"
    assert client.settings.endpoint == sink.url + "/v1/logs"
    client.shutdown()


@pytest.mark.parametrize("variable", ["DEBUGQUEUE_DISABLED", "OTEL_SDK_DISABLED"])
def test_the_environment_switches_the_sdk_off(
    sink: Any, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Nothing is queued, nothing is sent, no thread is started."""
    monkeypatch.setenv(variable, "true")
    client = Client(endpoint=sink.url)
    client.log("A")
    assert client.flush()
    assert client.counts().created == 0
    assert sink.headers == []


def test_without_an_address_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A programme that was told of no server and no stderr loses nothing by logging."""
    for variable in ("DEBUGQUEUE_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "DEBUGQUEUE_STDERR"):
        monkeypatch.delenv(variable, raising=False)
    client = Client()
    client.log("A")
    assert client.counts().created == 0


def test_an_address_that_is_none_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in the settings is a warning, not an exception in the host."""
    from debugqueue.guard import faults

    swallowed = faults.swallowed
    client = Client(endpoint="ftp://nowhere")
    client.log("A")
    assert client.flush(5)
    assert client.counts().dropped == {"refused": 1}
    assert "an endpoint is http://" in caplog.text
    assert faults.swallowed == swallowed + 1
    faults.swallowed = swallowed
    client.shutdown()


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpiont": "x"},
        {"max_queue_events": "many"},
        {"endpoint": 5},
        {"level": None, "timeout_s": ()},
    ],
)
def test_settings_that_are_wrong_switch_it_off(
    wrong: Dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A warning says which; calls go on, and cost and keep nothing."""
    client = Client(**{"endpoint": "http://127.0.0.1:9", **wrong})
    client.log("A")
    client.configure(**wrong)
    client.log("B")
    assert client.counts().created == 0
    assert "nothing is sent: " in caplog.text


def test_warnings_name_no_password(caplog: pytest.LogCaptureFixture, quick_retries: None) -> None:
    """Where an address has one, the host's log does not get it."""
    client = Client(endpoint="http://user:hunter2@127.0.0.1:9")
    client.log("A")
    client.shutdown(5)
    assert "http://127.0.0.1:9/v1/logs cannot be reached" in caplog.text
    assert "hunter2" not in caplog.text


def test_settings_may_change_while_it_runs(sink: Any) -> None:
    """What waits is sent under the settings of before; what follows, under the new ones."""
    client = Client(endpoint=sink.url, service="one", flush_interval_s=60)
    client.log("A")
    client.configure(service="two")
    client.log("B")
    assert client.flush(5)
    names = [
        attribute.value.string_value
        for request in sink.requests
        for attribute in request.resource_logs[0].resource.attributes
        if attribute.key == "service.name"
    ]
    assert names == ["one", "two"]
    client.shutdown()
