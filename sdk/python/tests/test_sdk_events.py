"""What a call says arrives as an OpenTelemetry log record: tag, level, details, place, exception."""

import gc
import os
import sys
import threading
import weakref
from typing import Any

import pytest

from debugqueue import Client


def test_an_event_arrives_as_a_log_record(sink: Any, client: Client, read: Any) -> None:
    """Tag is the event's name and its body; details are attributes; the place is the caller's."""
    client.log("SESSION_DROP", {"details": "timeout", "attempt": 3, "ratio": 0.5, "last": True})
    line = sys._getframe().f_lineno - 1
    (record,) = sink.wait_for(1)
    assert record.event_name == "SESSION_DROP"
    assert record.body.string_value == "SESSION_DROP"
    assert (record.severity_number, record.severity_text) == (9, "INFO")
    attributes = read(record)
    assert attributes.pop("code.file.path") == __file__
    assert attributes.pop("code.function.name").endswith("test_an_event_arrives_as_a_log_record")
    assert attributes.pop("code.line.number") == line
    assert attributes == {"details": "timeout", "attempt": 3, "ratio": 0.5, "last": True}
    assert record.time_unix_nano == record.observed_time_unix_nano > 1_700_000_000 * 10**9
    scope = sink.requests[0].resource_logs[0].scope_logs[0].scope
    assert scope.name == "debugqueue"


@pytest.mark.parametrize(
    ("level", "severity"),
    [("debug", 5), ("info", 9), ("warning", 13), ("error", 17), ("fatal", 21)],
)
def test_each_level_has_a_word(sink: Any, client: Client, level: str, severity: int) -> None:
    """A level is a method and a word of `log`, and becomes OpenTelemetry's severity."""
    getattr(client, level)("A")
    client.log("B", level=level)
    assert [each.severity_number for each in sink.wait_for(2)] == [severity, severity]


def test_levels_below_the_lowest_are_ignored(sink: Any) -> None:
    """What is below the level that was set leaves nothing, not even a count."""
    client = Client(endpoint=sink.url, level="warning")
    client.info("A")
    client.log("B", level=20)
    client.warning("C")
    assert client.flush()
    assert [each.event_name for each in sink.records()] == ["C"]
    assert client.counts().created == 1
    client.shutdown()


def test_a_text_in_place_of_details_is_the_message(sink: Any, client: Client, read: Any) -> None:
    """A text, or `message` among the details, is the body; further names are details."""
    client.log("A", "it took too long", user="u1")
    client.log("B", {"message": "gone", "user": "u2"})
    first, second = sink.wait_for(2)
    assert (first.body.string_value, read(first)["user"]) == ("it took too long", "u1")
    assert (second.body.string_value, read(second)["user"]) == ("gone", "u2")
    assert "message" not in read(first)
    assert "message" not in read(second)


def test_nested_details_are_flattened_by_one_level(sink: Any, client: Client, read: Any) -> None:
    """A dict among the details gives names with a dot; what is deeper stays nested."""
    client.log("A", {"user": {"id": 7, "tags": ["a", 1, {"b": None}]}, "empty": {}, "list": [1]})
    (record,) = sink.wait_for(1)
    attributes = {k: v for k, v in read(record).items() if not k.startswith("code.")}
    assert attributes == {
        "user.id": 7,
        "user.tags": ["a", 1, {"b": None}],
        "empty": {},
        "list": [1],
    }


def test_details_are_copied_before_the_call_returns(sink: Any, client: Client, read: Any) -> None:
    """What the caller changes afterwards changes nothing of the event."""
    details: Any = {"items": [1], "name": "a"}
    client.log("A", details)
    details["items"].append(2)
    details["name"] = "b"
    (record,) = sink.wait_for(1)
    assert (read(record)["items"], read(record)["name"]) == ([1], "a")


def test_an_exception_arrives_with_its_stack_and_cause(
    sink: Any, client: Client, read: Any
) -> None:
    """The exception that is being handled is captured, with what caused it."""
    try:
        try:
            os.environ["NOT_THERE"]
        except KeyError as error:
            raise ValueError("no such thing") from error
    except ValueError:
        client.exception("LOOKUP", {"user": "u1"})
    (record,) = sink.wait_for(1)
    attributes = read(record)
    assert record.severity_number == 17
    assert attributes["exception.type"] == "ValueError"
    assert attributes["exception.message"] == "no such thing"
    stack = attributes["exception.stacktrace"]
    assert "KeyError: 'NOT_THERE'" in stack
    assert "The above exception was the direct cause" in stack
    assert stack.endswith("ValueError: no such thing")
    assert f'File "{__file__}"' in stack


def test_an_exception_may_be_given(sink: Any, client: Client, read: Any) -> None:
    """As the only argument, by name, or among the details."""
    error = RuntimeError("x")
    client.exception(error)
    client.exception("B", error=error)
    client.error("C", {"why": error, "user": 1})
    first, second, third = sink.wait_for(3)
    assert first.event_name == "RuntimeError"
    assert [read(each)["exception.message"] for each in (first, second, third)] == ["x"] * 3
    assert read(third)["user"] == 1


def test_a_deep_stack_keeps_its_ends(sink: Any, client: Client, read: Any) -> None:
    """Of a thousand frames the outermost ten and the innermost forty are kept."""

    def down(depth: int) -> None:
        if depth == 0:
            raise ValueError("bottom")
        down(depth - 1)

    try:
        down(300)
    except ValueError as error:
        client.exception("DEEP", error=error)
    (record,) = sink.wait_for(1)
    stack = read(record)["exception.stacktrace"]
    assert stack.count("  File ") == 50
    assert "frames left out" in stack


def test_an_event_keeps_nothing_of_the_host_alive(client: Client) -> None:
    """Neither the locals of a traceback's frames nor the objects among the details."""

    class Large:
        pass

    def fail() -> "weakref.ref[Large]":
        large = Large()
        reference = weakref.ref(large)
        try:
            raise ValueError("x")
        except ValueError:
            client.exception("A", {"large": large})
        return reference

    reference = fail()
    gc.collect()
    assert reference() is None


def test_what_is_bound_goes_along(sink: Any, client: Client, read: Any) -> None:
    """Bound details are part of every event until the binding ends; an event's own come first."""
    with client.bind(user="u1", tier="gold"):
        client.log("A", {"tier": "silver"})
        with client.bind({"step": 2}):
            client.log("B")
    client.log("C")
    first, second, third = sink.wait_for(3)
    assert (read(first)["user"], read(first)["tier"]) == ("u1", "silver")
    assert (read(second)["user"], read(second)["step"]) == ("u1", 2)
    assert "user" not in read(third)


def test_what_is_bound_stays_in_its_thread(sink: Any, client: Client, read: Any) -> None:
    """Another thread starts without it."""
    with client.bind(user="u1"):
        thread = threading.Thread(target=client.log, args=("A",))
        thread.start()
        thread.join()
    assert "user" not in read(sink.wait_for(1)[0])


def test_attributes_past_the_limits_are_left_out_and_counted(
    sink: Any, client: Client, read: Any
) -> None:
    """Sixty-four attributes, eight thousand characters a text, thirty-two thousand an event."""
    client.log("MANY", {f"a{n}": n for n in range(100)})
    client.log("LONG", {"text": "x" * 1_000_000})
    client.log("MUCH", {f"t{n}": "y" * 8000 for n in range(60)})
    many, long, much = sink.wait_for(3)
    assert len(many.attributes) == 64 + 3
    assert many.dropped_attributes_count == 36
    assert len(read(long)["text"]) == 8192
    assert read(long)["text"].endswith("…")
    assert sum(len(str(value)) for value in read(much).values()) < 34_000
    assert much.dropped_attributes_count > 50


def test_the_resource_says_what_runs(sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Service, version, commit, environment, process: from arguments and the environment."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-environment")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,service.version=1.2")
    monkeypatch.setenv("GIT_COMMIT", "abc123")
    client = Client(endpoint=sink.url, environment="test")
    client.log("A")
    assert client.flush()
    resource = sink.resource()
    assert resource["service.name"] == "from-environment"
    assert resource["service.version"] == "1.2"
    assert resource["vcs.ref.head.revision"] == "abc123"
    assert resource["deployment.environment.name"] == "test"
    assert resource["team"] == "a b"
    assert resource["telemetry.sdk.name"] == "debugqueue"
    assert resource["process.runtime.name"] == sys.implementation.name
    assert len(resource["service.instance.id"]) == 36
    client.shutdown()


def test_the_span_is_opentelemetrys(sink: Any, client: Client) -> None:
    """An event within a span of OpenTelemetry carries its ids and flags; outside of one, none."""
    trace = pytest.importorskip("opentelemetry.trace")
    context = trace.SpanContext(0xABC, 0xDEF, False, trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(context)):
        client.log("A")
    client.log("B")
    inside, outside = sink.wait_for(2)
    assert inside.trace_id.hex() == f"{0xABC:032x}"
    assert inside.span_id.hex() == f"{0xDEF:016x}"
    assert inside.flags == 1
    assert outside.trace_id == b""
