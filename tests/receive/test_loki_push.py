"""What Loki's push request holds, in JSON and protobuf, comes out as log records."""

import json
from typing import Any

import pytest
from tests.receive.sent_records import sent_records

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.loki_labels import LabelsError, parsed_labels
from tracepulse.receive.loki_push import LokiPush, read_push

NOW_NS = 1_770_000_000 * 10**9
TRACE = "0af7651916cd43dd8448eb211c80319c"


def pushed(body: bytes | dict[str, Any], readers: LineReaders | None = None) -> LokiPush:
    """Read a push request: JSON of an object, protobuf of bytes."""
    as_json = isinstance(body, dict)
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    return read_push(raw, as_json, LineReaders() if readers is None else readers, NOW_NS)


def records(push: LokiPush) -> list[dict[str, Any]]:
    """Return the records with their resource, as plain values."""
    return sent_records(push.body)


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: bytes | int) -> bytes:
    """Return one field of protobuf."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def entry(time_ns: int, line: bytes, **metadata: str) -> bytes:
    """Return an entry of a stream in protobuf."""
    instant = field(1, time_ns // 10**9) + field(2, time_ns % 10**9)
    pairs = [field(1, k.encode()) + field(2, v.encode()) for k, v in metadata.items()]
    return field(1, instant) + field(2, line) + b"".join(field(3, pair) for pair in pairs)


def stream(labels: str, *entries: bytes) -> bytes:
    """Return a push request of one stream in protobuf."""
    return field(1, field(1, labels.encode()) + b"".join(field(2, one) for one in entries))


def test_labels_metadata_and_line_become_a_record() -> None:
    """Labels name the resource, metadata trace and level, and what else there is stays."""
    push = pushed(
        {
            "streams": [
                {
                    "stream": {"app": "checkout", "namespace": "shop", "pod": "c-1", "team": "pay"},
                    "values": [
                        [
                            str(NOW_NS + 1),
                            "order placed",
                            {"trace_id": TRACE, "span_id": "b7ad6b7169203331", "level": "warn",
                             "user_id": "u7"},
                        ]
                    ],
                }
            ]
        }
    )  # fmt: skip
    expected = {
        "resource": {
            "service.name": "checkout",
            "app": "checkout",
            "k8s.namespace.name": "shop",
            "k8s.pod.name": "c-1",
            "team": "pay",
        },
        "time": NOW_NS + 1,
        "body": "order placed",
        "level": (13, "warn"),
        "trace": TRACE,
        "span": "b7ad6b7169203331",
        "attributes": {"user_id": "u7"},
    }
    assert [expected] == records(push)
    assert not push.rejected


def test_protobuf_says_the_same_as_json() -> None:
    """The two encodings of one push come out as the same records."""
    line = f'{{"level":"error","msg":"no stock","traceId":"{TRACE}","sku":"A1"}}'
    labels = {"service_name": "cart", "filename": "/var/log/cart.log"}
    text = '{service_name="cart", filename="/var/log/cart.log"}'
    in_json = {"streams": [{"stream": labels, "values": [[str(NOW_NS), line, {"user": "u1"}]]}]}
    in_protobuf = stream(text, entry(NOW_NS, line.encode(), user="u1"))
    (record,) = records(pushed(in_json))
    assert [record] == records(pushed(in_protobuf))
    assert {"service.name": "cart", "log.file.path": "/var/log/cart.log"} == record["resource"]
    assert ("no stock", (17, "error"), TRACE) == (record["body"], record["level"], record["trace"])
    assert {"user": "u1", "sku": "A1"} == record["attributes"]


def test_text_lines_are_read_as_those_of_files() -> None:
    """A header's level and logger are found, and the time of the protocol wins over the text's."""
    lines = [f"2020-01-01 10:00:{n:02},123 ERROR [main] com.shop.Cart - lost {n}" for n in range(9)]
    push = pushed(
        {
            "streams": [
                {"stream": {"job": "shop/cart"}, "values": [[str(NOW_NS), line] for line in lines]}
            ]
        }
    )
    first = records(push)[0]
    assert ("lost 0", (17, "ERROR"), NOW_NS) == (first["body"], first["level"], first["time"])
    assert lines[0] == first["attributes"]["log.record.original"]
    assert "com.shop.Cart" == first["attributes"]["log.logger"]
    assert "cart" == first["resource"]["service.name"]


def test_the_older_form_is_read_too() -> None:
    """Labels as text and entries with `ts`, as clients of the first version write them."""
    push = pushed(
        {
            "streams": [
                {
                    "labels": '{app="old"}',
                    "entries": [{"ts": "2026-02-02T02:40:00.000000001Z", "line": "hello"}],
                }
            ]
        }
    )
    (record,) = records(push)
    assert ("hello", NOW_NS + 1, "old") == (
        record["body"],
        record["time"],
        record["resource"]["service.name"],
    )


def test_good_entries_of_a_mixed_push_are_kept() -> None:
    """What is wrong is counted by reason, the first is told, and the others are kept."""
    push = pushed(
        {
            "streams": [
                {
                    "stream": {"app": "a"},
                    "values": [
                        [str(NOW_NS), "good"],
                        ["yesterday", "bad time"],
                        [str(2**64), "bad time"],
                        [str(NOW_NS), 7],
                        [str(NOW_NS)],
                        [str(NOW_NS), "bad metadata", "x"],
                        "nonsense",
                        [str(NOW_NS + 2), "good too"],
                    ],
                },
                {"labels": "app=shop", "entries": [{"ts": str(NOW_NS), "line": "bad labels"}]},
                {"stream": {"app": "a"}},
                "nonsense",
            ]
        }
    )
    assert ["good", "good too"] == [record["body"] for record in records(push)]
    assert {"timestamp": 2, "entry": 6, "labels": 1} == dict(push.rejected)
    assert "'yesterday'" in push.example


def test_units_of_time_are_told_by_size() -> None:
    """A client that writes seconds or milliseconds is understood."""
    times = [str(NOW_NS), NOW_NS, str(NOW_NS // 10**6), str(NOW_NS // 10**9)]
    push = pushed({"streams": [{"stream": {}, "values": [[time, "x"] for time in times]}]})
    assert [NOW_NS] * 4 == [record["time"] for record in records(push)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{app="a", b="c\\"d\\n\\u00e4"}', {"app": "a", "b": 'c"d\nä'}),
        ("{}", {}),
        ('{ app = `raw\\n` , "with.dot"="x",}', {"app": "raw\\n", "with.dot": "x"}),
    ],
)
def test_labels_are_parsed(text: str, expected: dict[str, str]) -> None:
    """Labels are unquoted as Loki does it."""
    assert expected == dict(parsed_labels(text))


@pytest.mark.parametrize("text", ["", "app", '{app="a"', "{app=a}", '{="a"}', '{app="a"b="c"}'])
def test_bad_labels_are_refused(text: str) -> None:
    """Labels that cannot be read are not guessed."""
    with pytest.raises(LabelsError):
        list(parsed_labels(text))


@pytest.mark.parametrize("body", [b"\x0a\xff", b"not protobuf at all"])
def test_damaged_protobuf_is_refused(body: bytes) -> None:
    """Bytes that are no push request are told so."""
    with pytest.raises(MalformedBody, match="PushRequest"):
        pushed(body)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"streams": 3}', b""])
def test_other_json_is_refused(body: bytes) -> None:
    """JSON that is no push request is told so."""
    with pytest.raises(MalformedBody):
        read_push(body, True, LineReaders(), NOW_NS)


def test_empty_entries_by_the_million_are_refused_before_they_are_parsed() -> None:
    """Two bytes an entry cannot take a gigabyte."""
    with pytest.raises(LimitExceeded, match="entries"):
        pushed(field(1, b"\x12\x00" * 2_000_000))


def test_texts_cut_within_a_character_are_kept() -> None:
    """Half a surrogate pair in JSON, and bytes that are not UTF-8, cost one mark and no record."""
    body = b'{"streams":[{"stream":{"app":"a"},"values":[["%d","cut \\ud83d"]]}]}' % NOW_NS
    assert "cut ?" == records(read_push(body, True, LineReaders(), NOW_NS))[0]["body"]
    assert (
        "cut �" == records(pushed(stream('{app="a"}', entry(NOW_NS, b"cut \xf0\x9f"))))[0]["body"]
    )


def test_readers_of_senders_are_bounded() -> None:
    """However many services send, the layouts of few are kept."""
    readers = LineReaders(most=8)
    for number in range(50):
        body = {"streams": [{"stream": {"app": f"s{number}"}, "values": [[str(NOW_NS), "x"]]}]}
        pushed(body, readers)
    assert 8 == len(readers)
