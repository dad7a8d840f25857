"""
Splunk's HTTP Event Collector: events, raw text, health and acknowledgement.

Codes and texts are those of
https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector
A success is answered when the events are durable, so an acknowledgement that is asked for has always
come already. Good events of a batch with bad ones are kept; senders do not try a 400 again.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any

import orjson

from tracepulse.errors import MalformedBody, Overloaded, SenderError, Unauthorized
from tracepulse.receive.access import Caller
from tracepulse.receive.drop_in import Answer, Converted, Door, Handler, Request, Route
from tracepulse.receive.http_requests import again_headers, status_of
from tracepulse.receive.json_body import decode_json
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.splunk_events import SplunkEvents, read_events, read_raw

__all__ = ["routes"]

_ORIGIN = "splunk_hec"
_JSON = [(b"content-type", b"application/json; charset=UTF-8"), (b"vary", b"Authorization")]
_TEXTS = {
    0: (200, "Success"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    9: (503, "Server is busy"),
    10: (400, "Data channel is missing"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    15: (400, "Error in handling indexed fields"),
    16: (400, "Query string authorization is not enabled"),
    17: (200, "HEC is healthy"),
}
"""Status and text of an answer, by its code."""
_METADATA = ("host", "source", "sourcetype", "index")
_MAX_ACKS = 10_000
"""Acknowledgements that one question may be about."""
_SCHEMES = ("splunk", "basic", "bearer")


def routes() -> tuple[Route, ...]:
    """Return the routes of the collector, under all their names."""
    readers, ack_ids = LineReaders(), count()

    def in_objects(body: bytes, defaults: Mapping[str, str], now_unix_ns: int) -> SplunkEvents:
        return read_events(body, defaults, readers, now_unix_ns)

    events, raw = partial(_take, in_objects, ack_ids), partial(_take, read_raw, ack_ids)
    handlers: dict[str, tuple[tuple[str, ...], Handler]] = {
        "/services/collector": (("POST",), events),
        "/services/collector/event": (("POST",), events),
        "/services/collector/event/1.0": (("POST",), events),
        "/services/collector/raw": (("POST",), raw),
        "/services/collector/raw/1.0": (("POST",), raw),
        "/services/collector/ack": (("POST", "GET"), _acks),
        "/services/collector/ack/1.0": (("POST", "GET"), _acks),
        "/services/collector/health": (("GET", "HEAD"), _health),
        "/services/collector/health/1.0": (("GET", "HEAD"), _health),
    }
    return tuple(
        Route(_ORIGIN, methods, path + slash, handle, _refuse)
        for path, (methods, handle) in handlers.items()
        for slash in ("", "/")
    )


Reader = Callable[[bytes, Mapping[str, str], int], SplunkEvents]
"""Reads a body, with host, source and so on for events without, received at an instant in Unix ns."""


async def _take(read: Reader, ack_ids: "count[int]", request: Request, door: Door) -> Answer:
    caller = _caller(request, door)
    body = await door.body(request, caller)
    if not body.strip():
        return _coded(5)
    defaults = _defaults(request)
    now_unix_ns = door.receiver.clock.now_unix_ns()
    events = await door.convert(lambda plain: read(plain, defaults, now_unix_ns), body)
    return await _kept(events, caller, ack_ids, request, door)


async def _kept(
    events: SplunkEvents, caller: Caller, ack_ids: "count[int]", request: Request, door: Door
) -> Answer:
    """Keep the good events of a request, and answer it."""
    example = ""
    if events.fault is not None:
        code, place = events.fault
        example = f"event {place}: {_TEXTS[code][1]}"
    converted = Converted("logs", events.body, events.rejected, example)
    admitted = await door.put(converted, caller, _ORIGIN)
    if events.fault is not None:
        code, place = events.fault
        return _coded(code, {"invalid-event-number": place})
    if admitted.rejected_records:
        return _coded(6, {"message": admitted.explanation()})
    return _coded(0, {"ackId": next(ack_ids)} if _channel(request) else {})


async def _acks(request: Request, door: Door) -> Answer:
    caller = _caller(request, door)
    body = await door.body(request, caller)
    if not _channel(request):
        return _coded(10)
    try:
        asked = decode_json(body)
    except MalformedBody:
        return _coded(6)
    ids = asked.get("acks") if isinstance(asked, dict) else None
    if not isinstance(ids, list) or not all(type(one) is int for one in ids[:_MAX_ACKS]):
        return _coded(6)
    # An id is given out when its events are durable, here or before a restart.
    return Answer(200, _JSON, orjson.dumps({"acks": {str(one): True for one in ids[:_MAX_ACKS]}}))


async def _health(_request: Request, _door: Door) -> Answer:
    return _coded(17)


class _AnsweredError(SenderError):
    """A refusal that has a code of its own."""

    def __init__(self, code: int) -> None:
        super().__init__(_TEXTS[code][1])
        self.code = code


def _caller(request: Request, door: Door) -> Caller:
    """
    Tell who sends.

    Raises:
        _AnsweredError: it may not, in Splunk's words for why.
    """
    try:
        return door.caller(request)
    except Unauthorized:
        scheme, _, token = request.header(b"authorization").strip().partition(" ")
        if not scheme and not request.header(b"x-api-key"):
            raise _AnsweredError(16 if "token" in request.query else 2) from None
        if scheme and (scheme.lower() not in _SCHEMES or not token.strip()):
            raise _AnsweredError(3) from None
        raise _AnsweredError(4) from None


def _channel(request: Request) -> str:
    return request.header(b"x-splunk-request-channel") or request.query.get("channel", "")


def _defaults(request: Request) -> dict[str, str]:
    query = request.query
    return {name: query[name] for name in _METADATA if query.get(name)}


def _coded(code: int, further: dict[str, Any] | None = None) -> Answer:
    status, text = _TEXTS[code]
    return Answer(status, _JSON, orjson.dumps({"text": text, "code": code, **(further or {})}))


def _refuse(error: SenderError | Overloaded) -> Answer:
    match error:
        case _AnsweredError():
            answer = _coded(error.code)
        case Overloaded():
            answer = _coded(9)
        case _ if (status := status_of(error)) in (408, 413):
            answer = Answer(status, _JSON, orjson.dumps({"text": str(error), "code": 6}))
        case _:
            answer = _coded(6, {"message": str(error)})
    return answer._replace(headers=[*answer.headers, *again_headers(error)])
