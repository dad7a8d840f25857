"""
Messages of loguru.

    loguru.logger.add(DebugQueueSink(), format="{message}")
"""

from typing import Any, Dict, Optional

from debugqueue.client import Client
from debugqueue.guard import guarded
from debugqueue.levels import of_logging_level
from debugqueue.logging_handler import _own_client

__all__ = ["DebugQueueSink"]


class DebugQueueSink:
    """Queues each message with its place, its `extra` and its exception."""

    def __init__(self, client: Optional[Client] = None) -> None:
        """Take the queue; the process's own by default."""
        self._client = client

    @guarded()
    def __call__(self, message: Any) -> None:
        """Queue a message of loguru, which carries its record."""
        record: Dict[str, Any] = message.record
        client = self._client or _own_client()
        severity = of_logging_level(record["level"].no)
        if severity < client.lowest_severity:
            return
        exception = record["exception"]
        details = dict(record["extra"])
        details["logger.name"] = record["name"]
        client.add_record(
            severity,
            record["message"],
            details,
            (record["file"].path, record["function"], record["line"]),
            error=exception.value if exception is not None else None,
            time_unix_ns=int(record["time"].timestamp() * 1e9),
        )
