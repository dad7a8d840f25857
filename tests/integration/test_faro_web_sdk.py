"""Grafana's Faro SDK in a real browser reports to TracePulse when its URL is changed."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from tests.peer_programs import peer
from tests.running_server import RunningServer, running_server

CHROMIUM = Path("/usr/bin/chromium")
BUNDLE = "node/node_modules/@grafana/faro-web-sdk/dist/bundle/faro-web-sdk.iife.js"
PAGE = """<!doctype html><meta charset="utf-8"><title>Till</title><script src="/faro.js"></script>
<script>
const faro = GrafanaFaroWebSdk.initializeFaro({
  url: "%s/collect", app: { name: "till-page", version: "1.4.2", environment: "test" },
});
function report() {
  faro.api.pushLog(["drawer 3 jammed: naïve ✓"], { level: "warn", context: { drawer: "3" } });
  faro.api.pushError(new TypeError("no such drawer"));
  faro.api.pushEvent("drawer_opened", { drawer: "4" });
  faro.api.pushMeasurement({ type: "drawer", values: { open_ms: 12.5 } });
}
</script>"""


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _site(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_port}"
        finally:
            site.shutdown()
            thread.join()


def _report(server: RunningServer, folder: Path, site: str) -> tuple[list[int], list[str]]:
    """Have a page report; returns with what it was answered, and what the browser said of it."""
    (folder / "index.html").write_text(PAGE % server.otlp_http_url)
    answers: list[int] = []
    told: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page()
        page.on(
            "response",
            lambda answer: answers.append(answer.status) if "/collect" in answer.url else None,
        )
        page.on("console", lambda message: told.append(message.text))
        page.on("requestfailed", lambda request: told.append(f"{request.url} {request.failure}"))
        page.goto(site + "/index.html")
        page.evaluate("report()")
        for _ in range(100):
            page.wait_for_timeout(100)
            if answers:
                break
        page.wait_for_timeout(500)
        browser.close()
    return answers, told


def test_a_page_with_faro(tmp_path: Path) -> None:
    """Its log, error and event are records of the page's app, and it was told 202."""
    bundle = peer(BUNDLE, "node")
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed; `make system-deps` installs it")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "faro.js").write_bytes(bundle.read_bytes())

    with _site(folder) as site:
        flag = f"--allowed-origins={site}"
        with running_server(tmp_path, None, flag) as server:
            answers, told = _report(server, folder, site)
            assert set(answers) == {202}, (answers, told)
            records = server.logs(3, service="till-page", limit=1000)

    jammed = [each for each in records if each["body"] == "drawer 3 jammed: naïve ✓"]
    assert [each["severity_number"] for each in jammed] == [13]
    assert {each["resource"]["service.version"] for each in records} == {"1.4.2"}
    thrown = [each for each in records if "no such drawer" in str(each)]
    assert thrown
    assert "TypeError" in str(thrown)
