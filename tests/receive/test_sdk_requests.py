"""What the Python SDK writes by hand is what the server takes without mending anything."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from debugqueue.bounded_queue import Event
from debugqueue.captured import capture
from debugqueue.otlp import read_partial_success, request_of
from debugqueue.records import Recorder
from debugqueue.scrub import Scrubber
from debugqueue.snapshot import snapshot
from tracepulse.receive.admission import admit
from tracepulse.receive.limits import SERVER_LIMITS

FLAT = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NESTED = st.recursive(
    FLAT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def request(tag: str, details: Any, severity: int = 9, error: BaseException | None = None) -> bytes:
    """Return the request of one event."""
    copy = snapshot(details)
    captured = capture(error) if error is not None else None
    event = Event(
        1_790_000_000_000_000_000, severity, tag, copy.message, copy.attributes, None,
        "/srv/app.py", "serve", 12, None, captured, copy.left_out, copy.bytes,
    )  # fmt: skip
    recorder = Recorder(Scrubber())
    records = [recorder.encoded(each) for each in recorder.scrubbed([event])]
    return request_of([("service.name", "shop")], ("debugqueue", "1"), records)


@settings(deadline=None)
@given(st.text(max_size=20), st.dictionaries(st.text(), FLAT, max_size=8))
def test_a_flat_event_is_taken_as_it_is(tag: str, details: dict[str, Any]) -> None:
    """Not a byte is changed: it goes the quick way."""
    body = request(tag, details)
    admitted = admit(body, "logs", SERVER_LIMITS)
    assert (admitted.records, dict(admitted.rejected), admitted.body) == (1, {}, body)


@settings(deadline=None)
@given(st.text(max_size=20), st.dictionaries(st.text(), NESTED, max_size=8))
def test_any_event_is_taken(tag: str, details: dict[str, Any]) -> None:
    """Lists and dicts become text at the door, and nothing is refused."""
    body = request(tag, details)
    admitted = admit(body, "logs", SERVER_LIMITS)
    assert (admitted.records, dict(admitted.rejected)) == (1, {})
    read = ExportLogsServiceRequest.FromString(body)
    assert len(read.resource_logs[0].scope_logs[0].log_records) == 1


def test_an_exception_is_taken_as_it_is() -> None:
    """Its stack is text like any other."""
    try:
        raise ValueError("no")
    except ValueError as error:
        body = request("FAILED", {"a": 1}, 17, error)
    assert admit(body, "logs", SERVER_LIMITS).body == body


@given(st.integers(0, 2**40), st.text(max_size=20))
def test_an_answer_is_read_by_hand_as_by_protobuf(rejected: int, words: str) -> None:
    """How many records a server refused."""
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = rejected
    answer.partial_success.error_message = words
    assert read_partial_success(answer.SerializeToString()) == rejected


@given(st.binary(max_size=40))
def test_an_answer_that_is_none_says_nothing(answer: bytes) -> None:
    """Bytes of any kind raise nothing."""
    assert read_partial_success(answer) >= 0
