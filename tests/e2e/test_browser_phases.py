"""Pages that are slow in a known way, in Chromium: the span and the phase that held them up are named."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.e2e.slow_pages import CASES, SlowPage, visit
from tests.e2e.slow_site import SlowSite, slow_site
from tests.running_server import RunningServer, forked_server

QUICK = ("first byte by a query", "processing")


@pytest.fixture(scope="module")
def slow(bundle: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowSite]:
    """The site whose pages are slow."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; it makes the certificate of the site")
    with slow_site(bundle, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def told(slow: SlowSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that lets the site's pages send."""
    folder: Path = tmp_path_factory.mktemp("told")
    with forked_server(folder, None, "--allowed-origins", ",".join(slow.origins)) as running:
        slow.endpoint = running.otlp_http_url
        yield running


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=() if case.name in QUICK else pytest.mark.slow)
        for case in CASES
    ],
)
def test_what_held_up_the_paint_is_named(
    browser: Browser, slow: SlowSite, told: RunningServer, case: SlowPage
) -> None:
    """Most of the path is blamed on what was slow; sections tile it, and parts of paints sum to them."""
    said = visit(browser, slow, told, case)
    assert said.names(case), said
    assert said.sums()
