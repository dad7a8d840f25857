"""
The compiled loops and the readers in Python write the same bytes, whatever lines are sent.

`make test-hostile` tries more of them, with each access to memory checked.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fenced_loops import fenced

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.elastic_bulk import read_bulk
from tracepulse.receive.line_batches import set_ready
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.log_writer import LogWriter
from tracepulse.receive.loki_protobuf import packed_streams, protobuf_streams
from tracepulse.receive.loki_push import read_push
from tracepulse.receive.loops.compiled import CHECKED
from tracepulse.receive.splunk_events import read_events
from tracepulse.receive.syslog import SyslogReader

EXAMPLES = int(os.environ.get("TRACEPULSE_EXAMPLES", "40"))
NOW = 1_763_800_000_000_000_000
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

TIMES = st.sampled_from(
    [
        "2025-11-22T10:00:00.123Z", "2025-11-22 10:00:00,5", "2025-11-22T10:00:00+01:00", "Nov 22 10:00:00",
        "2025-02-30T10:00:00Z", "2025-11-22T10:00:60Z", "2025-11-22T10:00:00.1234567891Z", "10:00:00",
        "1763800000", "1763800000.25", "1763800000123", "2025-11-22T10:00:00Zulu", "", "2025-11-22T24:00:00Z",
        "2025-11-22T10:00:00 -0500", "2025-11-22T10:00:00.000000001-02:30", "99999999999999999999",
    ]
)  # fmt: skip
LEVELS = st.sampled_from(
    ["INFO", "info", "Warning", "E", "loud", "ERR", "30", "", "ſevere", "fatal ", "critical"]
)
WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            f"trace_id={TRACE}", f"trace_id: '{TRACE}' span_id=\"{SPAN}\"", "TRACE-ID=00000000000000000000000000000000",
            "span_id=x", "brace", "[main]", "error: x", "a=b", "msg=hello", 'msg="a \\" b"', "#012", "é", "\0", "\x1c",
            "ıd", " service.name=shop", "level=info", "- x", "| y", "{", "}", '"', "\\", "stdout", "x" * 500, "\u2028",
        ]
    ),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 70),
    st.sampled_from([1763800000.123, 1763800000123, -0.0, 0.1, 1e300, 12345678.5]),
)
PLAIN = st.one_of(
    WORDS, NUMBERS, st.booleans(), st.none(), st.lists(WORDS | st.integers(), max_size=2)
)
KEYS = st.one_of(
    st.sampled_from(
        [
            "time", "ts", "@timestamp", "level", "severity", "msg", "message", "trace_id", "span_id", "service",
            "service.name", "host", "a", "a.b", "log", "stream", "traceparent", "response_code", "x", "é", "",
        ]
    ),
    st.text(max_size=4),
)  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "time": TIMES | NUMBERS,
        "level": LEVELS | NUMBERS,
        "msg": WORDS,
        "trace_id": st.sampled_from([TRACE, TRACE.upper(), SPAN, "", "0" * 32, "x"]),
        "span_id": st.sampled_from([SPAN, "0" * 16, "", "zz"]),
    },
)
OBJECTS = st.builds(
    lambda some, others: some | others,
    FIELDS,
    st.dictionaries(KEYS, PLAIN | st.dictionaries(KEYS, PLAIN, max_size=2), max_size=4),
)
ASCII_JSON = OBJECTS.map(lambda value: json.dumps(value))
JSON = OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False))
SPACED = st.sampled_from([" ", "  ", "\t", " | ", ": ", ""])
TEXT_LINES = st.builds(
    lambda parts, gaps: "".join(part + gap for part, gap in zip(parts, gaps, strict=False)),
    st.tuples(st.sampled_from(["", "[", "<"]), TIMES, st.sampled_from(["", "]"]), LEVELS, WORDS, WORDS, WORDS),
    st.tuples(st.just(""), st.just(""), SPACED, SPACED, SPACED, SPACED, st.just("")),
)  # fmt: skip
PAIRS = st.lists(st.tuples(KEYS, TIMES | LEVELS | WORDS, st.booleans()), max_size=5).map(
    lambda pairs: " ".join(f'{key}="{value}"' if quoted else f"{key}={value}" for key, value, quoted in pairs)
)  # fmt: skip
ACCESS = st.tuples(
    TIMES, st.sampled_from(["GET /a?b=c HTTP/2", "GET", "- - -", "POST /x y HTTP/1.1"]),
    st.sampled_from(["200 - via_upstream -", "503 UH no_healthy", "0 DC", "0 -", "200 -", "2000 x y z"]),
    st.sampled_from(["10 20 3 2", "0 0 - -", "1 2 3", "01 2 3 12345678901234567890"]),
    st.lists(st.sampled_from(["-", "10.1.2.3, 4.5.6.7", "curl/8", "[::1]:80", "shop:8080", "é", 'a"b', ""]),
             min_size=5, max_size=5),
    st.sampled_from([
        "outbound|80||shop.live.svc.cluster.local 1.2.3.4:5 10.0.0.1:80 [fe80::1]:9 - default",
        "inbound|80|| 1:2 3:4 5:6 - -", "PassthroughCluster", "my-cluster a b c d e f", "-", f"x a b c d e {TRACE}",
    ]),
).map(lambda p: f'[{p[0]}] "{p[1]}" {p[2]} "-" {p[3]} ' + " ".join(f'"{q}"' for q in p[4]) + f" {p[5]}")  # fmt: skip
LINES = st.one_of(TEXT_LINES, JSON, ASCII_JSON, PAIRS, ACCESS, WORDS, st.text(max_size=200))
CUT = st.tuples(LINES, st.integers(0, 60)).map(
    lambda cut: cut[0][: -cut[1]] if cut[1] < 20 else cut[0]
)
METADATA = st.none() | st.dictionaries(
    st.sampled_from(["trace_id", "span_id", "level", "pod", "x"]), LEVELS | st.sampled_from([TRACE, SPAN]),
    max_size=3,
)  # fmt: skip
PUSHES = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(["app", "level", "pod", "job"]), st.sampled_from(["shop", "info", "-"])
        ),
        st.lists(st.tuples(CUT, METADATA), max_size=8),
    ),
    max_size=3,
)


@pytest.fixture(autouse=True)
def _ready_again() -> Iterator[None]:
    set_ready()
    yield
    set_ready()


def both(read: Callable[[], Any]) -> None:
    """Assert that a request is read alike by Python and by the loops, the first time and later."""
    set_ready(False)
    expected = read()
    set_ready()
    if not CHECKED:
        assert expected == read()
    with fenced(1.0, 1.0, 0.4, 0.1):
        assert expected == read()
        assert expected == read()


def as_json(value: Any) -> bytes:
    """Return JSON with what orjson cannot write."""
    return json.dumps(value).encode()


@given(PUSHES)
@settings(max_examples=EXAMPLES, deadline=None)
def test_lines_of_loki_become_the_same_records(pushes: list[Any]) -> None:
    """Text, JSON, pairs and access logs, whole or cut, with metadata or without."""
    streams = [
        {
            "stream": labels,
            "values": [
                [str(NOW), line] if given is None else [str(NOW), line, given]
                for line, given in lines
            ],
        }
        for labels, lines in pushes
    ]
    body = as_json({"streams": streams})
    both(lambda: read_push(body, True, LineReaders(), NOW))


@given(st.lists(st.tuples(OBJECTS, st.sampled_from(["", "id-1"])), min_size=1, max_size=8))
@settings(max_examples=EXAMPLES, deadline=None)
def test_documents_of_elasticsearch_become_the_same_records(documents: list[Any]) -> None:
    """Nested or flat, with ids or without, with what the loops do not know among them."""
    lines = []
    for document, name in documents:
        lines += [as_json({"create": {"_id": name} if name else {}}), as_json(document)]
    body = b"\n".join(lines) + b"\n"
    both(lambda: read_bulk(body, "logs", LineReaders(), NOW))


EVENTS = st.fixed_dictionaries(
    {"event": CUT | OBJECTS | PLAIN},
    optional={
        "time": NUMBERS | TIMES,
        "host": WORDS,
        "source": st.sampled_from(["/var/log/shop.log", ""]),
        "fields": OBJECTS | st.none(),
        "other": PLAIN,
    },
)


@given(st.lists(EVENTS, max_size=6), st.sampled_from([b"", b"\n", b" ", b"}", b","]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_events_of_splunk_become_the_same_records(events: list[Any], between: bytes) -> None:
    """Lines, objects and what is neither, one behind another."""
    body = between.join(map(as_json, events))
    both(lambda: read_events(body, {}, LineReaders(), NOW))


MESSAGES = st.tuples(
    st.sampled_from(["<34>", "<191>", "<192>", "<007>", "<>", "", "<1"]),
    st.sampled_from([
        "1 2025-11-22T10:00:00.1Z host app 12 ID - ", "1 - - - - - ", "1 2025-11-22T10:00:00+01:00 h a x é - ",
        f'1 - h a - - [x@1 trace_id="{TRACE}" span_id="{SPAN}"][y a="b"] ', '1 - h a - - [x a="b\\]"] ',
        "Nov 22 10:00:00 host su[230]: ", "Nov 22 10:00:00 host su: ", "Feb 30 10:00:00 h x: ", "su: ", "1 - h a - - [x",
        "2025-11-22T10:00:00.123+01:00 host app[x]: ", "Nov  2 10:00:00 host /usr/bin/su: ", "1 - h a - - [x] ",
    ]),
    CUT,
    st.sampled_from([b"", b"\n", b"\xff", b"\0"]),
).map(lambda parts: (parts[0] + parts[1] + parts[2]).encode() + parts[3])  # fmt: skip


@given(st.lists(MESSAGES, max_size=8))
@settings(max_examples=EXAMPLES, deadline=None)
def test_messages_of_syslog_become_the_same_records(messages: list[bytes]) -> None:
    """Both standards, as they are and as they are not."""

    def read() -> bytes:
        writer = LogWriter()
        SyslogReader(NOW).add_all(writer, messages, "10.0.0.1", NOW)
        return writer.to_bytes()

    both(read)


def read_messages(messages: list[bytes]) -> bytes:
    """Return the records of messages of one sender."""
    writer = LogWriter()
    SyslogReader(NOW).add_all(writer, messages, "10.0.0.1", NOW)
    return writer.to_bytes()


def read_body(body: bytes) -> Any:
    """Return the records of a push of JSON."""
    return read_push(body, True, LineReaders(), NOW)


@pytest.mark.parametrize("size", [1, 100, 480, 960])
def test_an_element_with_a_long_name_and_many_parameters_is_written_whole(size: int) -> None:
    """The name is written once for each parameter: more than any share of the message."""
    parameters = " ".join(f'{letter}="1"' for letter in "abcdefghijklmnopqrstuvwxyz")
    message = f"<34>1 2025-11-22T10:00:00Z h a - - [{'x' * size} {parameters}] some words".encode()
    both(lambda: read_messages([message] * 3))


@pytest.mark.parametrize("seed", range(3))
def test_damaged_bytes_of_every_sender_become_the_same_records(seed: int) -> None:
    """Requests that are cut, of which bytes are others, or that hold a very long line."""
    chance = random.Random(seed)
    quoted = '\\"' * 900
    lines = [
        f"2025-11-22T10:00:00 INFO [main] trace_id={TRACE} span_id={SPAN} done", "[" * 500, "\u0130" * 300,
        f'{{"time":"2025-11-22T10:00:00Z","level":"info","msg":"a\\n{quoted}","trace_id":"{TRACE}"}}',
        f'ts=2025-11-22T10:00:00Z level=info msg="{quoted}" trace_id={TRACE} span_id={SPAN}', "x" * 70_000,
        '[2025-11-22T10:00:00.1Z] "GET /a?b=c HTTP/2" 200 - via - "-" 10 20 3 2 "1.2.3.4" "curl" "id" "shop:80" '
        '"10.0.0.1:80" outbound|80||shop.live.svc.cluster.local 1.2.3.4:5 6.7.8.9:10 [::1]:9 - default',
    ]  # fmt: skip
    for _ in range(max(EXAMPLES // 2, 3)):
        damaged = [
            _damaged(chance.choice(lines).encode(), chance) for _ in range(chance.randrange(1, 6))
        ]
        first = [b"<34>Nov 22 10:00:00 host app[1]: " + each for each in damaged]
        second = [
            _damaged(b'<34>1 - h a 1 - [x@1 a="b" c="d"] ' + each, chance) for each in damaged
        ]
        both(partial(read_messages, first + second))
        texts = [each.decode(errors="replace") for each in damaged]
        stream = {"stream": {"app": "a"}, "values": [[str(NOW), text] for text in texts]}
        body = as_json({"streams": [stream]})
        both(partial(read_body, body))


def _damaged(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(changed) + 1)
        changed[at : at + chance.randrange(3)] = chance.choice(
            [
                b"",
                b"\0",
                b"\xff",
                b"\xed\xa0\x80",
                b'"',
                b"\\",
                b"{",
                b"]",
                b" ",
                b"=",
                b"\xc5",
                b"0",
                b":",
            ]
        )
    return bytes(
        changed[: chance.randrange(len(changed) + 1)] if chance.random() < 0.4 else changed
    )


@pytest.mark.parametrize("seed", range(3))
def test_streams_of_damaged_protobuf_are_found_as_protobuf_finds_them(seed: int) -> None:
    """A cut or changed message is one that is refused, or one with the same lines."""
    chance = random.Random(seed)
    entry = b"\x12\x1a\x0a\x06\x08\x80\xea\x94\xc9\x06\x12\x03a b\x1a\x0b\x0a\x03pod\x12\x04shop"
    stream = b'\x0a\x09{app="a"}' + entry * 3
    body = b"".join(b"\x0a" + bytes([len(stream)]) + stream for _ in range(2))
    for _ in range(EXAMPLES):
        damaged = _damaged(body, chance)
        found: list[Any] = []
        for read in (protobuf_streams, packed_streams):
            try:
                with fenced():
                    found.append(list(read(damaged)))
            except (LimitExceeded, MalformedBody) as error:
                found.append(str(error))
        assert found[0] == found[1]
