"""A web site with pages to measure, an API behind them, and a receiver that can be made to fail."""

import json
import random
import secrets
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Site", "web_site"]


def _picture(width: int, height: int) -> bytes:
    """Return a PNG of noise: one that is empty or small is not the largest content of a page."""
    rows = b"".join(b"\0" + random.Random(row).randbytes(width * 3) for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


PATIENCE_S = 10.0
"""For so long at most an answer is kept back."""
PICTURE = _picture(120, 80)
STYLE = "body{margin:0;font:16px sans-serif}.dark{background:#333}#hero{width:600px;height:400px}.block{height:200px}"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
    " {others}; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script';"
    " trusted-types 'none'"
)
"""Everything forbidden that can be: no eval, nothing inline, no text made into markup."""

SHOP = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<link rel="icon" href="/icon.png"><link rel="stylesheet" href="/style.css">{meta}{sdk}</head>
<body><h1>Shop</h1><img id="hero" src="/hero.png?user=jane@example.org" alt="">
<form id="pay"><input name="id"><button id="buy" type="button">Buy</button></form>
<button id="throw">Throw</button><button id="reject">Reject</button><button id="fail">Fail</button>
<button id="across">Across</button><div id="below">Below</div>
<script src="/shop.js" defer></script></body></html>"""

SCRIPT = """
const $ = (id) => document.getElementById(id);
const paint = () => document.body.classList.toggle('dark');
const busy = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
$('buy').onclick = async () => {
  paint();
  busy(120);
  await fetch('/api/cart?card=4111111111111111', { method: 'POST', body: '{}' });
  history.pushState({}, '', '/cart?secret=1');
  const request = new XMLHttpRequest();
  request.open('GET', '/api/prices');
  request.send();
};
$('throw').onclick = () => { paint(); throw new TypeError('no price for jane@example.org'); };
$('reject').onclick = () => { paint(); Promise.reject(new Error('rejected, token=abcdef123456')); };
$('fail').onclick = () => { paint(); fetch('/api/fail').then(() => {}); };
$('across').onclick = () => {
  paint();
  fetch(document.documentElement.dataset.other + '/api/allowed').catch(() => {});
};
if (location.pathname != '/still') setTimeout(() => {
  const block = document.createElement('div');
  block.className = 'block';
  document.body.prepend(block);
}, 700);
"""


@dataclass
class Site:
    """Where it listens, what it was asked, and how its receiver answers."""

    origin: str = ""
    other_origin: str = ""
    """The same site under another origin, whose API allows the first."""
    endpoint: str = ""
    bundle: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    """Attributes of the script element besides the endpoint."""
    sdk: bool = True
    by_meta: bool = False
    """Name the trace in a meta element instead of in Server-Timing."""
    answers: list[int | None] = field(default_factory=list)
    """What the receiver answers next; None hangs up. Then 200."""
    retry_after_s: int = 0
    answering: threading.Event = field(default_factory=threading.Event)
    """While it is clear the receiver takes bodies and keeps its answers to itself."""
    pages: list[tuple[str, str]] = field(default_factory=list)
    """Trace and span id of the server for each page."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and traceparent of each request to the API."""
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    """Path and body of what the receiver accepted."""
    cookies: list[str] = field(default_factory=list)
    visits: int = 0

    @property
    def receiver(self) -> str:
        """Where records of the present visit are sent: what an earlier one sends late is not counted."""
        return f"{self.other_origin}/receiver-{self.visits}"

    def spans(self) -> list[dict[str, Any]]:
        """Return the spans that the receiver accepted."""
        bodies = [json.loads(body) for path, body in self.bodies if path == "/v1/traces"]
        return [
            s
            for b in bodies
            for g in b["resourceSpans"]
            for c in g["scopeSpans"]
            for s in c["spans"]
        ]

    def logs(self) -> list[dict[str, Any]]:
        """Return the log records that the receiver accepted."""
        bodies = [json.loads(body) for path, body in self.bodies if path == "/v1/logs"]
        return [
            r
            for b in bodies
            for g in b["resourceLogs"]
            for c in g["scopeLogs"]
            for r in c["logRecords"]
        ]

    def forget(self) -> None:
        """Begin anew."""
        self.visits += 1
        self.settings = {}
        self.sdk, self.by_meta, self.retry_after_s = True, False, 0
        self.answering.set()
        for each in (self.answers, self.pages, self.asked, self.bodies, self.cookies):
            each.clear()


class _Server(ThreadingHTTPServer):
    """One origin of the site."""

    def __init__(self, site: Site) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        match path:
            case "/sdk.mjs":
                self.reply(self.server.site.bundle.encode(), "text/javascript")
            case "/style.css":
                time.sleep(0.05)
                self.reply(STYLE.encode(), "text/css")
            case "/shop.js":
                self.reply(SCRIPT.encode(), "text/javascript")
            case "/hero.png":
                time.sleep(0.1)
                self.reply(PICTURE, "image/png")
            case "/icon.png":
                self.reply(PICTURE, "image/png")
            case "/missing.png":
                self.reply(b"", "image/png", 404)
            case _ if path.startswith("/api/"):
                self.api(path)
            case _ if path.startswith("/many/"):
                self.reply(b"", "text/plain")
            case _:
                self.page()

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if path.startswith("/receiver-"):
            self.receive(path, body)
        else:
            self.api(path)

    def do_PUT(self) -> None:
        self.do_POST()

    def do_OPTIONS(self) -> None:
        self.reply(b"", "text/plain", 204)

    def api(self, path: str) -> None:
        asked = (self.command, path, self.headers.get("traceparent") or "")
        self.server.site.asked.append(asked)
        time.sleep(0.03)
        self.reply(b"{}", "application/json", 500 if path == "/api/fail" else 200)

    def receive(self, path: str, body: bytes) -> None:
        site = self.server.site
        receiver, _, signal = path.removeprefix("/").partition("/")
        if not site.receiver.endswith("/" + receiver):
            self.reply(b"{}", "application/json")
            return
        site.cookies.append(self.headers.get("cookie") or "")
        status = site.answers.pop(0) if site.answers else 200
        if status is None:
            self.close_connection = True
            return
        if status == 200:
            site.bodies.append((f"/{signal}", body))
        site.answering.wait(PATIENCE_S)
        again = {"Retry-After": str(site.retry_after_s)} if site.retry_after_s else {}
        self.reply(b"{}", "application/json", status, again)

    def page(self) -> None:
        site = self.server.site
        trace, span = secrets.token_hex(16), secrets.token_hex(8)
        site.pages.append((trace, span))
        parent = f"00-{trace}-{span}-01"
        data = "".join(f' data-{k}="{v}"' for k, v in site.settings.items())
        sdk = f'<script type="module" src="/sdk.mjs" data-debugqueue="{site.endpoint}"{data}></script>'
        meta = f'<meta name="traceparent" content="{parent}">' if site.by_meta else ""
        text = SHOP.format(meta=meta, sdk=sdk if site.sdk else "")
        text = text.replace("<html", f'<html data-other="{site.other_origin}"')
        others = f"{site.endpoint} {site.other_origin}"
        headers = {"Content-Security-Policy": POLICY.format(others=others)}
        if not site.by_meta:
            headers["Server-Timing"] = f'db;dur=3, traceparent;desc="{parent}"'
        self.reply(text.encode(), "text/html; charset=utf-8", 200, headers)

    def reply(
        self,
        body: bytes,
        content_type: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        origin = self.headers.get("origin")
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if origin:
                self.send_header("Access-Control-Allow-Origin", origin)
                self.send_header("Access-Control-Allow-Headers", "traceparent, content-type")
                self.send_header("Access-Control-Expose-Headers", "retry-after")
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True


@contextmanager
def web_site(bundle: str) -> Iterator[Site]:
    """Serve a site under two origins until the end of the block."""
    site = Site(bundle=bundle)
    site.answering.set()
    servers = [_Server(site) for _ in range(2)]
    threads = [threading.Thread(target=each.serve_forever, daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    site.origin, site.other_origin = (f"http://127.0.0.1:{s.server_port}" for s in servers)
    try:
        yield site
    finally:
        site.answering.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
