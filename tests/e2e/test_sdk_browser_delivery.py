"""How the browser SDK in Debian's Chromium sends: a page that goes, a network and a receiver that fail."""

import pytest
from playwright.sync_api import BrowserContext
from tests.e2e.visits import Watched, arrived, call, fields, tags
from tests.e2e.web_site import Site


@pytest.mark.slow
@pytest.mark.parametrize("how", ["navigate", "close"])
def test_what_is_left_is_sent_when_the_page_goes(site: Site, watched: Watched, how: str) -> None:
    """A page that is closed at once tells its load, its vitals and its last words."""
    page, complaints = watched
    page.goto(site.origin)
    call(page, "DebugQueue.log('LAST_WORDS', 'bye')")
    page.wait_for_timeout(50)
    if how == "close":
        page.close(run_before_unload=True)
    else:
        page.goto("about:blank")
    arrived(lambda: "LAST_WORDS" in tags(site), "last words")
    arrived(lambda: "documentLoad" in [s["name"] for s in site.spans()], "the load")
    assert {"ttfb", "lcp", "cls"} <= {r["body"]["stringValue"] for r in site.logs()}
    assert complaints == []


@pytest.mark.slow
def test_a_page_that_comes_back_is_a_new_view(site: Site, watched: Watched) -> None:
    """The back-forward cache keeps pages with the SDK, and what follows is measured anew."""
    page, complaints = watched
    page.goto(site.origin)
    page.wait_for_timeout(300)
    page.evaluate("window.kept = true")
    page.goto(f"{site.other_origin}/")
    page.evaluate("history.back()")
    page.wait_for_timeout(900)
    assert page.evaluate("window.kept") is True, "the page was kept, not loaded again"
    page.goto("about:blank")
    (restored,) = arrived(lambda: [s for s in site.spans() if s["name"] == "pageRestore"], "a view")
    loads = [s["traceId"] for s in site.spans() if s["name"] == "documentLoad"]
    assert restored["traceId"] not in loads
    vitals = [
        r["body"]["stringValue"] for r in site.logs() if r.get("traceId") == restored["traceId"]
    ]
    assert sorted(vitals) == ["cls", "fcp", "lcp", "ttfb"]
    assert complaints == []


@pytest.mark.slow
def test_offline_everything_waits(site: Site, watched: Watched, context: BrowserContext) -> None:
    """Nothing is tried without a network, and everything arrives once with it."""
    page, complaints = watched
    page.goto(site.origin)
    page.wait_for_timeout(800)
    context.set_offline(True)
    call(page, "for (let n = 0; n < 20; n++) DebugQueue.error('OFFLINE', { n })")
    page.wait_for_timeout(500)
    assert "OFFLINE" not in tags(site)
    context.set_offline(False)
    arrived(lambda: tags(site).count("OFFLINE") >= 20, "the events")
    assert (tags(site).count("OFFLINE"), complaints) == (20, [])


@pytest.mark.slow
def test_a_receiver_in_trouble_is_tried_again(site: Site, watched: Watched) -> None:
    """503, 429 and a closed connection cost no event, and none comes twice."""
    site.answers[:] = [503, None, 429]
    page, _ = watched
    page.goto(site.origin)
    call(page, "for (let n = 0; n < 30; n++) DebugQueue.error('ONCE', { n })")
    arrived(lambda: tags(site).count("ONCE") >= 30, "the events")
    assert tags(site).count("ONCE") == 30
    assert site.answers == []


@pytest.mark.slow
def test_a_receiver_that_refuses_the_page_is_left_alone(site: Site, watched: Watched) -> None:
    """A key that is revoked must not fill every visitor's console."""
    site.answers[:] = [401] * 9
    page, complaints = watched
    page.goto(site.origin)
    for _ in range(3):
        call(page, "DebugQueue.error('REFUSED')")
        page.wait_for_timeout(200)
    assert (len(site.answers), len(complaints)) == (8, 1)


def test_200_kib_are_sent_in_bodies_that_fit(site: Site, watched: Watched) -> None:
    """A burst goes out piece by piece: requests that outlive a page share 64 KiB."""
    page, complaints = watched
    page.goto(site.origin)
    call(
        page,
        "for (let n = 0; n < 320; n++) DebugQueue.error('BURST', { n, text: 'x'.repeat(380) })",
    )
    arrived(lambda: tags(site).count("BURST") >= 320, "the events")
    numbers = [fields(r)["n"] for r in site.logs() if r["eventName"] == "BURST"]
    sizes = [len(body) for _, body in site.bodies]
    assert (numbers, max(sizes) <= 65_536, complaints) == (list(range(320)), True, [])
    assert sum(sizes) > 200 * 1024


@pytest.mark.slow
def test_what_does_not_fit_is_counted(site: Site, watched: Watched) -> None:
    """Sent and dropped are together what was made, and the drop is told with the next batch."""
    site.answers[:] = [503]
    page, _ = watched
    page.goto(site.origin)
    call(
        page, "for (let n = 0; n < 900; n++) DebugQueue.error('MANY', { n, text: 'x'.repeat(400) })"
    )
    arrived(lambda: "debugqueue.dropped" in tags(site), "the count")
    page.wait_for_timeout(300)
    (dropped,) = [fields(r) for r in site.logs() if r["eventName"] == "debugqueue.dropped"]
    assert dropped["debugqueue.dropped.reason"] == "queue_full"
    kept = [fields(r)["n"] for r in site.logs() if r["eventName"] == "MANY"]
    assert list(range(len(kept))) == kept, "the newest are dropped, and nothing else is lost"
    # Of what the SDK itself wanted to tell at that time some may be among them.
    assert 900 <= len(kept) + dropped["debugqueue.dropped.count"] < 930


def test_errors_go_before_what_fills_the_last_request(site: Site, watched: Watched) -> None:
    """A page that is closed with more than may be under way has told its errors, however late they came."""
    page, _ = watched
    page.goto(site.origin)
    call(
        page,
        "for (let n = 0; n < 250; n++) DebugQueue.log('MANY', { n, text: 'x'.repeat(300) });"
        "DebugQueue.error('GRAVE')",
    )
    page.goto("about:blank")
    arrived(lambda: "GRAVE" in tags(site), "the error")
    assert tags(site).index("GRAVE") < tags(site).index("MANY")


@pytest.mark.parametrize("first", ["ours", "the page's"])
def test_what_is_under_way_holds_nothing_up_when_the_page_goes(
    site: Site, watched: Watched, first: str
) -> None:
    """
    A page is left while the receiver has not yet answered for an earlier body.

    The browser tells the page that this request failed as soon as the first listener of `pagehide` is
    through, whosever it is, though the request goes on. The rest goes out all the same, and nothing twice.
    """
    page, complaints = watched
    # Whoever hears of `unload` is not kept for coming back: requests of pages that are, are not ended.
    page.add_init_script("addEventListener('unload', () => {})")
    if first == "the page's":
        page.add_init_script("addEventListener('pagehide', () => {}, true)")
    page.goto(f"{site.origin}/still")
    page.wait_for_timeout(300)
    site.answering.clear()
    call(page, "DebugQueue.error('UNDER_WAY')")
    arrived(lambda: "UNDER_WAY" in tags(site), "what the receiver does not answer")
    call(page, "DebugQueue.log('LAST_WORDS', 'bye')")
    page.goto("about:blank")
    arrived(lambda: "LAST_WORDS" in tags(site), "last words")
    arrived(lambda: "documentLoad" in [s["name"] for s in site.spans()], "the load")
    assert {"ttfb", "lcp", "cls"} <= {r["body"]["stringValue"] for r in site.logs()}
    assert (tags(site).count("UNDER_WAY"), complaints) == (1, [])


@pytest.mark.parametrize(("wait_s", "comes"), [(0, True), (60, False)])
def test_a_pause_of_our_own_ends_when_the_page_goes(
    site: Site, watched: Watched, wait_s: int, comes: bool
) -> None:
    """Whoever leaves cannot wait for the next try; a receiver that asked for peace has it all the same."""
    site.answers[:] = [503] * 3
    site.retry_after_s = wait_s
    page, _ = watched
    page.goto(f"{site.origin}/still")
    call(page, "DebugQueue.error('PAUSED')")
    arrived(lambda: len(site.answers) < 3, "the first try")
    site.answers.clear()
    page.goto(f"{site.origin}/api/next")
    if comes:
        arrived(lambda: "PAUSED" in tags(site) and site.spans(), "all of it")
    else:
        page.wait_for_timeout(700)
    assert bool(site.bodies) is comes


def test_a_load_that_never_ends_is_told_as_far_as_it_went(site: Site, watched: Watched) -> None:
    """A page that is left while a picture is awaited says so, with what was seen of it by then."""
    page, _ = watched
    page.route("**/hero.png*", lambda route: None)
    page.goto(f"{site.origin}/still", wait_until="commit")
    page.evaluate(
        """() => new Promise((done) => {
          new PerformanceObserver(done).observe({ type: 'largest-contentful-paint', buffered: true });
        })"""
    )
    call(page, "")
    page.goto("about:blank")
    (load,) = arrived(lambda: [s for s in site.spans() if s["name"] == "documentLoad"], "the load")
    assert fields(load)["browser.unfinished"] is True
    moments = {event["name"] for event in load["events"]}
    assert ("responseEnd" in moments, "loadEventEnd" in moments) == (True, False)
    (fetched,) = [s for s in site.spans() if s["name"] == "documentFetch"]
    assert int(load["endTimeUnixNano"]) > int(fetched["endTimeUnixNano"])
    assert "browser.unfinished" not in fields(fetched)
    told = {r["body"]["stringValue"]: fields(r) for r in site.logs()}
    assert {"ttfb", "fcp", "lcp", "cls"} <= told.keys()
    assert told["lcp"]["browser.web_vital.element"] == "html>body>h1"


def test_a_page_is_listened_to_from_the_first_moment(site: Site, watched: Watched) -> None:
    """A page that goes in the very task in which measuring begins has told its load and what was painted."""
    site.settings["consent"] = "false"
    page, complaints = watched
    page.goto(f"{site.origin}/still")
    page.wait_for_timeout(300)
    assert site.bodies == []
    call(page, "consent(true); dispatchEvent(new Event('pagehide'))")
    arrived(lambda: "documentLoad" in [s["name"] for s in site.spans()], "the load")
    assert "resourceFetch" in [s["name"] for s in site.spans()]
    assert {"ttfb", "fcp", "lcp", "cls"} == {r["body"]["stringValue"] for r in site.logs()}
    assert complaints == []


@pytest.mark.parametrize("kind", ["fetch", "XMLHttpRequest"])
def test_a_request_that_the_visitor_did_not_wait_for_has_not_failed(
    site: Site, watched: Watched, kind: str
) -> None:
    """The browser ends what is under way as a page goes; a visit that was not drawn is not sent for it."""
    site.settings["sample"] = "0"
    page, _ = watched
    page.add_init_script("addEventListener('unload', () => {})")
    page.goto(f"{site.origin}/still")
    page.wait_for_timeout(300)
    site.answering.clear()
    page.evaluate(ASK[kind], site.receiver + "/slow")
    arrived(lambda: [path for path, _ in site.bodies if path == "/slow"], "the request")
    page.goto(f"{site.origin}/api/next")
    page.wait_for_timeout(500)
    assert [path for path, _ in site.bodies] == ["/slow"]


ASK = {
    "fetch": "(url) => void fetch(url, { method: 'POST', body: '' })",
    "XMLHttpRequest": """(url) => {
      const request = new XMLHttpRequest();
      request.open('POST', url);
      request.send('');
    }""",
}
