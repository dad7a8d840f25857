"""Run one service: take over a listening socket, say when it is ready, drain before it ends."""

import os
import signal
import socket
import threading
from contextlib import suppress
from queue import SimpleQueue

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from .logs import log

DRAIN_LIMIT_S = 5.0


class Handler(WSGIRequestHandler):
    """One request per connection, so that draining never cuts a reused one."""

    protocol_version = "HTTP/1.0"
    timeout = 3.0

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leave the access line to the application, which knows the request id."""


class Server(ThreadedWSGIServer):
    """A thread for each request; closing waits for the requests that are being answered."""

    daemon_threads = False
    request_queue_size = 128


def run(app: Flask) -> None:
    """Serve until SIGTERM, or until whoever started this process is gone."""
    # A queue, not an event: a signal handler may interrupt the very wait it wants to end.
    stop: SimpleQueue[str] = SimpleQueue()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.put("told to"))
    server = Server("127.0.0.1", 0, app, Handler, fd=_listening_fd())
    accepting = threading.Thread(target=server.serve_forever, args=(0.05,))
    accepting.start()
    threading.Thread(target=_watch_parent, args=(stop,), daemon=True).start()
    log.info("%s ready, pid %d", app.name, os.getpid())
    _tell_ready()
    log.info("%s stopping: %s", app.name, stop.get())
    threading.Thread(target=_give_up, daemon=True).start()
    server.shutdown()
    accepting.join()
    server.server_close()


def _listening_fd() -> int:
    if "LISTEN_FD" in os.environ:
        return int(os.environ["LISTEN_FD"])
    listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
    # Two processes may accept from one socket during a release; the slower one must not block.
    listener.setblocking(False)
    return listener.detach()


def _tell_ready() -> None:
    if "READY_FD" in os.environ:
        ready = int(os.environ["READY_FD"])
        # Nobody listens any more if the parent has gone; then the next read of it says so.
        with suppress(BrokenPipeError):
            os.write(ready, b"ready\n")
        os.close(ready)


def _watch_parent(stop: SimpleQueue[str]) -> None:
    if "LISTEN_FD" in os.environ:
        while os.read(0, 1024):
            pass
        stop.put("parent gone")


def _give_up() -> None:
    threading.Event().wait(DRAIN_LIMIT_S)
    os._exit(1)
