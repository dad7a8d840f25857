"""JSON bytes to Python values, with bounds on what they may cost."""

from typing import Any

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody

__all__ = ["MAX_CONTAINERS", "decode_json"]

MAX_CONTAINERS = 2_000_000
"""Opening braces and brackets in one body. Each costs 56 to 64 bytes once decoded whatever it
holds, so 20 MiB of `{},` would take half a gigabyte; real OTLP/JSON has one in 18 bytes at most."""


def decode_json(body: bytes) -> Any:
    """
    Return the value of a JSON body.

    Raises:
        LimitExceeded: it has more objects and lists than MAX_CONTAINERS.
        MalformedBody: it is not JSON in UTF-8, or is nested deeper than the parser goes (1024).
    """
    containers = body.count(b"{") + body.count(b"[")
    if containers > MAX_CONTAINERS:
        raise LimitExceeded(
            f"JSON body has {containers} objects and lists; at most {MAX_CONTAINERS} are read: "
            "send smaller batches"
        )
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"body is not JSON: {error}") from None
