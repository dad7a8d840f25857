"""Changes as they were made, and their reports to the server."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from .errors import ShopError

REPORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class Deploy:
    """One change of the shop or around it; those of the shop's own are reported."""

    name: str
    """The change, or `revert <change>`."""
    kind: Literal["deploy", "config", "outside"]
    service: str
    version: str
    previous_version: str
    revision: str
    previous_revision: str
    """What the service ran before; commits to other services may lie between."""
    summary: str
    at_unix_ns: int
    """Just before the new version took its first request."""


def report(deploy: Deploy, repository: Path, api_url: str, headers: Mapping[str, str]) -> None:
    """
    Tell a server of a change.

    Args:
        deploy: of kind deploy or config.
        repository: where its source can be read.
        api_url: base address of the server's API.
        headers: sent along, such as a key.
    Raises:
        ShopError: the server refuses, or does not answer.
    """
    at = datetime.fromtimestamp(deploy.at_unix_ns / 10**9, UTC)
    body = {
        "kind": deploy.kind,
        "service": deploy.service,
        "version": deploy.version,
        "previous_version": deploy.previous_version,
        "revision": deploy.revision,
        "previous_revision": deploy.previous_revision,
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "repository": str(repository),
        "summary": deploy.summary,
    }
    _post(f"{api_url.rstrip('/')}/api/changes", body, headers)


def _post(url: str, body: Mapping[str, str], headers: Mapping[str, str]) -> None:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    for attempt in range(REPORT_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=5.0):
                return
        except urllib.error.HTTPError as refused:
            said = refused.read(300).decode(errors="replace")
            raise ShopError(f"{url} answered {refused.code}: {said}") from refused
        except OSError as problem:
            if attempt + 1 == REPORT_TRIES:
                raise ShopError(f"cannot report a release to {url}: {problem}") from problem
            time.sleep(0.3)
