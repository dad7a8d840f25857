"""The browser SDK in Debian's Chromium: what arrives, and what the page and its visitor do not notice."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.e2e.visits import VECTORS, Watched, arrived, call, fields, tags
from tests.e2e.web_site import Site
from tests.running_server import RunningServer, forked_server

# -- on a real server ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(served: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server that lets the pages of the site send."""
    folder = tmp_path_factory.mktemp("server")
    with forked_server(folder, None, "--allowed-origins", served.origin) as running:
        yield running


def _visit(page: Page, site: Site) -> None:
    """Open the page, buy, meet three errors, tell an event of the page's own, and go."""
    page.goto(f"{site.origin}/?user=jane@example.org")
    page.wait_for_timeout(1000)
    page.click("#buy")
    page.wait_for_timeout(800)
    page.click("#throw")
    page.wait_for_timeout(150)
    page.click("#reject")
    page.wait_for_timeout(150)
    page.click("#fail")
    page.wait_for_timeout(600)
    call(page, "DebugQueue.warning('CART_SLOW', { items: 3, password: 'hunter2' })")
    page.wait_for_timeout(100)
    page.goto("about:blank")


def _check_load(site: Site, server: RunningServer) -> list[Any]:
    """The page's loading is in one trace with the server's span; returns its spans."""
    ((trace, server_span),) = site.pages
    spans = server.spans(trace, 7)
    named = {span["operation"]: span for span in spans}
    load = named["documentLoad"]
    assert (load["parent_span_id"], load["trust"]) == ("", "browser_unauthenticated")
    assert named["documentFetch"]["parent_span_id"] == load["span_id"]
    assert named["documentFetch"]["links"] == [{"trace_id": trace, "span_id": server_span}]
    events = [event["name"] for event in named["documentFetch"]["events"]]
    assert {"fetchStart", "requestStart", "responseStart", "responseEnd"} <= set(events)
    resources = {
        span["attributes"]["url.full"].rpartition("/")[2]: span["attributes"]
        for span in spans
        if span["operation"] == "resourceFetch"
    }
    style, picture = resources["style.css"], resources["hero.png"]
    assert style["browser.resource.renderBlockingStatus"] == "blocking"
    assert (picture["browser.resource.initiatorType"], picture["http.response.status_code"]) == (
        "img",
        "200",
    )
    return spans


def _check_buying(site: Site, server: RunningServer) -> list[Any]:
    """Click, route, requests and the long frame hang together; returns their spans."""
    (_, _, cart), (_, _, prices), (_, _, failed) = site.asked[:3]
    bought = {s["operation"]: s for s in server.spans(cart.split("-")[1], 5)}
    click, route, post, get = (bought[n] for n in ("click", "routeChange", "POST", "GET"))
    assert (click["parent_span_id"], click["attributes"]["browser.element"]) == ("", "button#buy")
    assert (post["parent_span_id"], post["span_id"]) == (click["span_id"], cart.split("-")[2])
    assert (route["parent_span_id"], get["parent_span_id"]) == (click["span_id"], route["span_id"])
    assert (get["trace_id"] if "trace_id" in get else cart.split("-")[1]) == prices.split("-")[1]
    assert route["attributes"]["url.full"] == f"{site.origin}/cart"
    frame = bought["longAnimationFrame"]["attributes"]
    assert frame["browser.script.invoker"] == "BUTTON#buy.onclick"
    assert float(click["attributes"]["browser.interaction.processing_ms"]) >= 100
    (error,) = [s for s in server.spans(failed.split("-")[1], 2) if s["kind"] == "Client"]
    assert (error["status_code"], error["attributes"]["error.type"]) == ("Error", "500")
    return list(bought.values())


def _check_vitals(logs: list[Any], site: Site) -> None:
    """Each of the five comes once, with what it was measured on."""
    vitals = {
        log["body"]: log["attributes"]
        for log in logs
        if "browser.web_vital.name" in log["attributes"]
    }
    assert sorted(vitals) == ["cls", "fcp", "inp", "lcp", "ttfb"]
    lcp = {k.rpartition(".")[2]: v for k, v in vitals["lcp"].items()}
    assert (lcp["element"], lcp["url"]) == ("img#hero", f"{site.origin}/hero.png")
    parts = [float(lcp[p]) for p in ("ttfb_ms", "load_delay_ms", "load_ms", "render_delay_ms")]
    assert sum(parts) == pytest.approx(float(lcp["value"]), abs=0.1)
    assert vitals["inp"]["browser.web_vital.element"] == "button#buy"
    assert vitals["inp"]["browser.web_vital.script.invoker"] == "BUTTON#buy.onclick"
    assert float(vitals["cls"]["browser.web_vital.value"]) > 0.1


def _check_errors_and_events(logs: list[Any], site: Site) -> None:
    """What was thrown, rejected and told, without what is secret."""
    by_body = {log["body"]: log for log in logs}
    thrown = by_body["no price for [redacted:email]"]["attributes"]
    assert (thrown["exception.type"], thrown["code.file.path"]) == (
        "TypeError",
        f"{site.origin}/shop.js",
    )
    assert "token=[redacted:secret]" in by_body["rejected, token=[redacted:secret]"]["body"]
    event = by_body["CART_SLOW"]
    assert (event["severity_number"], event["attributes"]["items"]) == (13, "3")
    assert event["attributes"]["password"] == "[redacted:secret]"


def test_every_signal_arrives_in_one_trace_with_the_servers(
    site: Site, watched: Watched, server: RunningServer
) -> None:
    """A visit with everything in it: what the server then has, and that nothing of the visitor is there."""
    page, complaints = watched
    site.endpoint = server.otlp_http_url
    _visit(page, site)
    spans = _check_load(site, server)
    bought = _check_buying(site, server)
    logs = server.logs(8, service="127.0.0.1")
    _check_vitals(logs, site)
    _check_errors_and_events(logs, site)
    everything = json.dumps([spans, bought, logs])
    for private in ("jane", "4111111111111111", "secret=", "abcdef123456", "hunter2", "session.id"):
        assert private not in everything
    expected = ("no price", "rejected", "status of 500")
    assert [c for c in complaints if not any(each in c for each in expected)] == []


# -- into the trace --------------------------------------------------------------------------------


def test_the_trace_may_be_named_in_the_page(site: Site, watched: Watched) -> None:
    """Without Server-Timing a meta element says which trace made the page."""
    site.by_meta = True
    watched[0].goto(site.origin)
    watched[0].wait_for_timeout(900)
    watched[0].goto("about:blank")
    load = arrived(lambda: [s for s in site.spans() if s["name"] == "documentLoad"], "a page")[0]
    assert load["traceId"] == site.pages[0][0]


@pytest.mark.parametrize("allowed", [False, True])
def test_only_allowed_origins_are_told_the_trace(
    site: Site, watched: Watched, allowed: bool
) -> None:
    """A header that another origin does not expect would cost a preflight, or the request itself."""
    if allowed:
        site.settings["origins"] = f"https://a.example {site.other_origin}"
    page, complaints = watched
    page.goto(site.origin)
    page.click("#across")
    ((_, path, traceparent),) = arrived(lambda: site.asked, "the request")
    assert (path, bool(traceparent), complaints) == ("/api/allowed", allowed, [])


@pytest.mark.slow
def test_requests_of_the_page_are_as_without_us(site: Site, watched: Watched) -> None:
    """Headers, bodies, Request objects, aborts and unhandled failures; `stop` puts everything back."""
    page, _ = watched
    page.goto(site.origin)
    told = page.evaluate(
        """async () => {
          const { stop } = await import('/sdk.mjs');
          const out = [fetch.name, fetch.length, /native code/.test(fetch), XMLHttpRequest.prototype.open.name];
          const seen = [];
          addEventListener('unhandledrejection', (event) => { seen.push(event.reason.name); event.preventDefault(); });
          const request = new Request('/api/a', { method: 'PUT', body: 'x', headers: { 'x-a': '1' } });
          out.push((await fetch(request)).status, request.headers.get('x-a'));
          out.push((await fetch(new URL('/api/b', location), { headers: [['x-b', '2']] })).status);
          const controller = new AbortController();
          fetch('/api/c', { signal: controller.signal });
          controller.abort();
          await fetch('http://[').catch((error) => out.push(error.name));
          await new Promise((done) => setTimeout(done, 200));
          const wrapped = fetch;
          stop();
          out.push(seen.join(), wrapped === fetch, Object.hasOwn(history, 'pushState'));
          return out;
        }"""
    )
    assert told == [
        "fetch",
        1,
        True,
        "open",
        200,
        "1",
        200,
        "TypeError",
        "AbortError",
        False,
        True,
    ]
    assert [a[:2] for a in site.asked[:2]] == [("PUT", "/api/a"), ("GET", "/api/b")]


def test_a_frame_that_keeps_a_click_waiting_is_a_part_of_it(site: Site, watched: Watched) -> None:
    """What runs when the visitor clicks delays the answer as much as what the click starts."""
    page, _ = watched
    page.goto(site.origin)
    page.wait_for_timeout(1000)
    box = page.locator("#fail").bounding_box()
    assert box is not None
    page.evaluate(
        "setTimeout(() => { const end = performance.now() + 600; while (performance.now() < end); }, 50)"
    )
    page.wait_for_timeout(100)
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    page.wait_for_timeout(500)
    page.goto("about:blank")
    (click,) = arrived(lambda: [s for s in site.spans() if s["name"] == "click"], "the click")
    (frame,) = [
        s
        for s in site.spans()
        if s["name"] == "longAnimationFrame" and s["traceId"] == click["traceId"]
    ]
    assert int(frame["startTimeUnixNano"]) < int(click["startTimeUnixNano"])
    assert frame["parentSpanId"] == click["spanId"]


# -- the visitor -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_visit_that_was_not_drawn_is_sent_once_it_fails(site: Site, watched: Watched) -> None:
    """Sampling keeps what is worth keeping, from its beginning."""
    site.settings["sample"] = "0"
    page, _ = watched
    page.goto(site.origin)
    page.wait_for_timeout(900)
    assert site.bodies == []
    page.click("#throw")
    arrived(lambda: "exception" in tags(site), "the exception")
    arrived(lambda: "documentLoad" in [s["name"] for s in site.spans()], "the load")


def test_without_consent_nothing_is_sent_or_stored(site: Site, watched: Watched) -> None:
    """Yes begins, with a name for the visit that outlives the page; no ends it and takes the name away."""
    site.settings["consent"] = "false"
    page, complaints = watched
    page.goto(site.origin)
    call(page, "DebugQueue.error('BEFORE')")
    page.wait_for_timeout(300)
    assert (site.bodies, page.evaluate("sessionStorage.length")) == ([], 0)
    call(page, "consent(true); DebugQueue.error('AFTER')")
    arrived(lambda: tags(site) == ["browser.web_vital", "AFTER"] or "AFTER" in tags(site), "it")
    (event,) = [r for r in site.logs() if r["eventName"] == "AFTER"]
    session = fields(event)["session.id"]
    assert page.evaluate("sessionStorage.debugqueue") == session
    assert "BEFORE" not in tags(site)
    site.settings["consent"] = "true"
    page.goto(f"{site.origin}/next")
    call(page, "DebugQueue.error('NEXT')")
    arrived(lambda: "NEXT" in tags(site), "the next page")
    assert {fields(r)["session.id"] for r in site.logs() if r["eventName"] == "NEXT"} == {session}
    call(page, "consent(false); DebugQueue.error('NEVER')")
    page.wait_for_timeout(300)
    assert ("NEVER" in tags(site), page.evaluate("sessionStorage.length")) == (False, 0)
    assert complaints == []


def test_no_cookie_no_storage_no_shift(site: Site, watched: Watched) -> None:
    """By default the SDK leaves nothing behind and moves nothing; cookies of the site stay at home."""
    page, complaints = watched
    page.goto(f"{site.origin}/still")
    page.evaluate("document.cookie = 'mine=1'")
    shifts = page.evaluate(
        """async () => {
          const seen = [];
          new PerformanceObserver((list) => seen.push(...list.getEntries()))
            .observe({ type: 'layout-shift', buffered: true });
          await new Promise((done) => setTimeout(done, 400));
          return seen.length;
        }"""
    )
    page.goto("about:blank")
    arrived(lambda: site.bodies, "something")
    page.goto(f"{site.origin}/")
    stored = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert (shifts, stored, set(site.cookies), complaints) == (0, [0, 0, "mine=1"], {""}, [])


@pytest.mark.slow
def test_details_can_be_anything(site: Site, watched: Watched) -> None:
    """Nothing that a page hands over makes a call raise; what can be read of it arrives."""
    page, complaints = watched
    page.goto(site.origin)
    call(
        page,
        r"""
        const cycle = { a: 1 }; cycle.cycle = cycle;
        const hostile = [
          cycle, null, undefined, Symbol('s'), 12n, NaN, () => {}, new Error('e'), 'text', [1, [2]],
          { get boom() { throw new Error('getter'); }, fine: 1 }, { toJSON() { throw 1; } },
          { lone: '\ud800', huge: 'x'.repeat(1e6), date: new Date(0), map: new Map(), big: 1n, s: Symbol('x') },
          new Proxy({}, { ownKeys() { throw new Error('trap'); } }), Object.create(null), window, document.body,
          Object.fromEntries(Array.from({ length: 500 }, (_, n) => ['k' + n, n])),
        ];
        for (const each of hostile) DebugQueue.error('HOSTILE', each);
        DebugQueue.log(Symbol('tag')); DebugQueue.log({ toString() { throw 1; } }); DebugQueue.log('X', {}, 'nonsense');
        DebugQueue.exception(null); DebugQueue.exception(cycle); start({}); start();
        DebugQueue.error('END');
        """,
    )
    arrived(lambda: "END" in tags(site), "the end")
    assert tags(site).count("HOSTILE") >= 14
    assert max(len(r["attributes"]) for r in site.logs()) <= 64
    assert complaints == []


def test_secrets_are_taken_out_by_the_shared_rules(site: Site, watched: Watched) -> None:
    """The vectors that the server and the other SDKs keep to, through the published bundle."""
    vectors = json.loads(VECTORS.read_text())
    texts = vectors["text"] + vectors["asked"]["email"]
    cases = [["".join(case["in"]), case["out"]] for case in texts]
    named = [case for case in vectors["fields"] if case["in"] and not isinstance(case["in"], dict)]
    named_fields = [[case["name"], case["in"]] for case in named]
    page, _ = watched
    page.goto(site.origin)
    call(page, f"for (const [text] of {json.dumps(cases)}) DebugQueue.info('TEXT', {{ text }})")
    call(
        page,
        f"for (const [name, v] of {json.dumps(named_fields)}) DebugQueue.info('FIELD', {{ [name]: v }})",
    )
    call(page, "DebugQueue.error('END')")
    arrived(lambda: "END" in tags(site), "the end")

    got = [fields(r).get("text", "") for r in site.logs() if r["eventName"] == "TEXT"]
    # Pages go further: no queries of addresses, no mail addresses.
    query = re.compile(r"(https?://[^\s?#]*)\?\S*")
    email = re.compile(r"(?<![\w.%])\w[\w.%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
    assert got == [email.sub("[redacted:email]", query.sub(r"\1", out)) for _, out in cases]
    got_fields = [next(iter(fields(r).items())) for r in site.logs() if r["eventName"] == "FIELD"]
    assert got_fields == [(case["name"], case["out"]) for case in named]


@pytest.mark.slow
def test_it_works_where_little_is_allowed(site: Site, watched: Watched) -> None:
    """In a sandboxed frame without storage and with frozen prototypes it measures what it can."""
    site.settings["consent"] = "true"
    page, complaints = watched
    page.add_init_script(
        "Object.freeze(XMLHttpRequest.prototype); Object.freeze(History.prototype);"
        "Object.defineProperty(window, 'fetch', { value: fetch, writable: false });"
    )
    page.goto(site.origin)
    page.evaluate(
        """() => new Promise((done) => {
          const frame = document.createElement('iframe');
          frame.sandbox = 'allow-scripts'; frame.src = '/framed'; frame.onload = done;
          document.body.append(frame);
        })"""
    )
    page.wait_for_timeout(700)
    page.goto("about:blank")
    loads = arrived(lambda: [s for s in site.spans() if s["name"] == "documentLoad"], "loads")
    assert site.origin + "/" in [fields(s)["url.full"] for s in loads]
    assert [c for c in complaints if "fram" not in c] == []
