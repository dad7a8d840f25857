"""
Grafana Faro's collector: `POST /collect` from web pages.

What a page sends is worth what a page is worth, whatever key it shows: it is public.

Source:
    https://grafana.com/docs/alloy/latest/reference/components/faro/faro.receiver/
"""

from dataclasses import replace

from tracepulse.errors import LimitExceeded, Overloaded, SenderError, Unauthorized
from tracepulse.receive.access import BROWSER_CALLER
from tracepulse.receive.compression import UnsupportedEncoding
from tracepulse.receive.drop_in import Answer, Door, Request, Route
from tracepulse.receive.faro import convert_faro
from tracepulse.receive.limits import FARO_LIMITS

__all__ = ["routes"]

_ORIGIN = "faro"
_TEXT = [(b"content-type", b"text/plain; charset=utf-8")]


async def _take(request: Request, door: Door) -> Answer:
    caller = replace(door.caller(request), trust=BROWSER_CALLER.trust)
    body = await door.body(request, caller, limits=FARO_LIMITS)
    told = ""
    for converted in await door.convert(convert_faro, body):
        admitted = await door.put(converted, caller, _ORIGIN)
        told = told or admitted.explanation()
    return Answer(202, _TEXT, told.encode() or b"ok")


def _refuse(error: SenderError | Overloaded) -> Answer:
    match error:
        case Overloaded():
            # The one refusal that Faro's SDK knows: it waits as long as it is told to.
            again = (b"retry-after", b"%d" % error.retry_after_s)
            return Answer(429, [*_TEXT, again], str(error).encode())
        case Unauthorized():
            status = 401
        case LimitExceeded():
            status = 413
        case UnsupportedEncoding():
            status = 415
        case _:
            status = 400
    return Answer(status, _TEXT, str(error).encode())


def routes() -> tuple[Route, ...]:
    """Return where Faro's SDK posts to."""
    return (Route(_ORIGIN, ("POST",), "/collect", _take, _refuse),)
