"""
Log records of the standard library as events.

    logging.getLogger().addHandler(DebugQueueHandler())
"""

import logging
import sys
from typing import Any, Dict, Optional

from debugqueue.client import Client
from debugqueue.guard import guarded
from debugqueue.levels import of_logging_level

__all__ = ["DebugQueueHandler"]

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; anything else was given as `extra`."""


class DebugQueueHandler(logging.Handler):
    """
    Queues each record: message, level, place, exception, and what was given as `extra`.

    The message is put together on the caller's thread, as every handler does: it may be made of
    objects that change. Records of the SDK itself are left alone.
    """

    def __init__(self, client: Optional[Client] = None, level: int = logging.NOTSET) -> None:
        """Take the queue (the process's own by default) and the lowest level to take."""
        super().__init__(level)
        self._client = client

    @guarded(otherwise=False)
    def handle(self, record: logging.LogRecord) -> bool:
        """Queue a record if the filters let it pass; without the handler's lock, which none needs."""
        passed: Any = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    @guarded()
    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record."""
        if record.name == "debugqueue":
            return
        client = self._client or _own_client()
        severity = of_logging_level(record.levelno)
        if severity < client.lowest_severity:
            return
        extra: Dict[str, Any] = {
            name: value for name, value in record.__dict__.items() if name not in _OWN
        }
        extra["logger.name"] = record.name
        if record.threadName and record.threadName != "MainThread":
            extra["thread.name"] = record.threadName
        error = record.exc_info[1] if record.exc_info else None
        if error is None and record.exc_text:
            extra["exception.stacktrace"] = record.exc_text
        client.add_record(
            severity,
            _message(record),
            extra,
            (record.pathname, record.funcName, record.lineno),
            error=error,
            time_unix_ns=int(record.created * 1e9),
        )


def _message(record: logging.LogRecord) -> str:
    """Return the message; where its arguments do not fit, what was written in the code."""
    try:
        return record.getMessage()
    except Exception:
        return record.msg if type(record.msg) is str else "[unreadable]"


def _own_client() -> Client:
    own: Client = sys.modules["debugqueue"].DebugQueue
    return own
