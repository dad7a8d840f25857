"""Never raises into its host, never waits for anything, from wherever it is called."""

import asyncio
import atexit
import decimal
import enum
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import uuid
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import debugqueue
from debugqueue import Client
from debugqueue.guard import faults
from debugqueue.snapshot import snapshot

SOURCE = str(__import__("pathlib").Path(debugqueue.__file__).parents[1])


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


def test_no_thread_before_the_first_event(sink: Any) -> None:
    """Importing and setting up starts nothing."""
    import _thread

    client = Client(endpoint=sink.url)
    client.configure(service="x")
    before = _thread._count()
    exporter = client._exporter
    assert exporter is not None
    assert not exporter.started
    client.log("A")
    assert exporter.started
    assert client.flush(5)
    assert _thread._count() >= before
    client.shutdown()


def test_many_threads_lose_and_double_nothing(sink: Any, client: Client, read: Any) -> None:
    """Eight threads, two hundred events each, every one exactly once."""

    def work(name: int) -> None:
        for number in range(200):
            client.log("A", {"key": name * 1000 + number})

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(20)
    keys = [read(record)["key"] for record in sink.records()]
    assert sorted(keys) == sorted(name * 1000 + n for name in range(8) for n in range(200))


def test_a_signal_handler_may_log_in_the_middle_of_a_call(sink: Any, client: Client) -> None:
    """A timer that interrupts calls thousands of times locks nothing up and loses no count."""
    interrupted = []

    def handler(*_: Any) -> None:
        client.log("SIGNAL")
        interrupted.append(1)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        calls = 0
        while len(interrupted) < 200:
            client.log("CALL")
            calls += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    client.flush(20)
    counts = client.counts()
    assert counts.created == calls + len(interrupted)
    assert counts.created == counts.sent + sum(counts.dropped.values())
    assert len(sink.records()) == counts.sent


def test_a_finaliser_may_log(sink: Any, client: Client) -> None:
    """Also one that the collector runs in the middle of a call."""

    class Final:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            client.log("FINAL")

    threshold = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for _ in range(200):
            Final()
            client.log("CALL", {"a": [1, {"b": 2}]})
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert client.flush(20)
    assert client.counts().created == 400


def test_tasks_keep_what_is_bound_apart(sink: Any, client: Client, read: Any) -> None:
    """Each task of asyncio has its own binding, across its awaits."""

    async def task(name: str) -> None:
        with client.bind(task=name):
            await asyncio.sleep(0)
            client.log("A", {"expected": name})

    async def main() -> None:
        await asyncio.gather(*(task(f"t{n}") for n in range(20)))

    asyncio.run(main())
    assert client.flush(5)
    assert len(sink.records()) == 20
    for record in sink.records():
        assert read(record)["task"] == read(record)["expected"]


def run(code: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a programme that has the package; fail where it takes a minute."""
    import os

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([SOURCE, *sys.path]),
            "DEBUGQUEUE_DEBUG": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_import_is_light_and_depends_on_nothing(tmp_path: Any) -> None:
    """Only the standard library, and of it neither HTTP, TLS nor asyncio."""
    done = run("import sys, debugqueue; print(*sorted(sys.modules))")
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    heavy = {"http.client", "ssl", "asyncio", "urllib.request", "email", "importlib.metadata"}
    assert loaded & heavy == set()
    assert not [
        name for name in loaded if name.startswith(("opentelemetry", "structlog", "loguru"))
    ]


def test_events_of_a_short_programme_arrive(sink: Any) -> None:
    """The end of the process waits for them; its exit code stays."""
    done = run(
        """
        import sys
        from debugqueue import DebugQueue
        DebugQueue.log("A")
        sys.exit(7)
        """,
        DEBUGQUEUE_ENDPOINT=sink.url,
    )
    assert (done.returncode, done.stderr) == (7, "")
    assert [each.event_name for each in sink.records()] == ["A"]


def test_a_programme_ends_whatever_the_server_does(dead_port: Any) -> None:
    """A server that never answers holds up no end; an error keeps its code and its words."""

    def silence(connection: Any) -> None:
        while connection.recv(65536):
            pass

    done = run(
        """
        from debugqueue import DebugQueue
        DebugQueue.log("A")
        raise SystemExit("the end")
        """,
        DEBUGQUEUE_ENDPOINT=dead_port(silence).url,
    )
    assert (done.returncode, done.stderr) == (1, "the end\n")


def test_what_logs_during_the_end_is_harmless(sink: Any) -> None:
    """Exit handlers, finalisers of modules, threads that go on: no word on stderr."""
    done = run(
        """
        import atexit, threading, time
        from debugqueue import DebugQueue
        class Late:
            def __del__(self):
                DebugQueue.log("LATE", {"a": 1})
        keep = Late()
        atexit.register(DebugQueue.log, "EXIT")
        DebugQueue.log("A")
        atexit.register(DebugQueue.log, "EARLIER")
        def go_on():
            while True:
                DebugQueue.log("THREAD")
                time.sleep(0.001)
        threading.Thread(target=go_on, daemon=True).start()
        """,
        DEBUGQUEUE_ENDPOINT=sink.url,
    )
    assert (done.returncode, done.stderr) == (0, "")
    tags = {each.event_name for each in sink.records()}
    assert {"A", "EARLIER"} <= tags


FORKS = {
    "fork": """
        import os
        def child(work):
            pid = os.fork()
            if pid == 0:
                work()
                import atexit; atexit._run_exitfuncs()
                os._exit(0)
            return lambda: os.waitpid(pid, 0)
        """,
    "multiprocessing": """
        import multiprocessing
        def child(work):
            process = multiprocessing.get_context("fork").Process(target=work)
            process.start()
            return process.join
        """,
}


@pytest.mark.parametrize("way", FORKS)
def test_a_forked_child_sends_its_own_events_only(sink: Any, way: str, read: Any) -> None:
    """Nothing is lost, doubled or stuck, though the parent's queue was full of events and threads."""
    done = run(
        textwrap.dedent(FORKS[way])
        + textwrap.dedent("""
        import threading, warnings
        warnings.simplefilter("ignore")
        from debugqueue import DebugQueue
        DebugQueue.configure(flush_interval_s=0.05)
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                DebugQueue.log("NOISE")
                stop.wait(0.001)
        threading.Thread(target=busy).start()
        for number in range(50):
            DebugQueue.log("PARENT", {"n": number})
        def work():
            for number in range(20):
                DebugQueue.log("CHILD", {"n": number})
        waits = [child(work) for _ in range(4)]
        for wait in waits:
            wait()
        stop.set()
        DebugQueue.log("PARENT", {"n": 50})
        """),
        DEBUGQUEUE_ENDPOINT=sink.url,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = [(each.event_name, read(each).get("n")) for each in sink.records()]
    assert sorted(n for tag, n in found if tag == "PARENT") == list(range(51))
    assert sorted(n for tag, n in found if tag == "CHILD") == sorted(list(range(20)) * 4)
    instances = {
        attribute.value.string_value
        for request in sink.requests
        for attribute in request.resource_logs[0].resource.attributes
        if attribute.key == "service.instance.id"
    }
    assert len(instances) == 5


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of such forks")
def test_a_child_that_python_was_not_told_of_sends_its_own_events_only(
    sink: Any, read: Any
) -> None:
    """A fork in C, as of uWSGI: the parent's thread is not there, and its queue not the child's."""
    done = run(
        """
        import ctypes, os, time
        from debugqueue import DebugQueue
        DebugQueue.configure(flush_interval_s=60)
        DebugQueue.log("SENT")
        assert DebugQueue.flush(20)
        DebugQueue.log("PARENT", {"n": 1})
        # A thread that waits for the interpreter at this moment would be waited for in the child for ever.
        time.sleep(1)
        pid = ctypes.PyDLL(None).fork()
        tag = "PARENT" if pid else "CHILD"
        for number in range(2, 20):
            DebugQueue.log(tag, {"n": number})
        assert DebugQueue.flush(20)
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """,
        DEBUGQUEUE_ENDPOINT=sink.url,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = [(each.event_name, read(each).get("n")) for each in sink.records()]
    assert sorted(n for tag, n in found if tag == "PARENT") == list(range(1, 20))
    assert sorted(n for tag, n in found if tag == "CHILD") == list(range(2, 20))


def test_gevent_does_not_run_the_exporter(sink: Any) -> None:
    """Patched before or after the import, greenlets go on while events are sent."""
    pytest.importorskip("gevent")
    for patch_first in (True, False):
        lines = [
            "from gevent import monkey; monkey.patch_all()",
            "from debugqueue import DebugQueue",
        ]
        done = run(
            "\n".join(lines if patch_first else reversed(lines))
            + textwrap.dedent("""
            import gevent
            def work(name):
                with DebugQueue.bind(worker=name):
                    for number in range(50):
                        DebugQueue.log("A", {"n": number})
                        gevent.sleep(0)
            gevent.joinall([gevent.spawn(work, n) for n in range(10)])
            assert DebugQueue.flush(20)
            """),
            DEBUGQUEUE_ENDPOINT=sink.url,
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert len(sink.records()) == 1000


def test_lines_on_stderr_when_asked(tmp_path: Any) -> None:
    """Without a server, each event is a line of JSON, scrubbed."""
    import json

    done = run(
        """
        from debugqueue import DebugQueue
        DebugQueue.log("A", {"user": "u1", "password": "hunter2"})
        """,
        DEBUGQUEUE_STDERR="1",
        OTEL_SERVICE_NAME="shop",
        DEBUGQUEUE_ENDPOINT="",
    )
    line = json.loads(done.stderr)
    assert (line["tag"], line["level"], line["service"], line["user"]) == (
        "A",
        "INFO",
        "shop",
        "u1",
    )
    assert line["password"] == "[redacted:secret]"


def test_a_flush_gives_up_in_time(dead_port: Any) -> None:
    """It says whether all was settled."""
    release = threading.Event()

    def later(connection: Any) -> None:
        connection.recv(65536)
        release.wait(20)

    client = Client(endpoint=dead_port(later).url, timeout_s=20)
    client.log("A")
    assert client.flush(0.05) is False
    assert client.counts().waiting == 1
    release.set()
    client.shutdown()
