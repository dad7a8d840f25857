"""
Elasticsearch's bulk requests to OTLP log records: lines of JSON, an action and its document.

Fields of the Elastic Common Schema, of Logstash and of Fluent Bit become OpenTelemetry's; a message is
read as a line of a file unless its level is known. A document that cannot be used fails by itself.
https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.any_value import plain_text
from tracepulse.receive.document_batches import DocumentBatch, Kind
from tracepulse.receive.document_plans import ELASTIC_ID, ELASTIC_INDEX, elastic_space
from tracepulse.receive.field_values import instant_unix_ns
from tracepulse.receive.json_body import check_json_cost, decode_json_leniently
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.line_batches import is_ready, read_noted
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.log_fields import flattened
from tracepulse.receive.log_writer import pack_attributes
from tracepulse.receive.sent_logs import SentLogs

__all__ = ["Bulk", "Item", "read_bulk"]

_MAX_DOCUMENT_BYTES = 240 * 1024
"""A record may have 256 KiB; the rest is room for what is said beside the document."""
_SENDER = "elasticsearch"
_ADDING = ("index", "create")
_Action = tuple[str, str, str, bytes]
"""Action, index, document id and document."""
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
    actions = []
    for each in _actions(body, index):
        actions.append(each)
        if len(actions) > SERVER_LIMITS.records:
            raise LimitExceeded(
                f"more than {SERVER_LIMITS.records:,} actions in one request: send smaller batches"
            )
    if not actions:
        raise MalformedBody("request body is required")
    logs = SentLogs()
    batch = _batch(actions) if is_ready() else None
    items: list[Item] = []
    rejected: Counter[str] = Counter()
    example = ""
    for place, (action, named, document_id, source) in enumerate(actions):
        error = None
        if batch is None or not batch.add(logs, place):
            refused = _add(logs, action, named, document_id, source)
            if refused is not None:
                error = (refused.kind, refused.text)
                rejected[refused.reason] += 1
                example = example or f"item {place}: {refused.text}"
        items.append(Item(action, named, document_id, error))
    read_noted(logs, readers, received_unix_ns)
    return Bulk(logs.writer.to_bytes(), logs.writer.records, items, rejected, example)


def _batch(actions: Sequence[_Action]) -> DocumentBatch:
    """Have the compiled loops read the documents; those that are not to be added are left out."""
    kinds: dict[tuple[str, bool], int] = {}
    kind_of = [
        kinds.setdefault((index, document_id != ""), len(kinds))
        for _, index, document_id, _ in actions
    ]
    sources = [
        source if action in _ADDING and len(source) <= _MAX_DOCUMENT_BYTES else b""
        for action, _, _, source in actions
    ]
    ends = np.cumsum(np.fromiter(map(len, sources), np.int64, len(sources)))
    after = []
    if any(has_id for _, has_id in kinds):
        after = [pack_attributes([(ELASTIC_ID, each[2])]) if each[2] else b"" for each in actions]
    return DocumentBatch(
        _SENDER,
        b"".join(sources),
        np.stack((np.concatenate(([0], ends[:-1])), ends), axis=1),
        [Kind(elastic_space(index != "", has_id), index) for index, has_id in kinds],
        kind_of,
        after,
    )


def _actions(body: bytes, index: str) -> Iterator[_Action]:
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
    if action not in _ADDING:
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
        fields[ELASTIC_INDEX] = index
    if document_id:
        fields[ELASTIC_ID] = document_id
    logs.add_document(_SENDER, fields, source, time_unix_ns)
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
