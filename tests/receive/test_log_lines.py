"""Log files of many layouts: times, levels, traces, folding, and no line lost."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tracepulse.receive.log_lines import (
    MAX_LINE_BYTES,
    LogReader,
    LogSource,
    LogTally,
    read_log_file,
)

REFERENCE = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


SOURCE = LogSource(_ns(REFERENCE))


def _records(text: str | bytes, tally: LogTally | None = None) -> list[LogRecord]:
    data = text.encode() if isinstance(text, str) else text
    return [
        record
        for request in read_log_file(io.BytesIO(data), SOURCE, tally)
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def _attributes(record: LogRecord) -> dict[str, Any]:
    return {
        a.key: getattr(a.value, a.value.WhichOneof("value") or "string_value")
        for a in record.attributes
    }


def _at(*parts: int, offset_h: float = 0) -> int:
    *civil, micros = parts
    zone = timezone(timedelta(hours=offset_h))
    return _ns(datetime(*civil, microsecond=micros, tzinfo=zone))  # type: ignore[misc,arg-type]


LAYOUTS: list[tuple[str, int, int, str, dict[str, Any]]] = [
    (
        "2024-03-04T05:06:07.123456Z INFO started",
        _at(2024, 3, 4, 5, 6, 7, 123456), 9, "started", {},
    ),
    (
        "2024-03-04 05:06:07,123 - shop.cart - WARNING - stock is low",
        _at(2024, 3, 4, 5, 6, 7, 123000), 13, "stock is low", {"log.logger": "shop.cart"},
    ),
    (
        "2024-03-04 05:06:07,123 ERROR [shop.cart] [cart.py:42] "
        f"[trace_id={TRACE} span_id={SPAN} resource.service.name=cart trace_sampled=True] - no",
        _at(2024, 3, 4, 5, 6, 7, 123000), 17, "no",
        {"log.logger": "shop.cart", "code.file.path": "cart.py", "code.line.number": 42},
    ),
    (
        "2024-03-04T05:06:07.123+02:00  INFO 71 --- [           main] c.e.demo.App   : Started",
        _at(2024, 3, 4, 5, 6, 7, 123000, offset_h=2), 9, "Started",
        {"process.pid": 71, "thread.name": "main", "log.logger": "c.e.demo.App"},
    ),
    (
        "05:06:07.123 [http-nio-8080-exec 1] DEBUG c.e.demo.App - Got it",
        _at(2024, 3, 5, 5, 6, 7, 123000), 5, "Got it",
        {"thread.name": "http-nio-8080-exec 1", "log.logger": "c.e.demo.App"},
    ),
    (
        "[2024-03-04 05:06:07.123] [error] cannot open",
        _at(2024, 3, 4, 5, 6, 7, 123000), 17, "cannot open", {},
    ),
    (
        "INFO 2024-03-04 05:06:07 ready",
        _at(2024, 3, 4, 5, 6, 7, 0), 9, "ready", {},
    ),
    (
        "2024/03/04 05:06:07 listening on :8080",
        _at(2024, 3, 4, 5, 6, 7, 0), 0, "listening on :8080", {},
    ),
    (
        "2024/03/04 05:06:07 [error] 31#31: *1 connect() failed",
        _at(2024, 3, 4, 5, 6, 7, 0), 17, "31#31: *1 connect() failed", {},
    ),
    (
        "24/03/04 05:06:07 WARN storage.BlockManager: full",
        _at(2024, 3, 4, 5, 6, 7, 0), 13, "full", {"log.logger": "storage.BlockManager"},
    ),
    (
        '1.2.3.4 - ann [04/Mar/2024:05:06:07 +0100] "GET /a?b=1 HTTP/1.1" 503 12',
        _at(2024, 3, 4, 5, 6, 7, 0, offset_h=1), 0, '"GET /a?b=1 HTTP/1.1" 503 12',
        {"http.request.method": "GET", "url.original": "/a?b=1", "http.response.status_code": 503},
    ),
    (
        "[Mon Mar 04 05:06:07.123456 2024] [core:error] [pid 5] AH00124: loop",
        _at(2024, 3, 4, 5, 6, 7, 123456), 0, "[core:error] [pid 5] AH00124: loop", {},
    ),
    (
        "Mar  4 05:06:07 host1 sshd[24200]: error: timed out",
        _at(2024, 3, 4, 5, 6, 7, 0), 17, "error: timed out",
        {"host.name": "host1", "process.executable.name": "sshd", "process.pid": 24200},
    ),
    (
        "Dec 31 05:06:07 host1 cron[1]: last year",
        _at(2023, 12, 31, 5, 6, 7, 0), 0, "last year",
        {"host.name": "host1", "process.executable.name": "cron", "process.pid": 1},
    ),
    (
        "E0304 05:06:07.123456    1234 server.go:77] no route",
        _at(2024, 3, 4, 5, 6, 7, 123456), 17, "no route",
        {"process.pid": 1234, "code.file.path": "server.go", "code.line.number": 77},
    ),
    ("1709528767 WARN late", _at(2024, 3, 4, 5, 6, 7, 0), 13, "late", {}),
    ("1709528767123 WARN late", _at(2024, 3, 4, 5, 6, 7, 123000), 13, "late", {}),
    (
        "2024-03-04 05:06:07, Info                  CBS    Loaded",
        _at(2024, 3, 4, 5, 6, 7, 0), 9, "CBS    Loaded", {},
    ),
    (
        "240304 050607 35 INFO dfs.FSNamesystem: added",
        _at(2024, 3, 4, 5, 6, 7, 0), 9, "added",
        {"process.pid": 35, "log.logger": "dfs.FSNamesystem"},
    ),
    (
        "20240304-05:06:07:123|Step_LSC|30002312|moved",
        _at(2024, 3, 4, 5, 6, 7, 123000), 0, "Step_LSC|30002312|moved", {},
    ),
    (
        "2024-03-04 05:06:07.123|ERROR|svc|boom",
        _at(2024, 3, 4, 5, 6, 7, 123000), 17, "svc|boom", {},
    ),
    (
        "[2024-03-04 05:06:07.123][1][warning][main] [source/server.cc:412] slow",
        _at(2024, 3, 4, 5, 6, 7, 123000), 13, "[main] [source/server.cc:412] slow",
        {"process.pid": 1},
    ),
    (
        "2024-03-04T05:06:07.003Z host1 app1[77]: ready",
        _at(2024, 3, 4, 5, 6, 7, 3000), 0, "ready",
        {"host.name": "host1", "process.executable.name": "app1", "process.pid": 77},
    ),
    (
        "I, [2024-03-04T05:06:07.123456 #77]  INFO -- : Started GET",
        _at(2024, 3, 4, 5, 6, 7, 123456), 9, "Started GET", {},
    ),
    (
        'time="2024-03-04T05:06:07Z" level=warning msg="slow \\"query\\"" ms=12',
        _at(2024, 3, 4, 5, 6, 7, 0), 13, 'slow "query"', {"ms": "12"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "time", "severity", "body", "attributes"), LAYOUTS)
@pytest.mark.parametrize("repeat", [1, 30])
def test_layouts(
    line: str, time: int, severity: int, body: str, attributes: dict[str, Any], repeat: int
) -> None:
    """Time, level, message and parts of the header are found, in one line and in many."""
    records = _records(f"{line}\n" * repeat)
    assert repeat == len(records)
    for record in records:
        found = _attributes(record)
        original = found.pop("log.record.original", None)
        expected = (time, severity, body, attributes)
        assert expected == (
            record.time_unix_nano, record.severity_number, record.body.string_value, found
        )  # fmt: skip
        assert original == (None if line.startswith("time=") else line)


def test_an_epoch_number_is_believed_over_a_local_time_beside_it() -> None:
    """Of several times the one that needs no zone counts; the level may stand far on."""
    line = (
        "- 1709528767 2024.03.04 R02-M1 2024-03-03-21.06.07.123456 R02-M1 RAS KERNEL FATAL parity"
    )
    for record in _records(f"{line}\n" * 10):
        assert _at(2024, 3, 4, 5, 6, 7, 0) == record.time_unix_nano
        assert (21, "parity") == (record.severity_number, record.body.string_value)


JSON_LINES: list[tuple[dict[str, Any], int | None, int, str, dict[str, Any]]] = [
    (
        {"@timestamp": "2024-03-04T05:06:07.123Z", "log": {"level": "error"}, "message": "m",
         "service": {"name": "cart"}, "trace": {"id": TRACE}, "span": {"id": SPAN}, "n": 1},
        123_000_000, 17, "m", {"n": 1},
    ),
    ({"level": 40, "time": 1709528767123, "msg": "m", "a": {"b": True}}, 123_000_000, 13, "m",
     {"a.b": True}),
    ({"ts": 1709528767.5, "level": "info", "msg": "m"}, 500_000_000, 9, "m", {}),
    ({"instant": {"epochSecond": 1709528767, "nanoOfSecond": 9}, "level": "DEBUG",
      "message": "m"}, 9, 5, "m", {}),
    ({"log": "05:06:07 WARN m\n", "stream": "stderr", "time": "2024-03-04T05:06:07.2Z"}, None, 13,
     "m", {"log.record.original": "05:06:07 WARN m"}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "fraction", "severity", "body", "attributes"), JSON_LINES)
def test_json_lines(
    fields: dict[str, Any], fraction: int | None, severity: int, body: str,
    attributes: dict[str, Any],
) -> None:  # fmt: skip
    """Fields of the usual JSON loggers give time, level and message; the rest are attributes."""
    (record,) = _records(json.dumps(fields))
    if fraction is not None:
        assert _at(2024, 3, 4, 5, 6, 7, 0) + fraction == record.time_unix_nano
    assert (severity, body) == (record.severity_number, record.body.string_value)
    assert attributes == _attributes(record)
    assert record.trace_id.hex() == (TRACE if "trace" in fields else "")


def test_a_service_named_in_a_line_is_its_resource() -> None:
    """Records are grouped by the service that they name."""
    text = "".join(json.dumps({"time": 1709528767, "msg": "m", "service": s}) + "\n" for s in "aba")
    (request,) = read_log_file(io.BytesIO(text.encode()), SOURCE)
    assert [("a", 2), ("b", 1)] == [
        (r.resource.attributes[0].value.string_value, len(r.scope_logs[0].log_records))
        for r in request.resource_logs
    ]


@pytest.mark.parametrize(
    "mention",
    [
        f"trace_id={TRACE} span_id={SPAN}",
        f"TraceID: {TRACE} SpanID: {SPAN} done",
        f'{{\\"traceId\\": \\"{TRACE}\\", \\"spanId\\": \\"{SPAN}\\"}}',
    ],
)
def test_a_trace_named_in_text_is_found(mention: str) -> None:
    """A line that names its trace and span belongs to them."""
    (record,) = _records(f"2024-03-04 05:06:07 INFO x {mention}")
    assert (TRACE, SPAN) == (record.trace_id.hex(), record.span_id.hex())


JAVA = """\
2024-03-04 05:06:07,123 ERROR [main] c.e.App: failed
java.lang.IllegalStateException: no stock
\tat c.e.Cart.take(Cart.java:10)
\tat c.e.App.main(App.java:3)
Caused by: java.io.IOException: gone
\t... 2 more
2024-03-04 05:06:08,000 INFO [main] c.e.App: goes on
"""
PYTHON = """\
2024-03-04 05:06:07,123 ERROR shop.cart: failed
Traceback (most recent call last):
  File "cart.py", line 3, in take
    raise KeyError(1)
KeyError: 1

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "cart.py", line 5, in take
    raise Gone()
shop.Gone

2024-03-04 05:06:08,000 INFO shop.cart: goes on
"""


@pytest.mark.parametrize(("text", "folded", "blank"), [(JAVA, 5, 0), (PYTHON, 11, 1)])
def test_stack_traces_are_folded_into_their_record(text: str, folded: int, blank: int) -> None:
    """A stack trace belongs to the line before it, whole, and is no record of its own."""
    tally = LogTally()
    failed, on = _records(text, tally)
    lines = text.rstrip("\n").split("\n")
    stack = "\n".join(lines[1 : 1 + folded])
    assert f"failed\n{stack}" == failed.body.string_value
    assert "goes on" == on.body.string_value
    assert (2, folded, blank) == (tally.records, tally.folded, tally.blank)


def test_lines_without_a_time_take_that_of_the_line_before() -> None:
    """A line with no header is a record still, dated by the one before, and says so."""
    first, second, third = _records("hello\n2024-03-04 05:06:07 INFO a\nplain words\n")
    assert SOURCE.reference_unix_ns == first.time_unix_nano
    assert "reading" == _attributes(first)["tracepulse.time_from"]
    assert second.time_unix_nano == third.time_unix_nano
    assert ("plain words", "line before") == (
        third.body.string_value, _attributes(third)["tracepulse.time_from"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["line 1790000001000000000", "1790000001000000000", "2024-03-04T05:06:07Z INFO", "[INFO]"],
)
def test_a_line_that_is_a_header_alone_is_its_own_message(line: str) -> None:
    """No record is without a text; what the header says is known all the same."""
    (record,) = _records(line + "\n")
    assert line == record.body.string_value
    assert "log.record.original" not in _attributes(record)


def test_a_level_in_mid_sentence_is_not_taken_for_one() -> None:
    """Only a word in the level's place is a level."""
    lines = [f"2024-03-04 05:06:07 the {word} of line {n}" for n, word in enumerate("abcdefgh")]
    lines.append("2024-03-04 05:06:07 got error while reading")
    assert {0} == {record.severity_number for record in _records("\n".join(lines))}


def test_a_layout_seen_late_is_learnt() -> None:
    """A file that begins with odd lines, and comes line by line, is still read right after."""
    reader = LogReader(SOURCE)
    lines = [b"2024-03-04 05:06:07,100 booting"]
    lines += [b"2024-03-04 05:06:07,%03d WARN [main] c.e.App: n" % n for n in range(20)]
    records = [
        record
        for line in lines
        for requests in (reader.read([line]), reader.finish())
        for request in requests
        for record in request.resource_logs[0].scope_logs[0].log_records
    ]
    assert len(lines) == len(records)
    assert {13} == {record.severity_number for record in records[10:]}


def test_split_lines_of_a_container_runtime_are_joined() -> None:
    """A line that CRI split in parts is one record again."""
    head = "2024-03-04T05:06:07.000000001Z stdout"
    (record,) = _records(f"{head} P one \n{head} P two \n{head} F three\n")
    assert "one two three" == record.body.string_value
    assert _at(2024, 3, 4, 5, 6, 7, 0) + 1 == record.time_unix_nano


def test_long_and_undecodable_lines_are_kept_bounded_and_counted() -> None:
    """A line past the limit is cut, bad bytes are replaced, and both are counted."""
    tally = LogTally()
    good = b"2024-03-04 05:06:07 INFO a\n"
    long_line = b"2024-03-04 05:06:08 INFO " + b"x" * (3 * MAX_LINE_BYTES) + b"\n"
    records = _records(good + long_line + b"2024-03-04 05:06:09 INFO \xff\xfe!\r\n", tally)
    assert ["a", "\ufffd\ufffd!"] == [records[i].body.string_value for i in (0, 2)]
    assert MAX_LINE_BYTES > len(records[1].body.string_value) > MAX_LINE_BYTES - 100
    assert (3, 3, 1, 1) == (tally.lines, tally.records, tally.cut, tally.undecodable)


def test_batches_are_bounded() -> None:
    """A large file comes in requests of about 1 MiB at most, in order."""
    text = "".join(f"2024-03-04 05:06:07 INFO n{n} {'x' * 500}\n" for n in range(5000)).encode()
    requests = list(read_log_file(io.BytesIO(text), SOURCE))
    assert max(request.ByteSize() for request in requests) <= 1024 * 1024
    bodies = [
        record.body.string_value.split()[0]
        for request in requests
        for record in request.resource_logs[0].scope_logs[0].log_records
    ]
    assert [f"n{n}" for n in range(5000)] == bodies


LINE = st.one_of(
    st.binary(max_size=80).filter(lambda raw: b"\n" not in raw),
    st.sampled_from([layout[0].encode() for layout in LAYOUTS]),
    st.sampled_from(
        [b"", b"  at x", b"{", b'{"msg": 1, "time": {}}', b'{"time": 1e400, "msg": 0}']
    ),
    st.sampled_from([b"2024-13-45 99:99:99 INFO x", b"Feb 30 01:01:01 a b: c", b"[" * 70]),
)


@pytest.mark.parametrize("piece", ["x", "[", "a ", "a=", 'a="', "a.A", "1", "[a[b] ", "a.b$", "{"])
def test_a_long_hostile_line_costs_no_more_than_its_length(piece: str) -> None:
    """No pattern goes back and forth over a line: with one that did, this would take minutes."""
    line = (piece * MAX_LINE_BYTES)[: MAX_LINE_BYTES - 100]
    text = "".join(f"{start}{line}\n" for start in ("2024-03-04 05:06:07 INFO a\n", "", "INFO "))
    assert 4 == len(_records(text))


@settings(deadline=None, max_examples=150)
@given(st.lists(LINE, max_size=30))
def test_every_line_is_accounted_for(lines: list[bytes]) -> None:
    """Whatever the lines, nothing is raised and each is a record, a continuation, or blank."""
    tally = LogTally()
    records = _records(b"\n".join(lines), tally)
    assert tally.records == len(records)
    assert tally.lines == tally.records + tally.folded + tally.blank
    assert tally.lines in (len(lines), len(lines) - 1)
