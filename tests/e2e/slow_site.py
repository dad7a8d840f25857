"""
A web site whose pages are slow in one known way each, under three origins.

One of them takes connections late, one greets late over TLS, the third does neither. What else a
page is slow at is in its address, so that a page and the truth about it are written in one place.
"""

import json
import secrets
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.e2e.web_site import PICTURE

__all__ = ["SlowSite", "slow_site"]

FONT = "font:48px sans-serif"
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Slow</title>
<link rel="icon" href="data:,">{head}
<script type="module" src="/sdk.mjs" data-debugqueue="{endpoint}" data-service="slow-page"></script>
</head><body style="margin:0;font:48px sans-serif">"""
BUSY = "const busy=(ms)=>{const end=performance.now()+ms;while(performance.now()<end);};"
HERO = "<img {src} style='width:700px;height:500px' alt=''>"


@dataclass
class SlowSite:
    """Where it listens, and which traces its pages were given."""

    bundle: str
    folder: Path
    endpoint: str = ""
    """Where the SDK sends to, without `/v1/…`."""
    plain: str = ""
    late: str = ""
    """Takes connections late."""
    greeted: str = ""
    """Greets late over TLS."""
    pages: list[tuple[str, str]] = field(default_factory=list)
    """Trace id and span id of the server's span for each page."""
    closed: threading.Event = field(default_factory=threading.Event)
    servers: "dict[str, _Server]" = field(default_factory=dict)

    @property
    def origins(self) -> tuple[str, ...]:
        """All origins."""
        return self.plain, self.late, self.greeted

    def hold_connections(self, seconds: float) -> None:
        """Let the late origin take no connection for so long: the kernel asks again after 1 s."""
        self.servers["late"].hold(seconds)


class _Server(ThreadingHTTPServer):
    """One origin."""

    request_queue_size = 64

    def __init__(self, site: SlowSite, tls: ssl.SSLContext | None = None, *, late: bool = False):
        self.site, self.tls = site, tls
        self.greet_after_s = 0.0
        if late:
            self.request_queue_size = 0
        self.taking = threading.Event()
        self.taking.set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def hold(self, seconds: float) -> None:
        """Fill the queue of connections, and take none for a while."""
        self.taking.clear()
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.server_address)
            fillers.append(filler)

        def release() -> None:
            time.sleep(seconds)
            for filler in fillers:
                filler.close()
            self.taking.set()

        threading.Thread(target=release, daemon=True).start()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection when it is time."""
        self.taking.wait(10)
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        if self.server.tls is not None:
            time.sleep(self.server.greet_after_s)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {key: values[-1] for key, values in parse_qs(address.query).items()}
        wait_s = float(asked.get("wait", 0)) / 1000
        match address.path:
            case "/sdk.mjs":
                self.reply(self.server.site.bundle.encode(), "text/javascript")
            case "/moved":
                time.sleep(wait_s)
                self.reply(b"", "text/plain", 302, {"Location": "/page?" + asked.get("to", "")})
            case "/style.css":
                time.sleep(wait_s)
                self.reply(b"h1{color:#135}", "text/css")
            case "/app.js":
                time.sleep(wait_s)
                self.reply(asked.get("do", "").encode(), "text/javascript")
            case "/hero.png":
                time.sleep(wait_s)
                self.in_two(PICTURE, "image/png", float(asked.get("body", 0)) / 1000)
            case _:
                self.page(asked)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        time.sleep(0.3)
        self.reply(b"{}", "application/json")

    def page(self, asked: Mapping[str, str]) -> None:
        """Answer with a page that is as its address says."""
        site, begun = self.server.site, time.time_ns()
        time.sleep(float(asked.get("wait", 0)) / 1000)
        trace, span = secrets.token_hex(16), secrets.token_hex(8)
        site.pages.append((trace, span))
        if asked.get("span"):
            # Beside the answer, which must not wait for whoever takes the span.
            told = (site.endpoint, trace, span, begun, time.time_ns())
            threading.Thread(target=_tell_server_span, args=told, daemon=True).start()
        head = HEAD.format(head=asked.get("head", ""), endpoint=site.endpoint)
        named = {"Server-Timing": f'traceparent;desc="00-{trace}-{span}-01"'}
        first, _, rest = (head + asked.get("html", "<h1>Text</h1>")).partition("<!--pause-->")
        self.in_two(
            (first + "\0" + rest).encode(),
            "text/html; charset=utf-8",
            float(asked.get("body", 0)) / 1000,
            named,
        )

    def in_two(
        self, body: bytes, kind: str, pause_s: float, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer in two parts with a pause: at a NUL of a page, in the middle of anything else."""
        text = kind.startswith("text/")
        first, rest = (
            body.split(b"\0", 1) if text else (body[: len(body) // 2], body[len(body) // 2 :])
        )
        self.send_response(200)
        for name, value in {
            "Content-Type": kind, "Content-Length": str(len(first + rest)), **(headers or {}),
        }.items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(first)
        if pause_s:
            self.wfile.flush()
            time.sleep(pause_s)
        self.wfile.write(rest)

    def reply(
        self, body: bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _tell_server_span(endpoint: str, trace: str, span: str, begun_unix_ns: int, ended: int) -> None:
    """Send the span of the page's request, and of the query that made it slow."""
    common = {"traceId": trace, "endTimeUnixNano": str(ended)}
    query = {
        "spanId": secrets.token_hex(8),
        "parentSpanId": span,
        "name": "SELECT products",
        "kind": 3,
        "startTimeUnixNano": str(begun_unix_ns + 1_000_000),
        "attributes": [{"key": "db.system.name", "value": {"stringValue": "postgresql"}}],
        **common,
    }
    server = {
        "spanId": span,
        "name": "GET /page",
        "kind": 2,
        "startTimeUnixNano": str(begun_unix_ns),
        **common,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "slow-site"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [server, query]}]}]}
    httpx.post(
        f"{endpoint}/v1/traces",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )


def _certificate(folder: Path) -> ssl.SSLContext:
    """Return a context with a certificate that nobody vouches for."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@contextmanager
def slow_site(bundle: str, folder: Path) -> Iterator[SlowSite]:
    """Serve the site until the end of the block."""
    site = SlowSite(bundle, folder)
    site.servers = {
        "plain": _Server(site),
        "late": _Server(site, late=True),
        "greeted": _Server(site, _certificate(folder)),
    }
    for name, server in site.servers.items():
        scheme = "https" if server.tls else "http"
        setattr(site, name, f"{scheme}://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        for server in site.servers.values():
            server.taking.set()
            server.shutdown()
            server.server_close()
