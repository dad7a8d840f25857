"""Whole programmes: what the import costs, how they end, and what their forks send."""

import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

import debugqueue
from debugqueue import Client

SOURCE = str(__import__("pathlib").Path(debugqueue.__file__).parents[1])


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
