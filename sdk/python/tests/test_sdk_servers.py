"""
Under the servers that Python programmes run in: what each worker tells arrives once, none is stuck.

Every server is loaded before it forks, with events and a thread in the parent already; each test needs
the server's package, which `tools/sdk-pythons` installs.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

import debugqueue

REQUESTS = 1000
SCRIPTS = Path(sysconfig.get_path("scripts"))

WSGI = """
from debugqueue import DebugQueue

DebugQueue.log("LOADED")  # in the parent, where the programme is loaded before workers are made

def app(environ, start_response):
    DebugQueue.log("REQUEST", {"n": int(environ["QUERY_STRING"])})
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""

TASKS = """
import os
from celery import Celery
from debugqueue import DebugQueue

app = Celery("tasks", broker="filesystem://")
folder = os.environ["QUEUE_FOLDER"]
app.conf.broker_transport_options = {
    "data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control",
    "polling_interval": 0.05,
}
app.conf.task_default_delivery_mode = "persistent"
DebugQueue.log("LOADED")

@app.task(name="work", ignore_result=True)
def work(number):
    DebugQueue.log("REQUEST", {"n": number})
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(command: List[str], folder: Path, url: str, **more: str) -> Iterator[Any]:
    """Run a server until the end of the block, then end it as its operator would."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(debugqueue.__file__).parents[1]), str(folder)]),
        "DEBUGQUEUE_ENDPOINT": url,
        "DEBUGQUEUE_DEBUG": "1",
        "OTEL_SERVICE_NAME": "served",
        **more,
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield server
            server.send_signal(signal.SIGTERM)
            server.wait(30)
        finally:
            try:
                os.killpg(server.pid, signal.SIGKILL)  # also children that it left behind
            except ProcessLookupError:
                pass
            server.wait()
    sys.stdout.write(log.read_text(errors="replace")[-4000:])  # shown where the test fails


def ask_all(port: int, server: Any) -> None:
    """Make each request once, over a new connection each, so that all workers get some."""
    for number in range(REQUESTS):
        until = time.monotonic() + 30
        while True:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                asked.request("GET", f"/?{number}")
                assert asked.getresponse().read() == b"ok"
                break
            except ConnectionRefusedError:  # it has not begun to listen
                assert server.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            finally:
                asked.close()


def told(sink: Any, read: Any) -> Dict[str, List[Any]]:
    """Return the numbers that arrived, by tag."""
    found: Dict[str, List[Any]] = {"REQUEST": [], "LOADED": []}
    for record in sink.records():
        found[record.event_name].append(read(record).get("n"))
    return found


GUNICORN = {
    "sync": ["-w", "3", "-k", "sync"],
    "gthread": ["-w", "2", "-k", "gthread", "--threads", "4"],
    "gevent": ["-w", "2", "-k", "gevent"],
    "sync, workers that are replaced": ["-w", "3", "-k", "sync", "--max-requests", "50"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", GUNICORN)
def test_gunicorn(sink: Any, read: Any, tmp_path: Path, kind: str) -> None:
    """Loaded before its workers are forked, each of which ends as gunicorn ends it."""
    pytest.importorskip("gunicorn")
    if kind == "gevent":
        pytest.importorskip("gevent")
    (tmp_path / "served.py").write_text(WSGI)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", "-b", f"127.0.0.1:{port}"]
    with running([*command, *GUNICORN[kind], "served:app"], tmp_path, sink.url) as server:
        ask_all(port, server)
    assert sorted(told(sink, read)["REQUEST"]) == list(range(REQUESTS))
    assert len(told(sink, read)["LOADED"]) == 1


UWSGI = {
    "processes": ["--processes", "3"],
    "threads": ["--processes", "2", "--threads", "4"],
    "each loads itself": ["--processes", "2", "--lazy-apps"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", UWSGI)
def test_uwsgi(sink: Any, read: Any, tmp_path: Path, kind: str) -> None:
    """It forks in C; with threads on, as its guide asks of programmes that have some."""
    if not (SCRIPTS / "uwsgi").exists():
        pytest.skip("uwsgi is not installed")
    (tmp_path / "served.py").write_text(WSGI)
    port = free_port()
    command = [
        str(SCRIPTS / "uwsgi"),
        "--master",
        "--enable-threads",
        "--die-on-term",
        "--need-app",
    ]
    command += ["--http-socket", f"127.0.0.1:{port}", "--module", "served:app", *UWSGI[kind]]
    with running(command, tmp_path, sink.url) as server:
        ask_all(port, server)
    assert sorted(told(sink, read)["REQUEST"]) == list(range(REQUESTS))
    assert len(told(sink, read)["LOADED"]) == (2 if kind == "each loads itself" else 1)


@pytest.mark.slow
def test_celery_prefork(sink: Any, read: Any, tmp_path: Path) -> None:
    """Its children are made by billiard and leave without `atexit`."""
    pytest.importorskip("celery")
    (tmp_path / "tasks.py").write_text(TASKS)
    queue = tmp_path / "queue"
    (queue / "control").mkdir(parents=True)
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "prefork", "-c", "3"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning"]
    send = "import tasks\nfor n in range(300): tasks.work.delay(n)"
    with running(command, tmp_path, sink.url, QUEUE_FOLDER=str(queue)):
        with running([sys.executable, "-c", send], tmp_path, "", QUEUE_FOLDER=str(queue)) as sender:
            assert sender.wait(60) == 0
        sink.wait_for(301)
    assert sorted(told(sink, read)["REQUEST"]) == list(range(300))
    assert len(told(sink, read)["LOADED"]) == 1
