"""Pages that are slow in one way each, the truth about it, and what a running server makes of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from playwright.sync_api import Browser, Page
from tests.e2e.slow_site import BUSY, HERO, SlowSite
from tests.running_server import RunningServer, wait_until

__all__ = ["CASES", "Answered", "SlowPage", "visit"]

WAIT_MS = 900
"""How long each page is held up, far above what it takes otherwise."""
GREETED_S = WAIT_MS / 1000


@dataclass(frozen=True, slots=True)
class SlowPage:
    """One way to be slow."""

    name: str
    operation: str
    """Of the span that is to be blamed most."""
    phase: str
    """That it is to be blamed for; '' for one of a server."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """What is in the page's address."""
    of: str = ""
    """End of the path of the blamed span's address."""
    origin: str = "plain"
    path: str = "/page"
    act: Callable[[Page], None] | None = None
    """What the visitor does; then the path is that of …"""
    action: str = "click"
    """… the span of this name."""
    least_ms: float = WAIT_MS * 0.7
    """How much is to be blamed on it at least."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was said of a page."""

    operation: str
    phase: str
    of: str
    length_ms: float
    path: Mapping[str, Any]

    def names(self, truth: SlowPage) -> bool:
        """Tell whether it is the truth."""
        return (
            (self.operation, self.phase) == (truth.operation, truth.phase)
            and self.of.endswith(truth.of)
            and self.length_ms >= truth.least_ms
        )

    def sums(self) -> bool:
        """Tell whether sections tile the whole, and the parts of each paint sum to it."""
        edges = [0]
        for section in self.path["sections"]:
            if section["start_offset_ns"] != edges[-1] or section["duration_ns"] <= 0:
                return False
            edges.append(edges[-1] + section["duration_ns"])
        parts = [[part["duration_ns"] for part in paint["parts"]] for paint in self.path["paints"]]
        return edges[-1] == self.path["duration_ns"] and all(
            min(lengths, default=-1) >= 0 and sum(lengths) == paint["duration_ns"]
            for lengths, paint in zip(parts, self.path["paints"], strict=True)
        )


def _hero(**asked: int) -> str:
    return HERO.format(src=f"src='/hero.png?{urlencode(asked)}'")


def _script(code: str, **asked: int) -> str:
    return f"/app.js?{urlencode({**asked, 'do': code})}"


def _adds_hero(after_ms: int) -> str:
    add = "document.body.insertAdjacentHTML('beforeend',`" + HERO.format(src="src=/hero.png") + "`)"
    return f"setTimeout(()=>{add},{after_ms})" if after_ms else add


def _button(handler: str) -> str:
    return f'<script>{BUSY}</script><button id=b onclick="{handler}">Go</button><p id=p>Text</p>'


def _click(page: Page) -> None:
    page.click("#b")
    page.wait_for_timeout(WAIT_MS + 400)


def _press_while_busy(page: Page) -> None:
    # By key: of a mouse the button goes up only once the page has taken that it went down.
    page.focus("#b")
    page.evaluate(f"setTimeout(() => busy({WAIT_MS + 300}), 50)")
    page.wait_for_timeout(150)
    page.keyboard.down("Enter")
    page.wait_for_timeout(WAIT_MS + 400)


PAINT = "document.getElementById('p').textContent='x';"
FRAME = f"requestAnimationFrame(()=>busy({WAIT_MS}));"
FETCH = "fetch('/api',{method:'POST'});"

CASES = (
    SlowPage("redirect", "documentLoad", "redirect", {"wait": str(WAIT_MS)}, path="/moved"),
    SlowPage("tcp", "documentFetch", "tcp", origin="late"),
    SlowPage("tls", "documentFetch", "tls", origin="greeted"),
    SlowPage("first byte", "documentFetch", "request", {"wait": str(WAIT_MS)}),
    SlowPage(
        "first byte by a query", "SELECT products", "", {"wait": str(WAIT_MS), "span": "1"}
    ),
    SlowPage(
        "document", "documentFetch", "response",
        {"body": str(WAIT_MS), "html": "<!--pause--><h1>Text</h1>"},
    ),
    SlowPage("picture asked", "resourceFetch", "request", {"html": _hero(wait=WAIT_MS)}, "/hero.png"),
    SlowPage("picture on its way", "resourceFetch", "response", {"html": _hero(body=WAIT_MS)}, "/hero.png"),
    SlowPage(
        "picture beside a slower script", "resourceFetch", "request",
        {"head": f"<script async src=\"{_script('', wait=WAIT_MS + 600)}\"></script>", "html": _hero(wait=WAIT_MS)},
        "/hero.png",
    ),
    SlowPage(
        "style sheet", "resourceFetch", "request",
        {"head": f"<link rel=stylesheet href=/style.css?wait={WAIT_MS}>"}, "/style.css",
    ),
    SlowPage(
        "script that blocks the parser", "resourceFetch", "request",
        {"html": f"<script src=\"{_script('', wait=WAIT_MS)}\"></script><h1>Text</h1>"}, "/app.js",
    ),
    SlowPage(
        "long task", "longAnimationFrame", "main_thread",
        {"html": f"<h1>Text</h1><script>{BUSY}busy({WAIT_MS})</script>"},
    ),
    SlowPage(
        "long task with a picture", "longAnimationFrame", "main_thread",
        {"html": _hero() + f"<script>{BUSY}setTimeout(()=>busy({WAIT_MS}))</script>"},
        least_ms=WAIT_MS * 0.5,
    ),
    SlowPage(
        "picture after a timer", "documentLoad", "discovery",
        {"html": f"<p>x</p><script>{_adds_hero(WAIT_MS)}</script>"},
    ),
    SlowPage(
        "picture after a script", "resourceFetch", "request",
        {"html": f"<p>x</p><script async src=\"{_script(_adds_hero(0), wait=WAIT_MS)}\"></script>"},
        "/app.js",
    ),
    SlowPage("input delay", "longAnimationFrame", "input_delay", {"html": _button(PAINT)}, act=_press_while_busy, action="keydown"),
    SlowPage(
        "processing", "longAnimationFrame", "processing",
        {"html": _button(PAINT + f"busy({WAIT_MS});" + FETCH)}, act=_click,
    ),
    SlowPage(
        "presentation", "longAnimationFrame", "presentation",
        {"html": _button(PAINT + FRAME)}, act=_click,
    ),
)  # fmt: skip


def visit(browser: Browser, site: SlowSite, server: RunningServer, case: SlowPage) -> Answered:
    """Open a page, leave it, and return what was blamed most up to its paint, or its click's."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    site.servers["greeted"].greet_after_s = GREETED_S
    before = {each["trace_id"] for each in _actions(server, case.action)} if case.act else set()
    if case.origin == "late":
        site.hold_connections(0.6)
    address = f"{getattr(site, case.origin)}{case.path}?{urlencode(case.asked, quote_via=quote)}"
    page.goto(address)
    trace_id = site.pages[-1][0]
    page.wait_for_timeout(150)
    if case.act is not None:
        case.act(page)
    elif "setTimeout" in address or "busy" in address:
        page.wait_for_timeout(WAIT_MS + 600)
    else:
        page.wait_for_timeout(250)
    page.goto("about:blank")
    page.wait_for_timeout(50)
    context.close()
    if case.act is not None:
        found = wait_until(
            lambda: [e for e in _actions(server, case.action) if e["trace_id"] not in before],
            bool,
            f"{case.name}: a span",
        )
        trace_id = found[0]["trace_id"]
    until = "inp" if case.act else "lcp"
    path = wait_until(lambda: _settled(server, trace_id, until), bool, f"{case.name}: a paint")
    return _most_blamed(server.get(f"/api/traces/{trace_id}"), path)


def _settled(server: RunningServer, trace_id: str, until: str) -> Any:
    """Return the path once nothing more is stored: a page that is left sends several batches."""
    path = server.get(f"/api/traces/{trace_id}/path", until=until)
    if path is None:
        return None
    time.sleep(0.4)
    again = server.get(f"/api/traces/{trace_id}/path", until=until)
    return again if again["spans"] == path["spans"] else None


def _actions(server: RunningServer, name: str) -> list[Any]:
    listed: list[Any] = server.get("/api/traces", operation=name, limit=100)["traces"]
    return listed


def _most_blamed(trace: Mapping[str, Any], path: Mapping[str, Any]) -> Answered:
    spans = {span["span_id"]: span for span in trace["spans"]}
    sums: dict[tuple[str, str, str], int] = {}
    for section in path["sections"]:
        address = spans[section["span_id"]]["attributes"].get("url.full", "")
        key = (section["operation"], section["phase"], address.split("?")[0])
        sums[key] = sums.get(key, 0) + section["duration_ns"]
    (operation, phase, of), length = max(sums.items(), key=lambda pair: (pair[1], pair[0]))
    return Answered(operation, phase, of, length / 1e6, path)
