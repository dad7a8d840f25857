"""A server that records what it is sent and misbehaves as told; a client that sends to it."""

import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from debugqueue import Client, limits
from debugqueue.guard import faults


class Sink:
    """An OTLP receiver on a port of its own."""

    def __init__(self) -> None:
        """Start listening."""
        self.requests: List[ExportLogsServiceRequest] = []
        self.headers: List[Dict[str, str]] = []
        self.answers: List[Any] = []
        """What to answer next: a status, (status, headers), or (status, headers, body); then 200."""
        self.arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _handler(self) -> Any:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                sink._take(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        if handler.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        answer = self.answers.pop(0) if self.answers else 200
        status, headers, said = (
            (*answer, {}, b"")[:3]
            if isinstance(answer, tuple) and len(answer) == 3
            else (*answer, b"")
            if isinstance(answer, tuple)
            else (answer, {}, b"")
        )
        with self.arrived:
            self.headers.append({k.lower(): v for k, v in handler.headers.items()})
            if status == 200:
                self.requests.append(ExportLogsServiceRequest.FromString(body))
            self.arrived.notify_all()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/x-protobuf")
        handler.send_header("Content-Length", str(len(said)))
        handler.end_headers()
        handler.wfile.write(said)

    def records(self) -> List[Any]:
        """Return every log record that was accepted, in order, without reports of drops."""
        return [each for each in self.everything() if each.event_name != "debugqueue.dropped"]

    def everything(self) -> List[Any]:
        """Return every log record that was accepted, in order."""
        with self.arrived:
            return [
                record
                for request in self.requests
                for logs in request.resource_logs
                for scope in logs.scope_logs
                for record in scope.log_records
            ]

    def wait_for(self, count: int) -> List[Any]:
        """Return the records once there are so many; fails after 20 seconds."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.records()) >= count, 20)
        return self.records()

    def resource(self) -> Dict[str, Any]:
        """Return the resource's attributes of the first request."""
        return plain(self.requests[0].resource_logs[0].resource.attributes)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def value_of(value: Any) -> Any:
    """Return an AnyValue as Python has it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return plain(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def plain(attributes: Any) -> Dict[str, Any]:
    """Return attributes as a dict; names must not come twice."""
    found = {each.key: value_of(each.value) for each in attributes}
    assert len(found) == len(attributes)
    return found


def response(rejected: int) -> bytes:
    """Return an answer that refuses some records."""
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = rejected
    answer.partial_success.error_message = "no"
    return answer.SerializeToString()


class DeadPort:
    """A port where nothing good happens: `behaviour` is given each connection."""

    def __init__(self, behaviour: Callable[[socket.socket], None]) -> None:
        """Start listening."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._behaviour = behaviour
        self._open: List[socket.socket] = []
        self._closed = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            if self._closed:
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._behaviour(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        """End every connection."""
        self._closed = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            each.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Give a receiver that accepts everything until it is told otherwise."""
    made = Sink()
    yield made
    made.close()


@pytest.fixture
def dead_port() -> Iterator[Callable[[Callable[[socket.socket], None]], DeadPort]]:
    """Give a maker of ports that misbehave."""
    made: List[DeadPort] = []

    def make(behaviour: Callable[[socket.socket], None]) -> DeadPort:
        made.append(DeadPort(behaviour))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def client(sink: Sink) -> Iterator[Client]:
    """Give a client of the receiver, which is shut down at the end."""
    made = Client(endpoint=sink.url, service="shop", flush_interval_s=0.01)
    yield made
    made.shutdown()


@pytest.fixture
def read() -> Callable[[Any], Dict[str, Any]]:
    """Give what reads a record's attributes."""
    return lambda record: plain(record.attributes)


@pytest.fixture
def refusing() -> Callable[[int], bytes]:
    """Give what makes an answer that refuses so many records."""
    return response


@pytest.fixture(autouse=True)
def _own_faults_come_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Raise what the guard would swallow; none may have been swallowed where that is impossible."""
    monkeypatch.setattr(faults, "raised", True)
    before = faults.swallowed
    yield
    assert faults.swallowed == before


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let second tries come at once."""
    monkeypatch.setattr(limits, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(limits, "BREAKER_OPEN_S", 0.01)
