"""Never raises into its host, whatever it is called with."""

import atexit
import decimal
import enum
import sys
import uuid
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from debugqueue import Client
from debugqueue.guard import faults
from debugqueue.snapshot import snapshot


class Hostile:
    """Raises, whatever is asked of it."""

    def _no(self, *_: Any) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __iter__ = __len__ = __bool__ = __eq__ = __getattr__ = __format__ = _no
    __hash__ = _no
    __class__ = property(_no)


class HostileText(str):
    """A text that raises when it is used as one."""

    __slots__ = ()

    def _no(self, *_: Any) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __len__ = __getitem__ = encode = isascii = __format__ = _no  # type: ignore[assignment]


class HostileDict(dict):  # type: ignore[type-arg]
    """A dict that raises when it is read."""

    def _no(self, *_: Any) -> Any:
        raise RuntimeError("hostile")

    __iter__ = __len__ = __getitem__ = items = keys = values = copy = __repr__ = _no


class HostileError(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("hostile")


class Meta(type):
    """A class that lies about its name."""

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError("hostile")


class Lying(metaclass=Meta):
    """Of a class that lies."""


class Colour(enum.Enum):
    """Some members."""

    RED = 1


class Number(enum.IntEnum):
    """Members that are numbers."""

    ONE = 1


def endless() -> Any:
    """Return a list that holds itself."""
    loop: list[Any] = []
    loop.append(loop)
    return loop


def deep() -> Any:
    """Return a dict in a dict, two hundred times."""
    outer: Any = {}
    for _ in range(200):
        outer = {"inner": outer}
    return outer


ODD = [
    Hostile(), HostileText("abc"), HostileDict(a=1), HostileError(), Lying(), Lying, endless(), deep(),
    float("nan"), float("-inf"), 10**5000, -(2**63), 2**63, "\ud800", "x" * 10**6, b"x" * 1000,
    object(), Ellipsis, NotImplemented, lambda: 0, (n for n in range(3)), {1, 2}, frozenset({1}),
    Colour.RED, Number.ONE, uuid.UUID(int=1), decimal.Decimal("1e999"), PurePosixPath("/a"),
    datetime(2026, 1, 1, tzinfo=timezone.utc), memoryview(b"ab"), type, sys, 1j, range(10**9),
    {Ellipsis: 1, 2: 3, None: 4, HostileText("k"): 5}, "\x00", "", None, True, -0.0,
]  # fmt: skip
VALUES = st.recursive(
    st.integers(0, len(ODD) - 1).map(lambda number: ODD[number])
    | st.text()
    | st.integers()
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=4)
        | st.tuples(inner)
    ),
    max_leaves=8,
)


def call_everything(client: Client, tag: Any, details: Any, level: Any) -> None:
    """Make every call with the same arguments."""
    client.log(tag, details, level)
    client.log(details, tag, details)
    client.debug(tag, details, a=details)
    client.info(tag, details)
    client.warning(details, tag)
    client.error(tag, details, b=tag)
    client.fatal(tag)
    client.exception(tag, details)
    client.exception(tag, details, details)
    with client.bind(details, c=tag):
        client.log(tag)


@pytest.fixture
def waiting() -> Any:
    """Give a client whose events go nowhere for now."""
    made = Client(endpoint="http://127.0.0.1:9", flush_interval_s=3600)
    made._open()
    made._queue.on_first = None
    yield made
    atexit.unregister(made._end)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(VALUES, VALUES, VALUES)
def test_no_argument_makes_a_call_raise(
    waiting: Client, tag: Any, details: Any, level: Any
) -> None:
    """Hostile objects, cycles, huge and broken values, in every place of every call."""
    call_everything(waiting, tag, details, level)
    assert waiting._queue.bytes <= 4 * 1024 * 1024


@pytest.mark.slow
@settings(
    max_examples=10_000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(VALUES, VALUES, VALUES)
def test_no_argument_makes_a_hundred_thousand_calls_raise(
    waiting: Client, tag: Any, details: Any, level: Any
) -> None:
    """The long form."""
    call_everything(waiting, tag, details, level)


@pytest.mark.parametrize("number", range(len(ODD)))
def test_every_odd_value_arrives_as_something(
    sink: Any, client: Client, number: int, read: Any
) -> None:
    """What was given stands in the record in some form, beside what is ordinary."""
    value = ODD[number]  # pytest itself would stumble over some of them
    client.log("A", {"odd": value, "nested": {"list": [value]}, "plain": 1})
    (record,) = sink.wait_for(1)
    assert read(record)["plain"] == 1
    assert client.counts().dropped == {}


def test_no_code_of_the_hosts_objects_is_run() -> None:
    """An object stands by its class; its methods may be slow, so none is called."""
    ran = []

    class Slow:
        def __repr__(self) -> str:
            ran.append("repr")
            return ""

        __str__ = __repr__

        def __getattribute__(self, name: str) -> Any:
            ran.append(name)
            return object.__getattribute__(self, name)

        def __hash__(self) -> int:
            ran.append("hash")
            return 1

    key = Slow()
    details = {"a": Slow(), "b": [Slow(), {"c": Slow()}], key: 1}
    ran.clear()
    copy = snapshot(details)
    assert ran == []
    assert copy.attributes["a"].endswith("Slow>")


def test_a_fault_of_the_sdk_itself_is_swallowed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, and invisible to the host."""
    monkeypatch.setattr(faults, "raised", False)
    before = faults.swallowed
    client.log("A")
    assert client.flush(5)
    with monkeypatch.context() as broken:
        broken.setattr(client, "_queue", None)
        call_everything(client, "A", {"a": 1}, "info")
        assert client.flush() is False
    assert faults.swallowed > before + 5
    faults.swallowed = before


class Leaving(Exception):
    """Ends the programme when it is asked for its message, and hides where it comes from."""

    def __str__(self) -> str:
        raise SystemExit(3)

    def _no(self) -> Any:
        raise RuntimeError("hostile")

    __cause__ = __traceback__ = __context__ = property(_no)
    __suppress_context__ = property(_no)


def test_an_exception_that_ends_programmes_is_told_like_any(sink: Any, client: Client) -> None:
    """Its class stands in the record; the host goes on."""
    client.exception(Leaving())
    client.log("A", {"error": Leaving()})
    records = sink.wait_for(2)
    assert [each.event_name.rpartition(".")[2] for each in records] == ["Leaving", "A"]


def test_what_is_thrown_into_the_exporters_thread_does_not_end_it(
    sink: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that raises SystemExit in every thread loses a batch at most."""
    monkeypatch.setattr(faults, "raised", False)
    before = faults.swallowed
    client.log("A")
    assert client.flush(5)
    exporter = client._exporter
    assert exporter is not None
    thrown: list[int] = []

    def throw() -> None:
        if not thrown:
            thrown.append(1)
            raise SystemExit
        original()

    original = exporter._gather
    with monkeypatch.context() as broken:
        broken.setattr(exporter, "_gather", throw)
        client.log("B")
        assert client.flush(5)
    assert [each.event_name for each in sink.records()] == ["A", "B"]
    assert thrown == [1]
    assert faults.swallowed == before + 1
    faults.swallowed = before


def test_calls_at_the_end_of_the_stack_do_not_raise_more(client: Client) -> None:
    """A host that is about to overflow gets its own error, from its own frame."""
    faults.raised = False
    before = faults.swallowed

    def down() -> None:
        client.log("A", {"a": 1})
        down()

    with pytest.raises(RecursionError):
        down()
    client.log("B")
    assert client.flush(5)
    faults.swallowed = before


def test_calls_before_and_after_everything_are_harmless(sink: Any) -> None:
    """Before it is set up, after it was shut down, twice."""
    client = Client()
    client.log("A")
    assert client.flush()
    client.configure(endpoint=sink.url)
    client.log("B")
    assert client.shutdown()
    assert client.shutdown()
    client.log("C")
    assert [each.event_name for each in sink.records()] == ["B"]
