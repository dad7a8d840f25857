"""Every error as the one shape that clients see: a code to act on and a sentence to read."""

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tracepulse.errors import (
    BadQuestion,
    InternalError,
    LimitExceeded,
    MalformedBody,
    NotFound,
    Overloaded,
    SenderError,
    TracePulseError,
    Unauthorized,
    Unavailable,
)

__all__ = ["Failure", "Forbidden", "add_failures", "failure_response", "failures"]

_log = logging.getLogger(__name__)


class Forbidden(Unauthorized):
    """The key is known but lacks the scope."""


class _FailureBody(BaseModel):
    code: str = Field(description="Stable; what a program acts on.")
    message: str = Field(description="What was seen, where, and what to do.")


class Failure(BaseModel):
    """What every answer with a status of 400 or above holds."""

    error: _FailureBody


_STATUS: tuple[tuple[type[TracePulseError], int, str], ...] = (
    (Forbidden, 403, "forbidden"),
    (Unauthorized, 401, "unauthorized"),
    (NotFound, 404, "not_found"),
    (BadQuestion, 400, "bad_question"),
    (MalformedBody, 400, "malformed_body"),
    (LimitExceeded, 413, "too_large"),
    (SenderError, 400, "bad_request"),
    (Overloaded, 503, "overloaded"),
    (Unavailable, 503, "unavailable"),
)
"""The first that fits counts; everything else is ours: 500."""

_TITLES = {
    400: "The question or body cannot be understood",
    401: "An API key is needed, or it is not known",
    403: "The API key lacks the scope",
    404: "There is no such thing",
    413: "The body is too large",
    500: "A fault of the server, written to its log",
    503: "No room or not ready; try again after `Retry-After` seconds",
}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def failures(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of an endpoint, for its description; some are on every one."""
    return {
        code: {"model": Failure, "description": _TITLES[code]}
        for code in sorted({400, 401, 403, 500, 503, *codes})
    }


def failure_response(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error answer."""
    body = orjson.dumps({"error": {"code": code, "message": message}})
    return Response(body, status, dict(headers or {}), "application/json")


def add_failures(app: FastAPI) -> None:
    """Answer every error in that shape; no traceback leaves the process."""
    app.add_exception_handler(TracePulseError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return failure_response(status, code, str(error), _headers(error))
    _log.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
    code = "store_refused" if isinstance(error, InternalError) else "internal"
    return failure_response(500, code, "the server could not answer; its log says why")


def _headers(error: TracePulseError) -> dict[str, str]:
    match error:
        case Overloaded():
            return {"Retry-After": str(error.retry_after_s)}
        case Unavailable():
            return {"Retry-After": "5"}
        case Forbidden():
            return {}
        case Unauthorized():
            return {"WWW-Authenticate": 'Bearer realm="tracepulse"'}
        case _:
            return {}


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    parts = []
    for each in error.errors()[:5]:
        place = ".".join(str(part) for part in each["loc"] if part not in ("query", "path"))
        parts.append(f"{place}: {each['msg']}")
    in_body = any(each["loc"][:1] == ("body",) for each in error.errors())
    code = "malformed_body" if in_body else "bad_question"
    return failure_response(400, code, "; ".join(parts))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "bad_request")
    message = str(error.detail)
    if error.status_code == 404:
        message = f"there is nothing at {request.url.path}; /openapi.json lists what there is"
    return failure_response(error.status_code, code, message, error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("%s %s", request.method, request.url.path, exc_info=error)
    return failure_response(500, "internal", "the server could not answer; its log says why")
