"""
Elasticsearch's API as far as senders of logs use it: bulk, single documents, and what they ask first.

Official clients want `X-Elastic-Product` on every answer and a version; Beats want one that is not older
than theirs, a licence, and templates and policies that are there or can be put. None of those is kept.
"""

import re
import secrets
from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson

from tracepulse.errors import Overloaded, SenderError
from tracepulse.receive.drop_in import Answer, Converted, Door, Handler, Request, Route
from tracepulse.receive.elastic_bulk import Bulk, Item, read_bulk
from tracepulse.receive.http_requests import again_headers, status_of
from tracepulse.receive.line_readers import LineReaders

__all__ = ["routes"]

_ORIGIN = "elasticsearch"
_PRODUCT = (b"x-elastic-product", b"Elasticsearch")
_JSON = [(b"content-type", b"application/json"), _PRODUCT]
_CHALLENGES = [
    (b"www-authenticate", b'Basic realm="security", charset="UTF-8"'),
    (b"www-authenticate", b'Bearer realm="security"'),
    (b"www-authenticate", b"ApiKey"),
]
_KINDS = {
    401: "security_exception",
    408: "timeout_exception",
    413: "content_too_long_exception",
    415: "media_type_header_exception",
    429: "es_rejected_execution_exception",
}
"""What a refusal is called, by its status."""
_VERSION = "8.19.0"
"""What is told to those that do not say what they need."""
_BEAT = re.compile(r"Elastic-[\w-]+/(\d{1,3}\.\d{1,3}\.\d{1,3})")
_COMPATIBLE = re.compile(r"compatible-with=(\d{1,3})")
_UUID = "dHJhY2VwdWxzZS1jbHVzdGVy"
_GIVEN = ("_index_template", "_component_template", "_template", "_ilm/policy", "_ingest/pipeline")
"""Kinds of things that senders put before they write; they are told that it is done."""


def routes() -> tuple[Route, ...]:
    """Return the routes of the API."""
    readers = LineReaders()
    bulk, document = partial(_bulk, readers), partial(_document, readers)
    handlers: list[tuple[tuple[str, ...], str, Handler]] = [
        (("GET", "HEAD"), "/", _info),
        (("POST", "PUT"), "/_bulk", bulk),
        (("POST", "PUT"), "/{index}/_bulk", bulk),
        (("POST", "PUT"), "/{index}/{type}/_bulk", bulk),
        (("POST",), "/{index}/_doc", document),
        (("POST", "PUT"), "/{index}/_doc/{id}", document),
        (("POST", "PUT"), "/{index}/_create/{id}", document),
        (("GET",), "/_license", _license),
        (("GET",), "/_xpack", _xpack),
        (("GET",), "/_cluster/health", _cluster_health),
        (("GET",), "/_nodes/http", _nodes),
        (("GET",), "/_nodes/_all/http", _nodes),
    ]
    for kind in _GIVEN:
        handlers.append((("GET", "HEAD", "PUT", "POST"), f"/{kind}/{{name}}", _given))
    handlers.append((("GET", "HEAD", "PUT"), "/_data_stream/{name}", _given))
    handlers.append((("GET", "HEAD"), "/_alias/{name}", _given))
    return tuple(
        Route(_ORIGIN, methods, path + slash, handle, _refuse)
        for methods, path, handle in handlers
        for slash in (("", "/") if path != "/" else ("",))
    )


async def _bulk(readers: LineReaders, request: Request, door: Door) -> Answer:
    caller = door.caller(request)
    body = await door.body(request, caller)
    begun_unix_ns = door.receiver.clock.now_unix_ns()
    index = request.words[0] if request.words else ""

    def convert(plain: bytes) -> Bulk:
        return read_bulk(plain, index, readers, begun_unix_ns)

    bulk = await door.convert(convert, body)
    converted = Converted("logs", bulk.body, bulk.rejected, bulk.example)
    admitted = await door.put(converted, caller, _ORIGIN)
    took_ms = max(0, door.receiver.clock.now_unix_ns() - begun_unix_ns) // 10**6
    # Items that the scan alone refused are not told apart; the size of documents was checked before.
    errors = bool(bulk.rejected) or admitted.records < bulk.records
    head = b'{"errors":%s,"took":%d' % (b"true" if errors else b"false", took_ms)
    wanted = request.query.get("filter_path", "")
    if wanted and "items" not in wanted:
        return Answer(200, _headers(request), head + b"}")
    items = b",".join(_items(bulk.items, brief=bool(wanted)))
    return Answer(200, _headers(request), head + b',"items":[' + items + b"]}")


def _items(items: list[Item], brief: bool) -> Iterator[bytes]:
    """Yield the answer to each action; `brief` leaves out what the sender does not look at."""
    heads: dict[tuple[str, str], bytes] = {}
    made = secrets.token_urlsafe(9)
    for number, (action, index, document_id, error) in enumerate(items):
        head = heads.get((action, index))
        if head is None:
            head = b'{"%s":{"_index":%s' % (action.encode(), orjson.dumps(index))
            heads[action, index] = head
        if error is not None:
            failed = {"type": error[0], "reason": error[1]}
            shown = orjson.dumps(document_id or None)
            yield head + b',"_id":%s,"status":400,"error":%s}}' % (shown, orjson.dumps(failed))
        elif brief:
            yield head + b',"status":201}}'
        else:
            shown = (
                orjson.dumps(document_id) if document_id else b'"%s%05d"' % (made.encode(), number)
            )
            yield head + (
                b',"_id":%s,"_version":1,"result":"created",'
                b'"_shards":{"total":1,"successful":1,"failed":0},'
                b'"_seq_no":%d,"_primary_term":1,"status":201}}' % (shown, number)
            )


async def _document(readers: LineReaders, request: Request, door: Door) -> Answer:
    """Keep a single document, as a bulk of one."""
    caller = door.caller(request)
    body = await door.body(request, caller)
    now_unix_ns = door.receiver.clock.now_unix_ns()
    index, *named = request.words
    action = {"create": {"_id": named[0]} if named else {}}
    lines = orjson.dumps(action) + b"\n" + b" ".join(body.splitlines()) + b"\n"
    bulk = read_bulk(lines, index, readers, now_unix_ns)
    converted = Converted("logs", bulk.body, bulk.rejected, bulk.example)
    admitted = await door.put(converted, caller, _ORIGIN)
    (item,) = bulk.items
    if item.error is not None:
        return _error(400, *item.error)
    if not admitted.records:
        return _error(400, "illegal_argument_exception", admitted.explanation())
    answer = {
        "_index": index,
        "_id": item.document_id or secrets.token_urlsafe(15),
        "_version": 1,
        "result": "created",
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": 0,
        "_primary_term": 1,
    }
    return Answer(201, _headers(request), orjson.dumps(answer))


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer, in the type of a version that the client asks for."""
    accepted = request.header(b"accept")
    if "vnd.elasticsearch+json" not in accepted:
        return _JSON
    asked = _COMPATIBLE.search(accepted)
    version = asked[1] if asked else _VERSION.partition(".")[0]
    kind = f"application/vnd.elasticsearch+json;compatible-with={version}"
    return [(b"content-type", kind.encode()), _PRODUCT]


def _answer(request: Request, value: Any) -> Answer:
    return Answer(200, _headers(request), orjson.dumps(value))


def _version_for(request: Request) -> str:
    """Return a version that a sender takes for its own or a newer one."""
    beat = _BEAT.search(request.header(b"user-agent"))
    asked = _COMPATIBLE.search(request.header(b"accept"))
    wanted = [_VERSION]
    if beat:
        wanted.append(beat[1])
    if asked:
        wanted.append(f"{asked[1]}.0.0")
    return max(wanted, key=lambda version: [int(part) for part in version.split(".")])


async def _info(request: Request, door: Door) -> Answer:
    door.caller(request)
    version = {
        "number": _version_for(request),
        "build_flavor": "default",
        "build_type": "docker",
        "build_hash": "0000000000000000000000000000000000000000",
        "build_date": "2025-01-01T00:00:00.000000000Z",
        "build_snapshot": False,
        "lucene_version": "9.12.1",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    }
    info = {
        "name": "tracepulse",
        "cluster_name": "tracepulse",
        "cluster_uuid": _UUID,
        "version": version,
        "tagline": "You Know, for Search",
    }
    return _answer(request, info)


async def _license(request: Request, door: Door) -> Answer:
    door.caller(request)
    licence = {"uid": _UUID, "type": "basic", "status": "active", "mode": "basic"}
    return _answer(request, {"license": licence})


async def _xpack(request: Request, door: Door) -> Answer:
    door.caller(request)
    off = {"available": False, "enabled": False}
    features = dict.fromkeys(("ilm", "monitoring", "security", "data_streams"), off)
    return _answer(request, {"features": features, "license": {"type": "basic", "mode": "basic"}})


async def _cluster_health(request: Request, door: Door) -> Answer:
    door.caller(request)
    health = {
        "cluster_name": "tracepulse",
        "status": "green",
        "timed_out": False,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_shards": 1,
        "unassigned_shards": 0,
    }
    return _answer(request, health)


async def _nodes(request: Request, door: Door) -> Answer:
    """Answer clients that ask for the addresses of a cluster: there is this one."""
    door.caller(request)
    address = request.header(b"host")
    node = {
        "name": "tracepulse",
        "version": _version_for(request),
        "roles": ["data", "ingest", "master"],
        "http": {"publish_address": address, "bound_address": [address]},
    }
    return _answer(request, {"cluster_name": "tracepulse", "nodes": {_UUID: node}})


async def _given(request: Request, door: Door) -> Answer:
    """Say that a template, policy, pipeline or the like is there, or that it was put."""
    caller = door.caller(request)
    if request.method in ("PUT", "POST"):
        await door.body(request, caller)
        return _answer(request, {"acknowledged": True})
    return _answer(request, {})


def _refuse(error: SenderError | Overloaded) -> Answer:
    status = status_of(error, overloaded=429)
    answer = _error(status, _KINDS.get(status, "illegal_argument_exception"), str(error))
    challenges = _CHALLENGES if status == 401 else []
    return answer._replace(headers=[*answer.headers, *challenges, *again_headers(error)])


def _error(status: int, kind: str, reason: str) -> Answer:
    cause = {"type": kind, "reason": reason}
    body = {"error": {"root_cause": [cause], **cause}, "status": status}
    return Answer(status, _JSON, orjson.dumps(body))
