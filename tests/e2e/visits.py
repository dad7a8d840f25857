"""Visits to the web site with the browser SDK, and what of them arrived."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Page
from tests.e2e.web_site import Site
from tests.running_server import wait_until

__all__ = [
    "CHROMIUM",
    "PACKAGE",
    "VECTORS",
    "Watched",
    "arrived",
    "bundled",
    "call",
    "fields",
    "tags",
]

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sdk" / "js"
CHROMIUM = Path("/usr/bin/chromium")
VECTORS = ROOT / "tests" / "redaction" / "vectors.json"
BUNDLE = "import { bundleBrowser } from './tools/browser.mjs'; process.stdout.write(await bundleBrowser())"

Watched = tuple[Page, list[str]]
"""A tab, and what it complained of."""
T = TypeVar("T")


def bundled() -> str:
    """Return the bundle as it is published."""
    command = ["node", "--input-type=module", "-e", BUNDLE]
    return subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True, text=True).stdout


def fields(record: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a record by name."""
    return {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}


def arrived(find: Callable[[], T], what: str) -> T:
    """Return what is found once it is there."""
    return wait_until(find, bool, what)


def call(page: Page, code: str) -> None:
    """Have the page call the SDK."""
    page.evaluate(
        f"import('/sdk.mjs').then(({{ DebugQueue, start, stop, consent }}) => {{ {code} }})"
    )


def tags(site: Site) -> list[str]:
    """Return the names of the events that arrived, in order."""
    return [record["eventName"] for record in site.logs()]
