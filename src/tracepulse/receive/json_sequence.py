"""JSON objects one behind another in a body, with or without anything between them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.json_body import check_json_cost, decode_json_leniently
from tracepulse.receive.limits import SERVER_LIMITS

__all__ = ["UNREADABLE_VALUE", "read_json_sequence"]

UNREADABLE_VALUE = object()
"""Stands where a value was that cannot be read."""

_BETWEEN = re.compile(rb"\}\s*\{")
_SPACE = re.compile(rb"\s*")
_NEXT_LINE = re.compile(rb"\n(?=\{)")
_MAX_SEARCHED = 100
"""Values that cannot be read for which an end is searched, each up to the body's end. After so many,
a value ends where the next `}{` or line begins."""
_decoder = json.JSONDecoder(strict=False)


def read_json_sequence(body: bytes) -> Iterator[Any]:
    """
    Yield the values of a body in order; UNREADABLE_VALUE where one cannot be read.

    What lies between two `}{` is a value whenever it parses as one, because no beginning of an
    object is an object. Where it does not, such a pair stands within a text, and the end is found
    by reading on; where that fails too, reading goes on behind the pair, or on the next line. Every
    value that cannot be read is yielded, however many there are.

    Raises:
        LimitExceeded: there are more values than a request may hold.
    """
    check_json_cost(body)
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if body[:1] == b"[":
        value = _loads(body)
        yield from value if isinstance(value, list) else [UNREADABLE_VALUE]
        return
    for count, value in enumerate(_values(body)):
        if count >= SERVER_LIMITS.records:
            raise LimitExceeded(f"more than {SERVER_LIMITS.records:,} events: send smaller batches")
        yield value


def _values(body: bytes) -> Iterator[Any]:
    at, text, unreadable = 0, "", 0
    for stop, following in _pieces(body):
        # Nothing is done within a value that was read to its end.
        while at < stop and unreadable < _MAX_SEARCHED:
            try:
                yield orjson.loads(body[at:stop])
                at = following
                continue
            except orjson.JSONDecodeError:
                text = text or body.decode("latin-1")  # as many characters as bytes
            try:
                if text[at] != "{":
                    raise ValueError  # a value of another kind, of which there may be any number
                _, end = _decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                yield UNREADABLE_VALUE
                unreadable += 1
                line = body.find(b"\n{", at, stop)
                at = following if line < 0 else line + 1
            else:
                yield _loads(body[at:end])
                at = _SPACE.match(body, end).end()  # type: ignore[union-attr]
        if at < stop:
            yield from map(_loads_at_once, _NEXT_LINE.split(body[at:stop]))
            at = following


def _pieces(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each piece ends and the next begins."""
    for match in _BETWEEN.finditer(body):
        yield match.start() + 1, match.end() - 1
    if body:
        yield len(body), len(body)


def _loads_at_once(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return UNREADABLE_VALUE


def _loads(data: bytes) -> Any:
    try:
        return decode_json_leniently(data)
    except MalformedBody:
        return UNREADABLE_VALUE
