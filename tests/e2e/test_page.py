"""The page in a real browser: on canned answers where they must be exact, and on a real server."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)
from tests.running_server import RunningServer

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src" / "tracepulse" / "static"
STUB = ROOT / "web" / "dev" / "stub.mjs"
CHROMIUM = Path("/usr/bin/chromium")

SHOP_TRACE = "5b8a1f0c77de42e19a3c04d2b6f0e207"
HOSTILE_TRACE = "bad0bad0bad0bad0bad0bad0bad0bad0"
ORPHAN_TRACE = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
INCIDENT = "inc_7f3a90c1d2e4"
REAL_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

expect.set_options(timeout=20_000)

SIZES = {
    "wide": ViewportSize(width=1280, height=800),
    "narrow": ViewportSize(width=390, height=844),
}


def _needs(is_there: bool, what: str) -> None:
    """Skip with a reason; where CI=true that is a failure."""
    if is_there:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@dataclass
class Watched:
    """A tab, and everything that should not have happened in it."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note console errors, exceptions, violations of the policy, requests to elsewhere."""
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._on_request(request.url))
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) =>"
            " console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))"
        )

    def open(self, address: str) -> Page:
        """Open an address of the page and return it once the answer stands."""
        self.page.goto(self.origin + address)
        expect(self.page.locator("h1.answer")).to_be_visible()
        return self.page

    def _on_console(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _on_request(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.origin).netloc:
            self.complaints.append(f"request to elsewhere: {url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    _needs(CHROMIUM.exists(), "chromium is not installed; `make system-deps` installs it")
    _needs((STATIC / "index.html").exists(), "the page is not built; `make web` builds it")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def stubs() -> Iterator[dict[str, str]]:
    """The origins of a stub for each state of the system."""
    _needs(shutil.which("node") is not None, "Node.js is not installed")
    processes: list[subprocess.Popen[str]] = []
    origins: dict[str, str] = {}
    try:
        for scenario in ("incident", "healthy", "first-run"):
            command = ["node", str(STUB), "--port", "0", "--scenario", scenario]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            processes.append(process)
            assert process.stdout is not None
            origins[scenario] = process.stdout.readline().strip()
        yield origins
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=10)


@pytest.fixture(
    params=[
        "wide-light",
        "narrow-dark",
        pytest.param("wide-dark", marks=pytest.mark.slow),
        pytest.param("narrow-light", marks=pytest.mark.slow),
    ]
)
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile of each width and theme."""
    width, theme = request.param.split("-")
    made = browser.new_context(viewport=SIZES[width], color_scheme=theme)
    yield made
    made.close()


def _tab(context: BrowserContext, origin: str) -> Watched:
    tab = Watched(context.new_page(), origin)
    tab.watch()
    return tab


@pytest.mark.parametrize(
    ("scenario", "address", "answer"),
    [
        ("healthy", "/", "Nothing wrong found in the last 15 min."),
        ("incident", "/", "1 incident open: gateway POST /checkout fails"),
        ("first-run", "/", "No telemetry has arrived yet"),
        ("incident", "/incidents", "1 incident open."),
        ("incident", f"/incidents/{INCIDENT}", "Very likely (91%): session 1.8.3 expires"),
        ("incident", "/traces", "8 traces found."),
        ("incident", f"/traces/{SHOP_TRACE}", "POST /checkout in gateway took 212 ms and failed."),
        ("incident", f"/traces/{HOSTILE_TRACE}", "<img src=x onerror=alert(1)> in <b>shop</b>"),
    ],
)
def test_each_view_answers_in_every_width_and_theme(
    context: BrowserContext, stubs: dict[str, str], scenario: str, address: str, answer: str
) -> None:
    """The answer stands first; nothing is complained of, fetched elsewhere, or scrolls sideways."""
    tab = _tab(context, stubs[scenario])
    page = tab.open(address)
    expect(page.locator("h1.answer")).to_contain_text(answer)
    page.wait_for_load_state("networkidle")
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert (tab.complaints, wider) == ([], 0)


@pytest.fixture
def tab(browser: Browser, stubs: dict[str, str]) -> Iterator[Watched]:
    """One wide tab while an incident is open."""
    made = browser.new_context(
        viewport=SIZES["wide"], permissions=["clipboard-read", "clipboard-write"]
    )
    yield _tab(made, stubs["incident"])
    made.close()


def test_the_trace_draws_its_path_and_keys_walk_it(tab: Watched) -> None:
    """Bars are on the canvas; N and P move along the sections and the address follows."""
    page = tab.open(f"/traces/{SHOP_TRACE}")
    rows = page.get_by_role("row")
    expect(rows).to_have_count(17)
    colours = page.locator("canvas.bars").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Set();
          for (let at = 0; at < data.length; at += 4) {
            if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
          }
          return seen.size;
        }"""
    )
    assert colours >= 5, "own work, network, database, waiting and the grid, each in its colour"

    page.keyboard.press("n")
    expect(page.locator(".wr.sel")).to_contain_text("gateway")
    page.keyboard.press("n")
    expect(page.locator(".wr.sel .nm")).to_contain_text("POST")
    assert re.search(r"[?&]section=2(&|$)", page.url)
    page.keyboard.press("p")
    assert re.search(r"[?&]section=1(&|$)", page.url)

    page.keyboard.press("b")
    expect(rows).to_have_count(12)
    expect(page.locator(".wr.off")).to_have_count(0)
    page.reload()
    expect(rows).to_have_count(12)
    expect(page.locator(".wr.sel")).to_have_count(1)
    assert tab.complaints == []


def test_what_is_missing_from_a_trace_is_said_above_it(tab: Watched) -> None:
    """Orphans and a corrected clock stand in the eyebrow with their counts."""
    page = tab.open(f"/traces/{ORPHAN_TRACE}")
    eyebrow = page.locator(".eyebrow")
    expect(eyebrow).to_contain_text("Path uncertain")
    expect(eyebrow).to_contain_text("2 spans: parent not received")
    expect(eyebrow).to_contain_text("4 spans: clock of session taken back by 1.8 ms")
    expect(eyebrow).not_to_contain_text("complete")


def test_hostile_telemetry_stays_text(tab: Watched) -> None:
    """Markup, scripts, marks that reorder text and a value of 1 MB are shown, and nothing runs."""
    page = tab.open(f"/traces/{HOSTILE_TRACE}")
    page.get_by_role("row").first.click()
    detail = page.locator(".detail")
    expect(detail).to_contain_text("<script>alert(1)</script>")
    expect(detail).to_contain_text("user[U+202E]gnp.exe")
    expect(detail).to_contain_text("a[U+200B]b␀c␛[31m")
    expect(detail).to_contain_text("996,000 characters more")
    expect(page.get_by_role("row").nth(1)).to_contain_text("[U+202E]evil")
    made_of_telemetry = page.locator("#root :is(img, script, iframe, object, b b, [onerror])")
    assert (made_of_telemetry.count(), tab.complaints) == (0, [])


def test_the_bundle_is_copied_byte_for_byte(tab: Watched) -> None:
    """What the API sent, what is shown and what is on the clipboard are the same text."""
    page = tab.open(f"/incidents/{INCIDENT}")
    bundle = page.locator("pre.bundle")
    expect(bundle).to_contain_text("# inc_7f3a90c1d2e4")
    page.keyboard.press("c")
    expect(page.locator("#copy-for-agent")).to_contain_text("Copied")
    address = f"{tab.origin}/api/incidents/{INCIDENT}/context?format=markdown&max_tokens=6000"
    sent = httpx.get(address).text
    copied = page.evaluate("navigator.clipboard.readText()")
    assert (bundle.text_content(), copied) == (sent, sent)
    assert tab.complaints == []


def test_a_citation_is_marked_where_the_bundle_makes_it(tab: Watched) -> None:
    """An evidence chip leads to its place in the text without changing the text."""
    page = tab.open(f"/incidents/{INCIDENT}")
    before = page.locator("pre.bundle").text_content()
    page.get_by_role("button", name="e11").click()
    expect(page.locator("pre.bundle mark")).to_have_text("e11")
    assert page.locator("pre.bundle").text_content() == before


def test_first_run_shows_the_lines_to_paste(browser: Browser, stubs: dict[str, str]) -> None:
    """The commands carry the address this server was opened by; the choice is in the address."""
    made = browser.new_context(viewport=SIZES["wide"])
    tab = _tab(made, stubs["first-run"])
    page = tab.open("/")
    lines = page.get_by_label("Commands", exact=True)
    expect(lines).to_contain_text("export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318")
    page.get_by_role("button", name="OTLP over gRPC").click()
    expect(lines).to_contain_text("export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317")
    assert (page.url.endswith("?with=grpc"), tab.complaints) == (True, [])
    made.close()


def test_an_id_that_is_pasted_opens_what_it_names(tab: Watched) -> None:
    """`/` and a trace id lead to the trace; Back leads back."""
    page = tab.open("/")
    page.keyboard.press("/")
    page.keyboard.type(SHOP_TRACE)
    page.keyboard.press("Enter")
    expect(page.locator("h1.answer")).to_contain_text("POST /checkout in gateway")
    page.go_back()
    expect(page.locator("h1.answer")).to_contain_text("1 incident open")


def test_an_unknown_trace_is_said_to_be_unknown(tab: Watched) -> None:
    """The server's own words, and a way to try again; the frame stays."""
    page = tab.page
    page.goto(f"{tab.origin}/traces/{'e' * 32}")
    expect(page.get_by_role("alert")).to_contain_text("is not here")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def _send_trace(server: RunningServer) -> None:
    """Two spans by OTLP/HTTP JSON: a request and the query it waited for."""
    start = 1_795_254_668_114_000_000
    common = {"traceId": REAL_TRACE, "status": {"code": 0}}
    spans = [
        {**common, "spanId": "a" * 16, "name": "GET /<img onerror=alert(1)>", "kind": 2}
        | {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 40_000_000)},
        {**common, "spanId": "b" * 16, "parentSpanId": "a" * 16, "name": "SELECT", "kind": 3}
        | {"startTimeUnixNano": str(start + 5_000_000), "endTimeUnixNano": str(start + 35_000_000)}
        | {"attributes": [{"key": "db.system.name", "value": {"stringValue": "sqlite"}}]},
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    answer = httpx.post(
        f"{server.otlp_http_url}/v1/traces",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text


def test_the_page_on_a_real_server(browser: Browser, server: RunningServer) -> None:
    """From no telemetry to a trace with its path lit, opened by a link that was shared."""
    made = browser.new_context(viewport=SIZES["wide"])
    tab = _tab(made, str(server.client.base_url).rstrip("/"))
    page = tab.open("/")
    expect(page.locator("h1.answer")).to_contain_text("No telemetry has arrived yet")
    _send_trace(server)
    server.spans(REAL_TRACE, 2)
    page = tab.open(f"/traces/{REAL_TRACE}?section=2")
    expect(page.locator("h1.answer")).to_contain_text(
        "GET /<img onerror=alert(1)> in shop took 40 ms. 30 ms of it was database.",
        timeout=60_000,
    )
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_label("Blocking path by category")).to_be_visible()
    page.goto(tab.origin)
    expect(page.locator("h1.answer")).to_contain_text("Nothing wrong found")
    assert tab.complaints == []
    made.close()
