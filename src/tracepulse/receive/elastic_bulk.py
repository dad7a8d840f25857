"""
Elasticsearch's bulk requests to OTLP log records: lines of JSON, an action and its document.

Fields of the Elastic Common Schema, of Logstash and of Fluent Bit become OpenTelemetry's; a message is
read as a line of a file unless its level is known. A document that cannot be used fails by itself.
https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.any_value import plain_text
from tracepulse.receive.field_values import instant_unix_ns
from tracepulse.receive.json_body import check_json_cost, decode_json_leniently
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.log_fields import flattened
from tracepulse.receive.sent_logs import SentLogs

__all__ = ["Bulk", "Item", "read_bulk"]

_MAX_DOCUMENT_BYTES = 240 * 1024
"""A record may have 256 KiB; the rest is room for what is said beside the document."""
_WITH_DOCUMENT = ("index", "create", "update")


class Item(NamedTuple):
    """What became of one action."""

    action: str
    index_name: str
    document_id: str
    """'' when the sender gave none."""
    error: tuple[str, str] | None = None
    """Type and reason, as Elasticsearch names them; None for what was kept."""


class Bulk(NamedTuple):
    """What a bulk request holds."""

    body: bytes
    """An ExportLogsServiceRequest."""
    records: int
    items: list[Item]
    """One for each action, in order."""
    rejected: Counter[str]
    example: str


class _Refused(NamedTuple):
    reason: str
    kind: str
    text: str


def read_bulk(body: bytes, index: str, readers: LineReaders, received_unix_ns: int) -> Bulk:
    """
    Read a bulk request.

    Args:
        index: that of actions which name none; '' if the path names none either.
    Raises:
        MalformedBody: an action cannot be read, so that what follows has no meaning.
        LimitExceeded: there are too many.
    """
    check_json_cost(body)
    if body.count(b"\n") > 4 * SERVER_LIMITS.records:
        raise LimitExceeded("more lines than actions and documents have: send smaller batches")
    logs = SentLogs()
    items: list[Item] = []
    rejected: Counter[str] = Counter()
    example = ""
    for action, named, document_id, source in _actions(body, index):
        refused = _add(logs, action, named, document_id, source)
        error = None
        if refused is not None:
            error = (refused.kind, refused.text)
            rejected[refused.reason] += 1
            example = example or f"item {len(items)}: {refused.text}"
        items.append(Item(action, named, document_id, error))
        if len(items) > SERVER_LIMITS.records:
            raise LimitExceeded(
                f"more than {SERVER_LIMITS.records:,} actions in one request: send smaller batches"
            )
    if not items:
        raise MalformedBody("request body is required")
    logs.read_lines(readers, received_unix_ns)
    return Bulk(logs.writer.to_bytes(), logs.writer.records, items, rejected, example)


def _actions(body: bytes, index: str) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield action, index, document id and document of each pair of lines."""
    known: dict[bytes, tuple[str, str, str]] = {}
    lines = iter(body.split(b"\n"))
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        meant = known.get(line)
        if meant is None:
            meant = _action(line, number, index)
            if not meant[2]:
                known[line] = meant  # the same line stands before every document
        source = next(lines, b"") if meant[0] in _WITH_DOCUMENT else b""
        yield *meant, source


def _action(line: bytes, number: int, index: str) -> tuple[str, str, str]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = None
    if type(value) is not dict or len(value) != 1:
        raise MalformedBody(
            f"Malformed action/metadata line [{number}], expected one of"
            f" [create, delete, index, update] but found [{line[:80].decode(errors='replace')}]"
        )
    ((action, meta),) = value.items()
    if action not in (*_WITH_DOCUMENT, "delete") or type(meta) is not dict:
        raise MalformedBody(
            f"Malformed action/metadata line [{number}], expected field [create], [delete],"
            f" [index] or [update] but found [{action[:80]}]"
        )
    named, document_id = meta.get("_index"), meta.get("_id")
    return (
        action,
        named if type(named) is str and named else index,
        "" if document_id is None else plain_text(document_id),
    )


def _add(
    logs: SentLogs, action: str, index: str, document_id: str, source: bytes
) -> _Refused | None:
    """Add the record of a document; returns why it cannot be."""
    if action not in ("index", "create"):
        reason = f"[{action}] is not supported: documents are only added, with index or create"
        return _Refused("action", "illegal_argument_exception", reason)
    if len(source) > _MAX_DOCUMENT_BYTES:
        reason = f"document of {len(source)} bytes; at most {_MAX_DOCUMENT_BYTES} are accepted"
        return _Refused("document_size", "illegal_argument_exception", reason)
    fields = _document(source)
    if fields is None:
        return _Refused("document", "document_parsing_exception", "failed to parse: not an object")
    if dict in map(type, fields.values()):
        fields = flattened(fields)
    time_unix_ns = 0
    if fields.get("@timestamp") is not None:
        time_unix_ns = instant_unix_ns(fields["@timestamp"]) or 0
        if not time_unix_ns:
            shown = plain_text(fields["@timestamp"])[:40]
            reason = f"failed to parse field [@timestamp] of type [date] with value '{shown}'"
            return _Refused("timestamp", "document_parsing_exception", reason)
        del fields["@timestamp"]
    if index:
        fields["elasticsearch.index"] = index
    if document_id:
        fields["elasticsearch.id"] = document_id
    logs.add_document("elasticsearch", fields, source, time_unix_ns)
    return None


def _document(source: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(source)
    except orjson.JSONDecodeError:
        try:
            value = decode_json_leniently(source)
        except (MalformedBody, LimitExceeded):
            return None
    return value if type(value) is dict else None
