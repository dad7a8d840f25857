"""Serve until told to stop, or until whoever started this process is gone. Standard library only."""

import os
import signal
import threading
from http.server import ThreadingHTTPServer
from queue import SimpleQueue


def serve(server: ThreadingHTTPServer) -> None:
    """Return when it is over."""
    server.daemon_threads = True
    # A queue, not an event: a signal handler may interrupt the very wait it wants to end.
    told: SimpleQueue[None] = SimpleQueue()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: told.put(None))
    threading.Thread(target=_watch_parent, args=(told,), daemon=True).start()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    told.get()
    server.shutdown()
    server.server_close()


def _watch_parent(told: "SimpleQueue[None]") -> None:
    while os.read(0, 1024):
        pass
    told.put(None)
