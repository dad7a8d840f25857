"""
Grafana Faro's collector: `POST /collect` from web pages.

What a page sends is worth what a page is worth, whatever key it shows: it is public.

Source:
    https://grafana.com/docs/alloy/latest/reference/components/faro/faro.receiver/
"""

from dataclasses import replace
from functools import partial

from tracepulse.receive.access import BROWSER_CALLER
from tracepulse.receive.drop_in import Answer, Door, Request, Route
from tracepulse.receive.faro import convert_faro
from tracepulse.receive.http_requests import PLAIN_TEXT, refuse_in_words
from tracepulse.receive.limits import FARO_LIMITS

__all__ = ["routes"]

_ORIGIN = "faro"


async def _take(request: Request, door: Door) -> Answer:
    caller = replace(door.caller(request), trust=BROWSER_CALLER.trust)
    body = await door.body(request, caller, limits=FARO_LIMITS)
    told = ""
    for converted in await door.convert(convert_faro, body):
        admitted = await door.put(converted, caller, _ORIGIN)
        told = told or admitted.explanation()
    return Answer(202, PLAIN_TEXT, told.encode() or b"ok")


def routes() -> tuple[Route, ...]:
    """Return where Faro's SDK posts to."""
    # 429 is the one refusal that Faro's SDK knows: it waits as long as it is told to.
    refuse = partial(refuse_in_words, overloaded=429)
    return (Route(_ORIGIN, ("POST",), "/collect", _take, refuse),)
