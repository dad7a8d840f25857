"""What the requests of Splunk's HTTP Event Collector hold comes out as log records."""

import json
from typing import Any

import pytest
from tests.receive.sent_records import sent_records

from tracepulse.errors import LimitExceeded
from tracepulse.receive.json_sequence import UNREADABLE_VALUE, read_json_sequence
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.splunk_events import SplunkEvents, read_events, read_raw

NOW_NS = 1_770_000_000 * 10**9
TRACE = "0af7651916cd43dd8448eb211c80319c"


def batch(*events: Any, between: str = "", **defaults: str) -> SplunkEvents:
    """Read a batch of events, one behind another."""
    body = between.join(one if isinstance(one, str) else json.dumps(one) for one in events)
    return read_events(body.encode(), defaults, LineReaders(), NOW_NS)


def test_a_sender_of_times_without_a_year_or_date_goes_on_for_days() -> None:
    """They are completed by when they come, however long ago their sender was first heard of."""
    readers, day_ns = LineReaders(), 86_400 * 10**9
    found = []
    for day, text in enumerate(("02", "03", "04", "05", "06")):
        lines = [f"Feb {text} 02:40:00 host cron[7]: done", f"02:40:0{day} INFO done"]
        body = "".join(json.dumps({"event": line, "source": line[:3]}) for line in lines).encode()
        read = read_events(body, {}, readers, NOW_NS + day * day_ns)
        found += [(record["time"] - NOW_NS) // day_ns for record in sent_records(read.body)]
    assert [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] == found


def test_metadata_fields_and_event_become_a_record() -> None:
    """Metadata and fields of the place go to the resource, the others stay with the record."""
    event = {
        "time": 1770000000.25,
        "host": "web-1",
        "source": "/var/log/checkout/app.log",
        "sourcetype": "app:log",
        "index": "main",
        "event": "no stock left",
        "fields": {"k8s.pod.name": "c-1", "severity_text": "ERROR", "trace_id": TRACE, "sku": "A1"},
    }
    expected = {
        "resource": {
            "service.name": "checkout",
            "k8s.pod.name": "c-1",
            "host.name": "web-1",
            "com.splunk.source": "/var/log/checkout/app.log",
            "com.splunk.sourcetype": "app:log",
            "com.splunk.index": "main",
        },
        "time": NOW_NS + 250_000_000,
        "body": "no stock left",
        "level": (17, "ERROR"),
        "trace": TRACE,
        "span": "",
        "attributes": {"sku": "A1"},
    }
    assert [expected] == sent_records(batch(event).body)


def test_an_event_that_is_an_object() -> None:
    """Message, level and trace are found among the fields of an event."""
    event = {
        "event": {"msg": "paid", "level": "warn", "traceId": TRACE, "cart": {"items": [1, 2]}},
        "fields": {"service.name": "pay"},
        "time": "1770000000.123456789",
    }
    (record,) = sent_records(batch(event).body)
    assert ("paid", (13, "warn"), TRACE) == (record["body"], record["level"], record["trace"])
    assert {"cart.items": "[1,2]"} == record["attributes"]
    assert {"service.name": "pay"} == record["resource"]
    assert NOW_NS + 123_456_789 == record["time"]


def test_severity_of_the_collectors_exporter() -> None:
    """The fields in which the Collector sends a severity are read as such."""
    fields = {
        "otel.log.severity.number": 17,
        "otel.log.severity.text": "Error",
        "otel.log.name": "n",
    }
    (record,) = sent_records(batch({"event": "x", "fields": fields}).body)
    assert (17, "Error") == record["level"]
    assert {"otel.log.name": "n"} == record["attributes"]


def test_dockers_driver() -> None:
    """The line of a container is read, and its labels name the service."""
    line = {
        "line": "level=error msg=lost",
        "source": "stderr",
        "tag": "9f",
        "attrs": {"app": "cart"},
    }
    (record,) = sent_records(batch({"event": line, "host": "h", "time": "1770000000.5"}).body)
    assert ("lost", "cart") == (record["body"], record["resource"]["service.name"])
    assert (17, "error") == record["level"]
    assert {"log.iostream": "stderr", "tag": "9f", "attrs.app": "cart"} == record["attributes"]


@pytest.mark.parametrize("between", ["", "\n", " \r\n\t", "\n\n"])
def test_whatever_stands_between_events(between: str) -> None:
    """Senders put nothing, a space or lines between events, and braces into texts."""
    texts = ["one", "}{", 'a"} {"event":"no', "{}{}\n}{", "last"]
    found = batch(*({"event": f"-{text}"} for text in texts), between=between)
    assert [f"-{text}" for text in texts] == [record["body"] for record in sent_records(found.body)]
    assert not found.rejected


def test_good_events_of_a_mixed_batch_are_kept() -> None:
    """What is wrong is counted by reason, and the first place is told."""
    found = batch(
        {"event": "good"},
        {"fields": {}},
        {"event": ""},
        {"event": None},
        '{"event":"damaged}',
        {"event": "x", "time": "yesterday"},
        {"event": "x", "fields": [1]},
        {"event": "metric", "fields": {"metric_name:cpu": 1}},
        {"event": "good too"},
        between="\n",
    )
    assert ["good", "good too"] == [record["body"] for record in sent_records(found.body)]
    expected = {
        "no_event": 1,
        "blank_event": 2,
        "unreadable": 1,
        "timestamp": 1,
        "fields": 1,
        "metric_event": 1,
    }
    assert expected == dict(found.rejected)
    assert (12, 1) == found.fault


def test_every_kind_of_event_is_kept() -> None:
    """Numbers, truths and lists are events as well."""
    found = batch({"event": 7}, {"event": False}, {"event": [1, {"a": 2}]})
    assert ["7", "false", '[1,{"a":2}]'] == [record["body"] for record in sent_records(found.body)]


def test_raw_lines_are_read_as_a_file() -> None:
    """A stack trace belongs to the line before it, and what the address says holds for all."""
    text = (
        "2026-02-02 02:40:00,001 INFO [main] com.shop.Cart - begun\n"
        "2026-02-02 02:40:01,002 ERROR [main] com.shop.Cart - lost\n"
        "java.lang.IllegalStateException: x\n"
        "\tat com.shop.Cart.add(Cart.java:7)\n"
    )
    found = read_raw(text.encode(), {"host": "web-1", "sourcetype": "log4j"}, NOW_NS)
    first, second = sent_records(found.body)
    assert ("begun", (9, "INFO")) == (first["body"], first["level"])
    assert second["body"].startswith("lost\njava.lang")
    assert {"host.name": "web-1", "com.splunk.sourcetype": "log4j"} == first["resource"]
    assert 2 == found.records


def test_a_first_request_that_is_sent_again_gives_the_same_bytes() -> None:
    """What comes twice teaches the reader of its sender nothing."""
    readers = LineReaders()
    lines = ["I late 02/02 02:40:01 x", "W later 02/02 02:40:02 y", "E lost 02/02 02:40:03 z"]
    body = "".join(json.dumps({"event": line}) for line in lines).encode()
    assert 1 == len({read_events(body, {}, readers, NOW_NS).body for _ in range(8)})


def test_the_same_request_gives_the_same_bytes() -> None:
    """A request that is sent again later must be known to be the same, whatever came between."""
    readers = LineReaders()
    lines = [f"2026-02-02 02:40:{n:02} ERROR [main] com.shop.Cart - lost {n}" for n in range(20)]
    body = "".join(json.dumps({"event": line}) for line in lines).encode()
    first = read_events(body, {}, readers, NOW_NS).body
    read_events(b'{"event":"02/Feb/2026:02:40:00 another layout WARN x"}', {}, readers, NOW_NS + 1)
    assert first == read_events(body, {}, readers, NOW_NS + 7 * 10**9).body
    raw = b"no time at all\nnor here"
    assert read_raw(raw, {}, NOW_NS).body == read_raw(raw, {}, NOW_NS + 10**9).body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
        (b'\xef\xbb\xbf{"a":1}', [{"a": 1}]),
        (b'{"a":"\\ud83d"}{"a":2}', [{"a": "?"}, {"a": 2}]),
        (b'{"a":1}{{}{"a":2}', [{"a": 1}, UNREADABLE_VALUE, {"a": 2}]),
        (b"nonsense", [UNREADABLE_VALUE]),
    ],
)
def test_json_sequence(body: bytes, expected: list[Any]) -> None:
    """Values are found one behind another, and what is damaged costs itself only."""
    assert expected == list(read_json_sequence(body))


def test_a_hostile_sequence_takes_no_more_than_its_share() -> None:
    """Unterminated texts behind each brace are not each searched to the end."""
    body = b'{"a":"}{' * 40_000
    assert 40_000 <= sum(value is UNREADABLE_VALUE for value in read_json_sequence(body))
    with pytest.raises(LimitExceeded, match="events"):
        list(read_json_sequence(b"{}" * 60_000))


@pytest.mark.parametrize("between", ["", "\n"])
def test_every_unreadable_event_is_counted(between: str) -> None:
    """However many there are, and the good ones among and behind them are kept."""
    events = ['{"event": cut}' if n % 2 else {"event": f"good {n}"} for n in range(600)]

    read = batch(*events, {"event": "the last"}, between=between)

    bodies = [record["body"] for record in sent_records(read.body)]
    assert ["the last"] == bodies[-1:]
    assert (301, {"unreadable": 300}) == (len(bodies), dict(read.rejected))
