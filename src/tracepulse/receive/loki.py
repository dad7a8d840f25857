"""
Loki's push API: what Promtail, Alloy, Fluent Bit, Vector and Docker's driver send.

204 says that all was kept. As Loki does it, 400 with a text in words says that some or all entries were
not, and is not tried again by any sender: what was good of that push is kept all the same.
https://grafana.com/docs/loki/latest/reference/loki-http-api/
"""

from functools import partial

from tracepulse.errors import Overloaded, SenderError
from tracepulse.receive.access import Caller
from tracepulse.receive.compression import decompress
from tracepulse.receive.drop_in import Answer, Converted, Door, Request, Route
from tracepulse.receive.http_requests import PLAIN_TEXT, again_headers, status_of
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.loki_push import LokiPush, read_push
from tracepulse.receive.receiver import limits_of

__all__ = ["routes"]

_ORIGIN = "loki"
_TEXT = [*PLAIN_TEXT, (b"x-content-type-options", b"nosniff")]
_TAKEN = Answer(204, [])
_READY = Answer(200, _TEXT, b"ready\n")


def routes() -> tuple[Route, ...]:
    """Return the routes of Loki's push API, and of the path by which senders ask whether it is up."""
    push = partial(_push, LineReaders())
    return (
        Route(_ORIGIN, ("POST",), "/loki/api/v1/push", push, _refuse),
        Route(_ORIGIN, ("POST",), "/api/prom/push", push, _refuse),
        Route(_ORIGIN, ("GET", "HEAD"), "/ready", _ready, _refuse),
    )


async def _ready(_request: Request, _door: Door) -> Answer:
    return _READY


async def _push(readers: LineReaders, request: Request, door: Door) -> Answer:
    caller = door.caller(request)
    body, as_json = await _body(request, door, caller)
    now_unix_ns = door.receiver.clock.now_unix_ns()

    def convert(plain: bytes) -> LokiPush:
        return read_push(plain, as_json, readers, now_unix_ns)

    push = await door.convert(convert, body)
    converted = Converted("logs", push.body, push.rejected, push.example)
    admitted = await door.put(converted, caller, _ORIGIN)
    if not admitted.rejected_records:
        return _TAKEN
    sent = admitted.records + admitted.rejected_records
    text = (
        f"{admitted.rejected_records} of {sent} entries were not kept, the others were:"
        f" {admitted.explanation()}"
    )
    return _in_words(400, text)


async def _body(request: Request, door: Door, caller: Caller) -> tuple[bytes, bool]:
    """Return the body, unpacked, and whether it is JSON."""
    packing = request.header(b"content-encoding").strip().lower()
    if packing == "snappy":
        packing = ""  # protobuf is packed so in any case, JSON never; some senders say it, some not
    kind = request.media_type
    if "protobuf" in kind and not packing:
        return await door.body(request, caller, "snappy"), False
    body = await door.body(request, caller, packing)
    # A type that says nothing is what curl puts there of itself.
    if "json" in kind or ("protobuf" not in kind and body.lstrip()[:1] == b"{"):
        return body, True
    limits = limits_of(caller)
    return await door.convert(lambda packed: decompress(packed, "snappy", limits), body), False


def _refuse(error: SenderError | Overloaded) -> Answer:
    # 503 where there is no room and not 429, at which some senders may be set to throw a batch away;
    # 400 for all that Loki itself has no other status for.
    status = status_of(error)
    answer = _in_words(400 if status == 415 else status, str(error))
    return answer._replace(headers=[*answer.headers, *again_headers(error)])


def _in_words(status: int, text: str) -> Answer:
    return Answer(status, _TEXT, f"{text}\n".encode())
