"""Call another service of the shop."""

import os
from typing import Any

import requests

from .logs import REQUEST_ID_HEADER, request_id

TIMEOUT_S = float(os.environ.get("UPSTREAM_TIMEOUT_S", "5"))


class Upstream:
    """One other service, found by `<NAME>_URL` in the environment."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._base = os.environ[f"{name.upper()}_URL"]
        self._http = requests.Session()
        self._http.trust_env = False

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send one request, with the id of the request that caused it."""
        return self._http.request(
            method,
            self._base + path,
            json=body,
            params=query,
            headers={REQUEST_ID_HEADER: request_id.get()},
            timeout=TIMEOUT_S,
        )
