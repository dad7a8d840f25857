"""Syslog messages of both formats, as programs really send them, and their framing over TCP."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tracepulse.receive.log_writer import LogWriter
from tracepulse.receive.syslog import SyslogReader
from tracepulse.receive.syslog_framing import MAX_MESSAGE_BYTES, Framing

RECEIVED = datetime(2024, 3, 5, 10, 0, 5, tzinfo=UTC)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def _read(message: str | bytes, reader: SyslogReader | None = None) -> tuple[dict[str, Any], Any]:
    """Return the resource and the record of one message."""
    writer = LogWriter()
    raw = message.encode() if isinstance(message, str) else message
    (reader or SyslogReader(_ns(RECEIVED))).add(writer, raw, "10.0.0.7", _ns(RECEIVED))
    (resource,) = ExportLogsServiceRequest.FromString(writer.to_bytes()).resource_logs
    (record,) = resource.scope_logs[0].log_records
    return _values(resource.resource), record


def _values(owner: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in owner.attributes
    }


AT = _ns(datetime(2024, 3, 5, 10, 0, 0, 123456, tzinfo=UTC))
WHOLE = _ns(datetime(2024, 3, 5, 10, 0, 0, tzinfo=UTC))
HERE = {"service.name": "app", "host.name": "web-1"}

MESSAGES: list[tuple[str, dict[str, Any], int, int, str, dict[str, Any]]] = [
    (
        "<165>1 2024-03-05T10:00:00.123456Z web-1 app 8710 ID47 - started",
        HERE, AT, 10, "started",
        {"syslog.facility": "local4", "process.pid": 8710, "syslog.msgid": "ID47"},
    ),
    (
        "<165>1 2024-03-05T11:00:00.123456+01:00 web-1 app worker-3 - "
        '[a@1 x="1" y="two words"][b] \ufeffstarted',
        HERE, AT, 10, "started",
        {
            "syslog.facility": "local4",
            "syslog.procid": "worker-3",
            "syslog.structured_data.a@1.x": "1",
            "syslog.structured_data.a@1.y": "two words",
        },
    ),
    (
        '<11>1 2024-03-05T10:00:00Z web-1 app - - [a@1 x="a \\"b\\" [c\\] \\\\"] it failed',
        HERE, WHOLE, 17, "it failed",
        {"syslog.facility": "user", "syslog.structured_data.a@1.x": 'a "b" [c] \\'},
    ),
    ("<14>1 - - app - - -", {"service.name": "app", "host.name": "10.0.0.7"}, _ns(RECEIVED), 9, "",
     {"syslog.facility": "user"}),
    (
        "<34>Mar  5 10:00:00 web-1 app[230]: 'su root' failed",
        HERE, WHOLE, 21, "'su root' failed",
        {"syslog.facility": "auth", "process.pid": 230},
    ),
    (
        "<30>2024-03-05T10:00:00.123456+00:00 web-1 app: ready",  # rsyslog's forward format
        HERE, AT, 9, "ready", {"syslog.facility": "daemon"},
    ),
    (
        "<13>Mar  5 10:00:00 app: without a host",  # logger to a local socket
        {"service.name": "app", "host.name": "10.0.0.7"}, WHOLE, 10, "without a host",
        {"syslog.facility": "user"},
    ),
    (
        "<13>Mar  5 10:00:00.123456 web-1 postfix/smtpd[12]: connect",
        {"service.name": "postfix/smtpd", "host.name": "web-1"}, AT, 10, "connect",
        {"syslog.facility": "user", "process.pid": 12},
    ),
    (
        "<13>Mar  5 10:00:00 web-1 a text without any tag",
        {"host.name": "web-1"}, WHOLE, 10, "a text without any tag", {"syslog.facility": "user"},
    ),
    (
        "Mar  5 10:00:00 web-1 app[7]: as files have it",
        HERE, WHOLE, 0, "as files have it", {"process.pid": 7},
    ),
    (
        "<13>1 2024-03-05T10:00:00Z web-1 app - - -  as rsyslog passes it on",
        HERE, WHOLE, 10, "as rsyslog passes it on", {"syslog.facility": "user"},
    ),
    ("<13>hello", {"host.name": "10.0.0.7"}, _ns(RECEIVED), 10, "hello",
     {"syslog.facility": "user"}),
    ("no priority at all", {"host.name": "10.0.0.7"}, _ns(RECEIVED), 0, "no priority at all", {}),
    ("<999>odd", {"host.name": "10.0.0.7"}, _ns(RECEIVED), 0, "<999>odd", {}),
    (
        "<14>1 2024-03-05T10:00:00Z web-1 app - - [not structured data",
        HERE, WHOLE, 9, "[not structured data", {"syslog.facility": "user"},
    ),
    (
        "<14>1 2024-03-05T10:00:00Z web-1 app - - one#012  at Two#011end",
        HERE, WHOLE, 9, "one\n  at Two\tend", {"syslog.facility": "user"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "resource", "time_ns", "severity", "body", "attributes"), MESSAGES
)
def test_a_message_is_read(
    message: str,
    resource: dict[str, Any],
    time_ns: int,
    severity: int,
    body: str,
    attributes: dict[str, Any],
) -> None:
    """Who wrote it, when, how grave it is, and what it says; nothing is lost of what is malformed."""
    owner, record = _read(message)
    assert resource == owner
    assert (time_ns, severity, body) == (
        record.time_unix_nano,
        record.severity_number,
        record.body.string_value,
    )
    assert attributes == _values(record)
    assert _ns(RECEIVED) == record.observed_time_unix_nano


HEAD = "<14>1 2024-03-05T10:00:00Z web-1 app - - "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"level":"error","msg":"it failed","trace_id":"{TRACE}"}}', "it failed"),
        (f'@cee: {{"level":"error","msg":"it failed","trace_id":"{TRACE}"}}', "it failed"),
        (f'level=error msg="it failed" trace_id={TRACE}', "it failed"),
        (f"ERROR: it failed trace_id={TRACE}", f"it failed trace_id={TRACE}"),
    ],
)
def test_what_the_program_wrote_is_read_like_a_line_of_a_file(text: str, expected: str) -> None:
    """JSON, logfmt and text name level and trace; the priority, a default, is kept beside it."""
    owner, record = _read(HEAD + text)
    assert (HERE, WHOLE, 17, TRACE, expected) == (
        owner,
        record.time_unix_nano,
        record.severity_number,
        record.trace_id.hex(),
        record.body.string_value,
    )
    assert _values(record)["syslog.severity"] == "info"


def test_a_trace_in_structured_data() -> None:
    """Programs that write RFC 5424 themselves put their ids there."""
    _, record = _read(
        f'<14>1 2024-03-05T10:00:00Z web-1 app - - [o@1 trace_id="{TRACE}" span_id="{SPAN}"] hi'
    )
    assert (TRACE, SPAN) == (record.trace_id.hex(), record.span_id.hex())


def test_a_time_without_a_zone_is_taken_where_it_is_nearest_to_receipt() -> None:
    """Old senders write their local time; it is this machine's zone or UTC."""
    reader = SyslogReader(_ns(RECEIVED), timezone(timedelta(hours=2)))
    _, local = _read("<34>Mar  5 12:00:00 web-1 app: hi", reader)
    _, universal = _read("<34>Mar  5 10:00:00 web-1 app: hi", reader)
    assert (WHOLE, WHOLE) == (local.time_unix_nano, universal.time_unix_nano)


def test_the_year_turns_while_the_server_runs() -> None:
    """A reader made in March completes January's times with the next year."""
    reader = SyslogReader(_ns(RECEIVED))
    writer = LogWriter()
    later = datetime(2025, 1, 2, 0, 0, 1, tzinfo=UTC)
    reader.add(writer, b"<34>Jan  2 00:00:00 web-1 app: hi", "10.0.0.7", _ns(later))
    (resource,) = ExportLogsServiceRequest.FromString(writer.to_bytes()).resource_logs
    record: LogRecord = resource.scope_logs[0].log_records[0]
    assert _ns(later - timedelta(seconds=1)) == record.time_unix_nano


def test_a_cut_message_says_so() -> None:
    """The beginning of what is too long is kept."""
    _, record = _read(b"<14>" + b"x" * MAX_MESSAGE_BYTES)
    assert len(record.body.string_value) == MAX_MESSAGE_BYTES - 4
    assert _values(record)["tracepulse.cut_at_bytes"] == MAX_MESSAGE_BYTES


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_message_or_nothing(data: bytes) -> None:
    """Whatever comes, reading it raises nothing and makes one record at most."""
    writer = LogWriter()
    SyslogReader(_ns(RECEIVED)).add(writer, data, "10.0.0.7", _ns(RECEIVED))
    assert writer.records <= 1


LINES = [b"<34>one", b"<34>two words", b"three", b"<34>1 - - - - - - four"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "stream",
    [
        b"".join(line + b"\n" for line in LINES),
        b"".join(line + b"\r\n" for line in LINES),
        b"".join(line + b"\0" for line in LINES),
        b"".join(b"%d %s" % (len(line), line) for line in LINES),
        b"".join(b"%d %s\n" % (len(line), line) for line in LINES),
        b"\n".join(LINES),
    ],
    ids=["lines", "crlf", "nul", "counted", "counted-lines", "unfinished"],
)
def test_framings_however_they_are_cut(stream: bytes, size: int) -> None:
    """The messages are the same, wherever the network cut the stream."""
    framing = Framing()
    found = [
        message
        for at in range(0, len(stream), size)
        for message in framing.feed(stream[at : at + size])
    ]
    found += framing.finish()
    assert LINES == [message.rstrip(b"\r") for message in found]


@pytest.mark.parametrize("size", [1000, 70_000, 1_000_000])
def test_a_message_that_is_too_long_is_cut_and_the_next_one_read(size: int) -> None:
    """In both framings; no more than one message is held."""
    long, after = b"<34>" + b"x" * 200_000, b"<34>after"
    for stream in (
        long + b"\n" + after + b"\n",
        b"%d %s%d %s" % (len(long), long, len(after), after),
    ):
        framing = Framing()
        found = [
            message
            for at in range(0, len(stream), size)
            for message in framing.feed(stream[at : at + size])
        ]
        assert [MAX_MESSAGE_BYTES + 1, len(after)] == [len(message) for message in found]
        assert framing.finish() == []


def test_counts_that_stop_being_counts() -> None:
    """What is no count where one must stand is read as lines: nothing is thrown away."""
    framing = Framing()
    assert [b"<34>one", b"<34>two"] == framing.feed(b"7 <34>one<34>two\n")
    assert [b"12345678901 x"] == Framing().feed(b"12345678901 x\n")


@given(st.lists(st.binary(max_size=40), max_size=12))
@settings(max_examples=150, deadline=None)
def test_any_stream_is_bounded(chunks: list[bytes]) -> None:
    """Whatever comes, framing raises nothing and makes up nothing."""
    framing = Framing()
    found = [message for chunk in chunks for message in framing.feed(chunk)] + framing.finish()
    assert sum(map(len, found)) <= sum(map(len, chunks))
