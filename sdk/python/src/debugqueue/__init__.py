"""
Tagged events from Python, sent as OpenTelemetry logs, that never get in the way of the programme.

    from debugqueue import DebugQueue

    DebugQueue.log("SESSION_DROP", {"details": "timeout"})
"""

from debugqueue.bound import Binding
from debugqueue.bounded_queue import Counts
from debugqueue.client import Client
from debugqueue.inventory import Tripwire
from debugqueue.logging_handler import DebugQueueHandler
from debugqueue.loguru_sink import DebugQueueSink
from debugqueue.middleware import (
    AsgiMiddleware,
    WsgiMiddleware,
    server_timing,
    traceparent_meta,
)
from debugqueue.settings import Settings
from debugqueue.starting import start
from debugqueue.structlog_processor import DebugQueueProcessor
from debugqueue.version import __version__

__all__ = [
    "AsgiMiddleware",
    "Binding",
    "Client",
    "Counts",
    "DebugQueue",
    "DebugQueueHandler",
    "DebugQueueProcessor",
    "DebugQueueSink",
    "Settings",
    "Tripwire",
    "WsgiMiddleware",
    "__version__",
    "server_timing",
    "start",
    "traceparent_meta",
]

DebugQueue = Client()
"""The queue of this process."""
