"""A page with Grafana's Faro SDK, in Chromium, sends to TracePulse when its URL is changed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright
from tests.peer_programs import peer
from tests.running_server import RunningServer, running_server

CHROMIUM = Path("/usr/bin/chromium")
BUNDLES = {
    "/sdk.js": "faro-web-sdk/dist/bundle/faro-web-sdk.iife.js",
    "/tracing.js": "faro-web-tracing/dist/bundle/faro-web-tracing.iife.js",
}
PAGE = """<!doctype html><title>Till</title><h1>Till</h1>
<script src="/sdk.js"></script><script src="/tracing.js"></script><script>
const {{ initializeFaro, getWebInstrumentations }} = GrafanaFaroWebSdk;
const faro = initializeFaro({{
  url: "{url}/collect",
  app: {{ name: "till-page", version: "1.2.3", environment: "live" }},
  batching: {{ sendTimeout: 100 }},
  instrumentations: [
    ...getWebInstrumentations(), new GrafanaFaroWebTracing.TracingInstrumentation(),
  ],
}});
faro.api.pushLog(["drawer opened"], {{ level: "warn", context: {{ drawer: "7" }} }});
faro.api.pushError(new TypeError("drawer jammed"));
faro.api.pushEvent("paid", {{ amount: "3" }});
faro.api.pushMeasurement({{ type: "tills", values: {{ open: 3.5 }} }});
fetch("/prices");
</script>"""


class _Site(BaseHTTPRequestHandler):
    """The page, its scripts, and something to fetch."""

    files: dict[str, bytes]

    def do_GET(self) -> None:
        """Answer with a file."""
        body = self.files.get(self.path, b"{}")
        self.send_response(200)
        kind = "text/html" if self.path == "/" else "text/javascript"
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_told: Any) -> None:
        """Say nothing."""


@contextmanager
def _site(files: dict[str, bytes]) -> Iterator[str]:
    handler = type("Site", (_Site,), {"files": files})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed; `make system-deps` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def _records(server: RunningServer, page: Page) -> dict[str, Any]:
    """Return what the page told, by event or message, once all of it is there."""
    wanted = {"drawer opened", "drawer jammed", "paid", "tills open=3.5"}
    found: dict[str, Any] = {}
    for _ in range(60):
        answer = server.get("/api/logs", service="till-page", limit=500)
        found = {record["body"]: record for record in answer["records"]} if answer else {}
        if wanted <= found.keys():
            return found
        page.wait_for_timeout(500)
    raise AssertionError(f"of {sorted(wanted)} only {sorted(found)} came")


def test_a_page_with_faro(tmp_path: Path) -> None:
    """Logs, errors, events, measurements and spans of the SDK itself, from a page that may send."""
    files = {
        path: peer(f"node/node_modules/@grafana/{file}", "node").read_bytes()
        for path, file in BUNDLES.items()
    }
    with (
        _site(files) as origin,
        running_server(tmp_path, None, "--allowed-origins", origin) as server,
        _page() as page,
    ):
        files["/"] = PAGE.format(url=server.otlp_http_url).encode()
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text))
        page.goto(origin)
        told = _records(server, page)
        spans = server.get("/api/traces", service="till-page")
        for _ in range(40):
            if spans and spans["traces"]:
                break
            page.wait_for_timeout(500)
            spans = server.get("/api/traces", service="till-page")

    assert [] == refused
    assert "7" == told["drawer opened"]["attributes"]["context.drawer"]
    assert "Warn" == told["drawer opened"]["severity_text"].title()
    jammed = told["drawer jammed"]["attributes"]
    assert "TypeError" == jammed["exception.type"]
    assert origin in jammed["exception.stacktrace"]
    assert "3" == told["paid"]["attributes"]["event.amount"]
    assert jammed["session.id"] == told["paid"]["attributes"]["session.id"]
    assert {"browser_unauthenticated"} == {record["trust"] for record in told.values()}
    assert spans
    assert spans["traces"]
