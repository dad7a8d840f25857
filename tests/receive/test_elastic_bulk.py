"""What Elasticsearch's bulk requests hold comes out as log records."""

import json
from typing import Any

import pytest
from tests.receive.sent_records import sent_records

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.elastic_bulk import Bulk, read_bulk
from tracepulse.receive.line_readers import LineReaders

NOW_NS = 1_770_000_000 * 10**9
TRACE = "0af7651916cd43dd8448eb211c80319c"
TIME = "2026-02-02T02:40:00.123456789Z"


def lines(*values: Any) -> bytes:
    """Return values as lines of JSON; text as it is."""
    return "".join(
        (value if isinstance(value, str) else json.dumps(value)) + "\n" for value in values
    ).encode()


def bulk(*values: Any, index: str = "") -> Bulk:
    """Read a bulk request."""
    return read_bulk(lines(*values), index, LineReaders(), NOW_NS)


def test_fields_of_the_elastic_common_schema() -> None:
    """What Filebeat and ECS loggers send: each field finds its place."""
    document = {
        "@timestamp": TIME,
        "message": "no stock",
        "log": {"level": "error", "logger": "com.shop.Cart", "origin": {"file": {"line": 7}}},
        "service": {"name": "cart", "version": "1.2", "environment": "live"},
        "trace": {"id": TRACE},
        "span": {"id": "b7ad6b7169203331"},
        "host": {"name": "h-1"},
        "kubernetes": {"namespace": "shop", "pod": {"name": "c-1"}, "labels": {"app": "other"}},
        "error": {"type": "java.lang.X", "stack_trace": "java.lang.X\n\tat a.b"},
        "tags": ["a", "b"],
        "http": {"response": {"status_code": 500}},
    }
    found = bulk({"create": {"_index": "logs-cart", "_id": "i-1"}}, document)
    expected = {
        "resource": {
            "service.name": "cart",
            "service.version": "1.2",
            "deployment.environment.name": "live",
            "host.name": "h-1",
            "k8s.namespace.name": "shop",
            "k8s.pod.name": "c-1",
            "elasticsearch.index": "logs-cart",
        },
        "time": NOW_NS + 123_456_789,
        "body": "no stock",
        "level": (17, "error"),
        "trace": TRACE,
        "span": "b7ad6b7169203331",
        "attributes": {
            "log.logger": "com.shop.Cart",
            "code.line.number": 7,
            "kubernetes.labels.app": "other",
            "exception.type": "java.lang.X",
            "exception.stacktrace": "java.lang.X\n\tat a.b",
            "tags": '["a","b"]',
            "http.response.status_code": 500,
            "elasticsearch.id": "i-1",
        },
    }
    assert [expected] == sent_records(found.body)
    assert not found.rejected


@pytest.mark.parametrize(
    ("document", "body", "level", "service"),
    [
        (
            {"log": "2026-02-02T02:40:00Z WARN x - late\n", "stream": "stdout",
             "kubernetes": {"container_name": "pay", "labels": {"app": "pay-app"}}},
            "x - late", (13, "WARN"), "pay-app",
        ),
        ({"message": '{"level":"info","msg":"in"}', "host": "h"}, "in", (9, "info"), None),
        ({"message": "plain", "level": "WARN", "logger_name": "l"}, "plain", (13, "WARN"), None),
        ({"host": {"name": "h"}, "n": 7}, '{"host": {"name": "h"}, "n": 7}', (0, ""), None),
    ],
)  # fmt: skip
def test_other_layouts(
    document: dict[str, Any], body: str, level: tuple[int, str], service: str | None
) -> None:
    """What Fluent Bit, Logstash and programs of one's own send."""
    (record,) = sent_records(bulk({"index": {}}, document, index="x").body)
    assert (body, level) == (record["body"], record["level"])
    assert service == record["resource"].get("service.name")
    assert "x" == record["resource"]["elasticsearch.index"]


@pytest.mark.parametrize(
    "document",
    [
        {
            "@timestamp": "1770000000000.250",
            "severity_text": "WARN",
            "body": {"text": "drawer"},
            "trace_id": TRACE,
            "resource": {"attributes": {"service.name": "till", "rack": "r1"}},
            "attributes": {"n": 1},
        },
        {
            "@timestamp": "2026-02-02T02:40:00.000250000Z",
            "SeverityText": "WARN",
            "Body": "drawer",
            "TraceId": TRACE,
            "Resource": {"service": {"name": "till"}, "rack": "r1"},
            "Attributes": {"n": 1},
        },
    ],
)
def test_mappings_of_the_collectors_exporter(document: dict[str, Any]) -> None:
    """OpenTelemetry's own records come back as they were, whichever way they were mapped."""
    (record,) = sent_records(bulk({"create": {"_index": "x"}}, document).body)
    expected = {
        "resource": {"service.name": "till", "rack": "r1", "elasticsearch.index": "x"},
        "time": NOW_NS + 250_000,
        "body": "drawer",
        "level": (13, "WARN"),
        "trace": TRACE,
        "span": "",
        "attributes": {"n": 1},
    }
    assert expected == record


def test_good_documents_of_a_mixed_bulk_are_kept() -> None:
    """Each document fails by itself, with the type and words of Elasticsearch."""
    found = bulk(
        {"create": {"_index": "a"}},
        {"message": "good"},
        {"delete": {"_index": "a", "_id": "7"}},
        {"create": {"_index": "a"}},
        "not json",
        {"update": {"_index": "a", "_id": "8"}},
        {"doc": {"x": 1}},
        {"index": {"_index": "a"}},
        [1],
        "",
        {"index": {"_index": "a"}},
        {"message": "x", "@timestamp": "noon"},
        {"index": {"_index": "a"}},
        {"message": "x" * 300_000},
        {"index": {"_index": "a"}},
        {"message": "good too", "@timestamp": 1770000000000},
        {"create": {"_index": "a"}},
    )
    assert ["good", "good too"] == [record["body"] for record in sent_records(found.body)]
    assert {"action": 2, "document": 3, "timestamp": 1, "document_size": 1} == dict(found.rejected)
    actions = ["create", "delete", "create", "update", "index", "index", "index", "index", "create"]
    assert actions == [item.action for item in found.items]
    kept = [number for number, item in enumerate(found.items) if item.error is None]
    assert [0, 7] == kept
    assert "document_parsing_exception" == (found.items[5].error or ("", ""))[0]


@pytest.mark.parametrize(
    "body", [b"nonsense\n{}\n", b'{"upsert":{}}\n{}\n', b'{"index":7}\n{}\n', b"[]\n", b"", b"\n"]
)
def test_an_action_that_cannot_be_read_refuses_the_request(body: bytes) -> None:
    """What follows such a line has no meaning."""
    with pytest.raises(MalformedBody):
        read_bulk(body, "", LineReaders(), NOW_NS)


def test_too_many_actions_are_refused() -> None:
    """A request holds so many records and no more."""
    with pytest.raises(LimitExceeded, match="actions"):
        read_bulk(b'{"index":{}}\n{"a":1}\n' * 50_001, "", LineReaders(), NOW_NS)
