"""One server for all end-to-end tests of a file; a browser, and a web site to go to with it."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from tests.e2e.visits import CHROMIUM, PACKAGE, Watched, bundled
from tests.e2e.web_site import Site, web_site
from tests.running_server import RunningServer, forked_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server with an empty data folder; it must end well when the tests are through."""
    with forked_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def _needs(is_there: bool, what: str) -> None:
    if not is_there:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)


@pytest.fixture(scope="session")
def bundle() -> str:
    """The bundle of the browser SDK as it is published."""
    _needs(shutil.which("node") is not None, "Node.js is not installed")
    _needs((PACKAGE / "node_modules").is_dir(), "packages of sdk/js are missing; `make setup`")
    return bundled()


@pytest.fixture(scope="module")
def served(bundle: str) -> Iterator[Site]:
    """The web site, listening for as long as the tests of a file run."""
    with web_site(bundle) as site:
        yield site


@pytest.fixture
def site(served: Site) -> Site:
    """The web site as new, sending to a receiver under its other origin."""
    served.forget()
    served.endpoint = served.receiver
    return served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, with its memory of pages that are gone back to."""
    _needs(CHROMIUM.exists(), "chromium is not installed; `make system-deps` installs it")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox"],
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    made = browser.new_context()
    yield made
    made.close()


@pytest.fixture
def watched(context: BrowserContext) -> Watched:
    """A tab, and what it complained of."""
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => console.error('policy', e.blockedURI))"
    )
    return page, complaints
