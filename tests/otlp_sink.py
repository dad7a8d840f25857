"""Something that takes OTLP over HTTP, in the test's own process, and keeps what it was sent."""

import base64
import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["OtlpSink", "otlp_sink"]


class OtlpSink(ThreadingHTTPServer):
    """Takes OTLP over HTTP and keeps the bodies by path."""

    daemon_threads = True

    def __init__(self, hangs_s: float = 0) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        self.hangs_s = hangs_s
        super().__init__(("127.0.0.1", 0), OtlpHandler)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[tuple[dict[str, str], Any]]:
        """Every span so far, with its resource's attributes."""
        return [
            (_texts(part.resource.attributes), span)
            for body in list(self.bodies.get("/v1/traces", []))
            for part in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[tuple[dict[str, str], Any]]:
        """Every log record so far, with its resource's attributes."""
        return [
            (_texts(part.resource.attributes), record)
            for body in list(self.bodies.get("/v1/logs", []))
            for part in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in part.scope_logs
            for record in scope.log_records
        ]


class OtlpHandler(BaseHTTPRequestHandler):
    """Says yes to everything, sooner or later."""

    server: OtlpSink

    def do_POST(self) -> None:
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        body = self._chunks() if chunked else self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.headers.get("Content-Type", "").startswith("application/json"):
            body = _as_protobuf(self.path, body)
        self.server.bodies.setdefault(self.path, []).append(body)
        time.sleep(self.server.hangs_s)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _chunks(self) -> bytes:
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def otlp_sink(hangs_s: float = 0) -> Iterator[OtlpSink]:
    """Serve a sink; `hangs_s` is how long each answer takes."""
    with OtlpSink(hangs_s) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _as_protobuf(path: str, body: bytes) -> bytes:
    """Return a request in JSON as protobuf: OTLP has its ids in hex, protobuf's JSON in base64."""

    def based(fields: dict[str, Any]) -> dict[str, Any]:
        for name in {"traceId", "spanId", "parentSpanId"} & fields.keys():
            fields[name] = base64.b64encode(bytes.fromhex(fields[name])).decode()
        return fields

    kinds = {"/v1/logs": ExportLogsServiceRequest, "/v1/traces": ExportTraceServiceRequest}
    request = kinds[path]()
    ParseDict(json.loads(body, object_hook=based), request, ignore_unknown_fields=True)
    return bytes(request.SerializeToString())


def _texts(attributes: Any) -> dict[str, str]:
    return {item.key: item.value.string_value for item in attributes}
