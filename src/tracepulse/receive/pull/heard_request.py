"""Records that were heard from a source, as one OTLP request."""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.pull.interface import Heard
from tracepulse.receive.sent_logs import SentLogs

__all__ = ["key_of", "request_of"]

MAX_LINE_CHARACTERS = 64 * 1024
"""Longer lines are cut: a body is at most this long anyway."""


def request_of(
    sender: str, records: Iterable[Heard], readers: LineReaders, received_unix_ns: int
) -> bytes:
    """
    Return an ExportLogsServiceRequest with the records.

    Args:
        sender: the connector, whose services' lines are each read by a reader of their own.
    """
    logs = SentLogs()
    for each in records:
        time_unix_ns = each.event_unix_ns or each.time_unix_ns
        if each.fields is None:
            text = each.text[:MAX_LINE_CHARACTERS].rstrip("\r\n")
            logs.add_later(
                f"{sender}/{each.known.service}", each.known, text, time_unix_ns, each.attributes
            )
        else:
            logs.add_object(each.known, dict(each.fields), each.text, time_unix_ns, each.attributes)
    logs.read_lines(readers, received_unix_ns)
    return logs.writer.to_bytes()


def key_of(*parts: Any) -> int:
    """Return 64 signed bits that stand for some values."""
    text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
