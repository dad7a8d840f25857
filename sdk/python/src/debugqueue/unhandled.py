"""Exceptions that nobody caught: noted, then left to whoever was told of them before."""

import sys
import threading
from typing import Any

from debugqueue.client import Client
from debugqueue.guard import guarded

__all__ = ["note_unhandled"]

UNHANDLED_TAG = "UNHANDLED_EXCEPTION"


def note_unhandled(client: Client) -> None:
    """Note what ends the programme or a thread; once, however often it is called."""
    if getattr(sys.excepthook, "_debugqueue", None) is not None:
        return
    before, thread_before = sys.excepthook, threading.excepthook

    def hook(kind: Any, error: Any, stack: Any) -> None:
        _note(client, kind, error, 21)
        before(kind, error, stack)

    def thread_hook(arguments: Any) -> None:
        _note(client, arguments.exc_type, arguments.exc_value, 17)
        thread_before(arguments)

    hook._debugqueue = client  # type: ignore[attr-defined]
    sys.excepthook = hook
    threading.excepthook = thread_hook


@guarded()
def _note(client: Client, kind: Any, error: Any, severity: int) -> None:
    if error is None or issubclass(kind, (KeyboardInterrupt, SystemExit)):
        return
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = (None, None, 0) if last is None else (last.tb_frame.f_code, None, last.tb_lineno)
    client.add_unhandled(severity, UNHANDLED_TAG, error, where)
