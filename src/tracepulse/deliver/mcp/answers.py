"""Where the tools get their answers: the REST API, in this process or over the network."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request
from starlette.types import ASGIApp

from tracepulse.receive.http_requests import is_loopback

__all__ = ["Answers", "AnswersFor", "NoAnswerError", "in_process", "over_http"]

_TIMEOUT_S = 60.0


class NoAnswerError(Exception):
    """The API said no, or nobody is there; the text says what to do."""


class Answers:
    """The REST API as the tools see it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """Ask through a client whose base URL and headers are set."""
        self._client = client

    async def json(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return a JSON answer; parameters that are None or empty are left out."""
        return (await self._get(path, parameters)).json()

    async def text(self, path: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Return an answer as text."""
        return (await self._get(path, parameters)).text

    async def _get(self, path: str, parameters: Mapping[str, Any] | None) -> httpx.Response:
        wanted = {k: v for k, v in (parameters or {}).items() if v not in (None, "", [])}
        try:
            response = await self._client.get(path, params=wanted)
        except httpx.TimeoutException as error:
            raise NoAnswerError("the server did not answer in time; ask for less time") from error
        except httpx.HTTPError as error:
            raise NoAnswerError(
                f"no TracePulse server answers at {self._client.base_url};"
                " start one with `tracepulse serve`"
            ) from error
        if response.status_code >= 400:
            raise NoAnswerError(_reason(response))
        return response


AnswersFor = Callable[[Request | None], Answers]
"""Gives the API as the caller of a tool may use it; there is no request on stdio."""


def in_process(app: ASGIApp) -> AnswersFor:
    """Return the API of this process, asked with the caller's own key and address."""

    def answers(request: Request | None) -> Answers:
        assert request is not None, "only HTTP requests arrive here"
        headers = {
            name: request.headers[name]
            for name in ("authorization", "x-api-key")
            if name in request.headers
        }
        address = (request.client.host, request.client.port) if request.client else ("", 0)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=address)
        return Answers(
            httpx.AsyncClient(
                transport=transport,
                base_url="http://127.0.0.1",
                headers=headers,
                timeout=_TIMEOUT_S,
            )
        )

    return answers


def over_http(url: str, api_key: str) -> AnswersFor:
    """Return the API of another process."""
    headers = {"x-api-key": api_key} if api_key else {}
    # A proxy from the environment has no business between two programs of one machine.
    near = is_loopback(urlsplit(url).hostname or "")
    client = httpx.AsyncClient(
        base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=not near
    )
    shared = Answers(client)
    return lambda _request: shared


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answers {response.status_code}, not as TracePulse does"
