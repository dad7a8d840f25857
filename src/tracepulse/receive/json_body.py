"""JSON bytes to Python values, with bounds on what they may cost."""

import json
from typing import Any

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody

__all__ = [
    "MAX_CONTAINERS",
    "MAX_VALUES",
    "check_json_cost",
    "decode_json",
    "decode_json_leniently",
]

MAX_CONTAINERS = 700_000
"""Opening braces and brackets in one body. Each costs 64 to 72 bytes once decoded whatever it holds,
so 20 MiB of `{},` would take half a gigabyte; real OTLP/JSON of 20 MiB has about as many."""
MAX_VALUES = 650_000
"""Commas in one body, within texts too. A text of two letters costs 72 bytes for five on the wire;
real OTLP/JSON has a comma in 25 bytes or so."""


def check_json_cost(body: bytes) -> None:
    """Raise LimitExceeded if a body has more than MAX_CONTAINERS objects or MAX_VALUES values."""
    containers = body.count(b"{") + body.count(b"[")
    if containers > MAX_CONTAINERS:
        raise LimitExceeded(
            f"JSON body has {containers} objects and lists; at most {MAX_CONTAINERS} are read: "
            "send smaller batches"
        )
    if body.count(b",") > MAX_VALUES:
        raise LimitExceeded(
            f"JSON body has more than {MAX_VALUES} values: send smaller batches, or protobuf"
        )


def decode_json(body: bytes) -> Any:
    """
    Return the value of a JSON body.

    Raises:
        LimitExceeded: it has more objects and lists than MAX_CONTAINERS, or values than MAX_VALUES.
        MalformedBody: it is not JSON in UTF-8, or is nested deeper than the parser goes (1024).
    """
    check_json_cost(body)
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"body is not JSON: {error}") from None


def decode_json_leniently(body: bytes) -> Any:
    r"""
    Return the value of a JSON body, in which half surrogate pairs and bad UTF-8 become marks.

    Loggers cut texts in the middle of a character, and write `\ud83d` alone for half of one.

    Raises:
        LimitExceeded, MalformedBody: as `decode_json`.
    """
    try:
        return decode_json(body)
    except MalformedBody as error:
        if b"\\u" not in body and _is_utf8(body):
            raise
        try:
            value = json.loads(body.decode("utf-8", "replace"))
            text = json.dumps(value, ensure_ascii=False)
        except (ValueError, RecursionError):
            raise error from None
    return decode_json(text.encode("utf-8", "replace"))


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
