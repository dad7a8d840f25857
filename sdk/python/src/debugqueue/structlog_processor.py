"""
Events of structlog.

    structlog.configure(processors=[..., DebugQueueProcessor(), structlog.dev.ConsoleRenderer()])
"""

import sys
from typing import Any, MutableMapping, Optional

from debugqueue.client import Client
from debugqueue.guard import guarded
from debugqueue.levels import of_level
from debugqueue.logging_handler import _own_client

__all__ = ["DebugQueueProcessor"]

_LEFT_OUT = frozenset({"event", "level", "timestamp", "exc_info", "logger", "stack_info"})


class DebugQueueProcessor:
    """Queues what passes through and passes it on unchanged; put it before the renderer."""

    def __init__(self, client: Optional[Client] = None) -> None:
        """Take the queue; the process's own by default."""
        self._client = client

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Queue an event."""
        self._queue(method_name, event_dict)
        return event_dict

    @guarded()
    def _queue(self, method_name: str, event: MutableMapping[str, Any]) -> None:
        client = self._client or _own_client()
        level = event.get("level", method_name)
        details = {name: value for name, value in event.items() if name not in _LEFT_OUT}
        if type(event.get("logger")) is str:
            details["logger.name"] = event["logger"]
        severity = of_level(level)
        if severity < client.lowest_severity:
            return
        text = event.get("event")
        client.add_record(
            severity,
            text if type(text) is str else "",
            details if type(text) is str else {**details, "event": text},
            _caller(),
            error=_error(event.get("exc_info"), method_name),
        )


def _error(exc_info: Any, method_name: str) -> Optional[BaseException]:
    if issubclass(type(exc_info), BaseException):
        return exc_info  # type: ignore[no-any-return]
    if type(exc_info) is tuple and len(exc_info) == 3:
        return exc_info[1]  # type: ignore[no-any-return]
    return sys.exc_info()[1] if exc_info or method_name == "exception" else None


def _caller() -> Any:
    """Return the place outside of structlog and this package."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in ("structlog", "debugqueue"):
            return (frame.f_code, None, frame.f_lineno)
        frame = frame.f_back
    return (None, None, 0)
