"""Calls from threads, tasks, signal handlers and finalisers."""

import asyncio
import gc
import signal
import threading
from typing import Any

from debugqueue import Client


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
