"""The shop's page in a real browser, and what of it arrives at a real server."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from examples.shop.faults import CHANGES
from examples.shop.shop import Shop
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.running_server import RunningServer, forked_server, free_ports, wait_until

CHROMIUM = Path("/usr/bin/chromium")
ORDERED = {"page", "gateway", "checkout", "session", "catalogue", "fulfilment"}
PATIENCE_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        why = "chromium is not installed; `make system-deps` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def shop_port() -> int:
    """Where the shop will be open; the server must know it first."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def watching(
    tmp_path_factory: pytest.TempPathFactory, shop_port: int
) -> Iterator[tuple[RunningServer, Shop]]:
    """A server, and a shop without customers that sends everything there."""
    folder = tmp_path_factory.mktemp("page")
    flags = ("--allowed-origins", f"http://127.0.0.1:{shop_port}")
    followed = ("--log-files", str(folder / "shop" / "logs" / "payment.log"))
    with (
        forked_server(folder, None, *flags, *followed) as server,
        Shop(
            folder / "shop",
            server.otlp_http_url,
            str(server.client.base_url),
            customers=0,
            gateway_port=shop_port,
        ) as shop,
    ):
        yield server, shop


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh tab, with nothing of the one before."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def traces(server: RunningServer, service: str, operation: str, **parameters: Any) -> list[Any]:
    """Return the traces in which a service did something."""
    found = wait_until(
        lambda: server.get("/api/traces", service=service, operation=operation, **parameters),
        lambda answer: bool(answer["traces"]),
        f"a trace with {operation}",
    )
    listed: list[Any] = found["traces"]
    return listed


def fill_cart(page: Page, url: str, pieces: int = 2) -> None:
    """Come in, look at lamps, put some in the cart, log in there."""
    page.goto(url)
    expect(page.locator(".products li").first).to_be_visible()
    page.get_by_role("link", name="lamps").click()
    page.locator(".products a", has_text="Lamp no. 3").first.click()
    page.get_by_label("Pieces").fill(str(pieces))
    page.locator("#add").click()
    expect(page.locator("#message")).to_contain_text("is in the cart")
    page.locator("#cart").click()
    page.get_by_label("Customer").fill("customer-042")
    page.get_by_label("Password").fill("pass-042")
    page.locator("#login").click()
    expect(page.locator("#checkout")).to_be_visible()


def test_an_order_is_one_trace_from_the_button_to_the_parcel(
    watching: tuple[RunningServer, Shop], page: Page
) -> None:
    """The click, the gateway, the backends, the queue and the hop with nothing but a log are found."""
    server, shop = watching
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    fill_cart(page, shop.gateway_url)
    page.locator("#checkout").click()
    expect(page.locator("#state")).to_have_text("It is packed.", timeout=PATIENCE_MS)
    number = (page.locator("#order").text_content() or "").split()[2]
    assert [] == complaints

    trace_id = traces(server, "gateway", "POST /checkout")[0]["trace_id"]
    found = wait_until(
        lambda: server.get(f"/api/traces/{trace_id}"),
        # The click is written once its requests are through.
        lambda trace: (
            {s["service"] for s in trace["spans"]} == ORDERED
            and not all(s["parent_span_id"] for s in trace["spans"])
        ),
        f"a trace of {ORDERED}",
    )["spans"]
    by_id = {span["span_id"]: span for span in found}
    root = next(span for span in found if not span["parent_span_id"])
    assert ("page", "click") == (root["service"], root["operation"])
    assert root["attributes"]["browser.element"].endswith("#checkout")
    assert {True} == {span["parent_span_id"] in by_id for span in found if span is not root}
    taken = next(span for span in found if span["operation"] == "process orders")
    assert ("fulfilment", "Consumer") == (taken["service"], taken["kind"])
    assert ("checkout", "Producer") == (
        by_id[taken["parent_span_id"]]["service"],
        by_id[taken["parent_span_id"]]["kind"],
    )
    placed = server.logs(1, service="checkout", text=f"order {number} placed")[0]
    assert trace_id == placed["trace_id"]
    assert "payment" not in {span["service"] for span in found}
    charged = server.logs(1, service="payment", text="POST /charges")[0]
    assert "201" == charged["attributes"]["http.response.status_code"]
    assert "" == charged["trace_id"]


def test_what_the_browser_alone_knows_arrives(
    watching: tuple[RunningServer, Shop], page: Page
) -> None:
    """Loading, resources, the largest paint and what the page itself tells, with who the page is."""
    server, shop = watching
    page.goto(shop.gateway_url)
    expect(page.locator(".products li").first).to_be_visible()
    page.get_by_role("link", name="toys").click()
    expect(page.locator("h1")).to_have_text("toys")
    page.goto("about:blank")
    trace_id = traces(server, "page", "documentLoad")[0]["trace_id"]
    loaded = wait_until(
        lambda: server.get(f"/api/traces/{trace_id}")["spans"],
        lambda found: (
            {"documentLoad", "documentFetch", "resourceFetch", "GET", "GET /", "GET /products"}
            <= {span["operation"] for span in found}
        ),
        "the spans of a load, the gateway's among them",
    )
    files = {
        span["attributes"]["url.full"].rpartition("/")[2]
        for span in loaded
        if span["operation"] == "resourceFetch"
    }
    assert {"shop.css", "shop.mjs"} <= files
    assert server.logs(1, service="page", text="lcp")
    went = server.logs(1, service="page", text="VIEW")[0]
    assert "toys" == went["attributes"]["category"]
    assert shop.deploys == ()
    assert "3.0.0" == went["resource"]["service.version"]


@pytest.mark.slow
def test_an_error_in_the_page_arrives_where_no_request_does(
    watching: tuple[RunningServer, Shop], page: Page
) -> None:
    """With the broken button the browser's error is there, and no order reaches the gateway."""
    server, shop = watching
    deploy = shop.apply_fault("page-order-button")
    fill_cart(page, shop.gateway_url)
    page.locator("#checkout").click()
    wanted = next(s for s in CHANGES["page-order-button"].truth["signals"])["shows"]
    record = server.logs(1, service="page", text=wanted.removeprefix("TypeError: "))[0]
    assert ("TypeError", 17) == (
        record["attributes"]["exception.type"],
        record["severity_number"],
    )
    assert "shop.mjs" in record["attributes"]["exception.stacktrace"]
    assert deploy.revision == record["resource"]["vcs.ref.head.revision"]
    clicked = server.spans(record["trace_id"], 1)
    assert {("page", "click")} == {(span["service"], span["operation"]) for span in clicked}
    shop.revert("page-order-button")


@pytest.mark.slow
def test_a_script_that_blocks_and_a_task_that_is_long_are_seen(
    watching: tuple[RunningServer, Shop], page: Page
) -> None:
    """Each shows in the numbers that its truth names."""
    server, shop = watching
    shop.apply_fault("page-blocking-script")
    page.goto(shop.gateway_url)
    expect(page.locator(".products li").first).to_be_visible()
    slow = wait_until(
        lambda: server.get("/api/traces", service="gateway", operation="GET /partner/badges.js"),
        lambda answer: bool(answer["traces"]),
        "the partner's script",
    )
    assert slow["traces"][0]["duration_ns"] > 1_400_000_000
    blocking = "browser.resource.renderBlockingStatus=blocking"
    wait_until(
        lambda: server.get("/api/traces", service="page", attr=blocking, min_duration_ms=1_400),
        lambda answer: bool(answer["traces"]),
        "a script that blocks",
    )
    shop.revert("page-blocking-script")
    shop.apply_fault("page-long-task")
    page.goto(shop.gateway_url)
    expect(page.locator(".products li").first).to_be_visible()
    assert traces(server, "page", "longAnimationFrame", min_duration_ms=200)
    shop.revert("page-long-task")
