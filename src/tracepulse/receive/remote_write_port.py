"""
Prometheus' remote write at `/api/v1/write`, where Prometheus itself takes it.

Source:
    https://prometheus.io/docs/specs/prw/remote_write_spec/ and …/remote_write_spec_2_0/
"""

from collections.abc import Callable
from functools import partial

from tracepulse.errors import Unauthorized
from tracepulse.receive.drop_in import Answer, Door, Request, Route
from tracepulse.receive.http_requests import PLAIN_TEXT, UnsupportedMediaType, refuse_in_words
from tracepulse.receive.prometheus_series import SeriesMemory
from tracepulse.receive.remote_write import Written
from tracepulse.receive.remote_write_1 import write_remote_1
from tracepulse.receive.remote_write_2 import write_remote_2

__all__ = ["routes"]

_ORIGIN = "prometheus"
_READERS: dict[str, Callable[[bytes, SeriesMemory], Written]] = {
    "": write_remote_1,
    "prometheus.writerequest": write_remote_1,
    "io.prometheus.write.v2.request": write_remote_2,
}
_COUNTED = b"x-prometheus-remote-write-%b-written"


async def _take(memory: SeriesMemory, request: Request, door: Door) -> Answer:
    caller = door.caller(request)
    if caller.trust == "browser_unauthenticated":
        raise Unauthorized("pages do not write metrics: an API key of scope ingest is needed")
    read = _reader(request)
    # Senders of version 1.0 must pack with snappy; some do not say so.
    encoding = request.header(b"content-encoding") or "snappy"
    body = await door.body(request, caller, encoding)
    written = await door.convert(lambda plain: read(plain, memory), body)
    admitted = await door.put(written.converted(), caller, _ORIGIN)
    headers = [
        (_COUNTED % b"samples", b"%d" % max(0, admitted.records - written.histograms)),
        (_COUNTED % b"histograms", b"%d" % written.histograms),
        (_COUNTED % b"exemplars", b"0"),
    ]
    if admitted.rejected:
        # What is good was kept; 400 tells the sender that the rest will never be.
        return Answer(400, headers + PLAIN_TEXT, admitted.explanation().encode())
    return Answer(204, headers)


def _reader(request: Request) -> Callable[[bytes, SeriesMemory], Written]:
    """Return what reads the message that the Content-Type names."""
    words = [word.strip().lower() for word in request.header(b"content-type").split(";")]
    if words[0] != "application/x-protobuf":
        raise UnsupportedMediaType(f"Content-Type {words[0]!r}: send application/x-protobuf")
    named = [word.removeprefix("proto=") for word in words[1:] if word.startswith("proto=")]
    found = _READERS.get(named[0] if named else "")
    if found is None:
        raise UnsupportedMediaType(
            f"message {named[0]!r}: send prometheus.WriteRequest or io.prometheus.write.v2.Request"
        )
    return found


def routes() -> tuple[Route, ...]:
    """Return where remote write is taken; all requests share what is known of series."""
    take = partial(_take, SeriesMemory())
    # 503 and not 429, after which Prometheus tries again only where it was told to.
    return (Route(_ORIGIN, ("POST",), "/api/v1/write", take, refuse_in_words),)
