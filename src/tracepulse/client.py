"""Asking a running server over its REST API, from the command line."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tracepulse.errors import BadSetting, OperatorError, Unavailable

__all__ = ["DEFAULT_URL", "Api", "ServerRefusal", "server_url"]

DEFAULT_URL = "http://127.0.0.1:8600"


class ServerRefusal(OperatorError):
    """The server answered that it cannot or will not."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Api:
    """A server's REST API, asked one question at a time."""

    def __init__(self, url: str = DEFAULT_URL, api_key: str = "", timeout_s: float = 60) -> None:
        """Prepare to ask; nothing is sent yet."""
        self._url = url.rstrip("/")
        self._headers = {"x-api-key": api_key} if api_key else {}
        self._timeout_s = timeout_s

    @classmethod
    def from_environment(cls, url: str | None, timeout_s: float = 60) -> "Api":
        """Return the API at `url`, or at TRACEPULSE_URL, with the key in TRACEPULSE_API_KEY."""
        return cls(server_url(url), os.environ.get("TRACEPULSE_API_KEY", ""), timeout_s)

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """
        Return the JSON answer to GET; parameters that are None or '' are left out.

        Raises:
            Unavailable: nobody answers there.
            ServerRefusal: the server says no; the text is its own.
        """
        return self._get(path, parameters).json()

    def text(self, path: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Return the answer to GET as text; see `get`."""
        return str(self._get(path, parameters).text)

    def post(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON answer to POST without a body; see `get`."""
        return self._ask("POST", path, parameters or {}).json()

    def delete(self, path: str) -> Any:
        """Return the JSON answer to DELETE; see `get`."""
        return self._ask("DELETE", path, {}).json()

    def _get(self, path: str, parameters: Mapping[str, Any] | None) -> Any:
        return self._ask("GET", path, parameters or {})

    def _ask(self, method: str, path: str, parameters: Mapping[str, Any]) -> Any:
        import httpx  # a quarter of a second, which `--help` need not wait for

        wanted = {k: v for k, v in parameters.items() if v not in (None, "", [], ())}
        # A proxy from the environment has no business between two programs of one machine.
        near = urlsplit(self._url).hostname in ("localhost", "127.0.0.1", "::1")
        try:
            with httpx.Client(
                headers=self._headers, timeout=self._timeout_s, trust_env=not near
            ) as client:
                response = client.request(method, self._url + path, params=wanted)
        except httpx.TimeoutException as error:
            raise Unavailable(f"{self._url} did not answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"no TracePulse server answers at {self._url} ({error or type(error).__name__});"
                " start one with `tracepulse serve`, or name another with --url"
            ) from error
        if response.status_code >= 400:
            raise _refusal(self._url, response)
        kind = response.headers.get("content-type", "")
        drawn = kind.startswith("text/vnd.")
        if "json" not in kind and not drawn and not path.endswith("/context"):
            raise Unavailable(f"{self._url} answers, but not as a TracePulse server; check --url")
        return response


def _refusal(url: str, response: Any) -> OperatorError:
    try:
        error = response.json()["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return Unavailable(f"{url} answers {response.status_code}, not as a TracePulse server")
    if code == "unauthorized":
        message += " (give it in TRACEPULSE_API_KEY)"
    return ServerRefusal(message, code)


def server_url(given: str | None) -> str:
    """Return the address of the server, from a flag or TRACEPULSE_URL; raises BadSetting."""
    url = given or os.environ.get("TRACEPULSE_URL") or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        raise BadSetting(f"--url {url!r}: write it as {DEFAULT_URL}")
    return url.rstrip("/")
