"""
Zipkin's collector: `POST /api/v2/spans`, JSON of version 2.

Source:
    https://zipkin.io/zipkin-api/ and https://zipkin.io/pages/data_model.html
"""

from collections import Counter

from tracepulse.errors import MalformedBody
from tracepulse.receive.admission import UNREADABLE
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.drop_in import Answer, Converted, Door, Request, Route
from tracepulse.receive.http_requests import PLAIN_TEXT, refuse_in_words
from tracepulse.receive.json_body import decode_json_leniently
from tracepulse.receive.zipkin import looks_like_zipkin_v1, write_zipkin

__all__ = ["convert_zipkin", "routes"]

_ORIGIN = "zipkin"
_BINARY = frozenset({"application/x-protobuf", "application/x-thrift"})


def convert_zipkin(body: bytes) -> Converted:
    """
    Return a list of Zipkin spans as OTLP; those that cannot be used are counted.

    Raises:
        MalformedBody: it is no list of spans, or of spans of version 1.
        LimitExceeded: it has more objects and lists than are read.
    """
    value = decode_json_leniently(body)
    if looks_like_zipkin_v1(value):
        raise MalformedBody("these are spans of version 1: send JSON of version 2")
    if isinstance(value, dict):
        raise MalformedBody("Zipkin v2: need a list of spans")
    complaints = Complaints()
    written = write_zipkin(value, complaints)
    refused = complaints.refused_records
    rejected = Counter({UNREADABLE: refused} if refused else {})
    return Converted("traces", written, rejected, "".join(complaints.described[:1]))


async def _take(request: Request, door: Door) -> Answer:
    caller = door.caller(request)
    if request.media_type in _BINARY:
        raise MalformedBody(f"Content-Type {request.media_type!r}: send JSON of version 2")
    body = await door.body(request, caller)
    converted = await door.convert(convert_zipkin, body)
    admitted = await door.put(converted, caller, _ORIGIN)
    # Zipkin has no way to say that a part was refused; reporters do not look at what is answered.
    return Answer(202, PLAIN_TEXT, admitted.explanation().encode())


async def _version_1(request: Request, door: Door) -> Answer:
    door.caller(request)
    raise MalformedBody("version 1 of Zipkin's API is not taken: send JSON to /api/v2/spans")


def routes() -> tuple[Route, ...]:
    """Return the paths that Zipkin's reporters post to."""
    return (
        Route(_ORIGIN, ("POST",), "/api/v2/spans", _take, refuse_in_words),
        Route(_ORIGIN, ("POST",), "/api/v1/spans", _version_1, refuse_in_words),
    )
