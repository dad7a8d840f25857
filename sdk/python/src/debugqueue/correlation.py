"""
The span in which something happens: OpenTelemetry's where it is used, else the request's.

OpenTelemetry is never imported here: a programme that does not use it has no current span.
"""

import sys
from contextvars import ContextVar
from typing import Any, NamedTuple, Optional

__all__ = ["TraceContext", "current_trace", "parse_traceparent", "request_trace", "traceparent"]


class TraceContext(NamedTuple):
    """A place in a trace, with the names that OpenTelemetry's span context has."""

    trace_id: int
    span_id: int
    trace_flags: int


request_trace: "ContextVar[Optional[TraceContext]]" = ContextVar("debugqueue_trace", default=None)
"""Set by the middleware for a request that no span stands for."""


def current_trace() -> Any:
    """Return the current span's context, OpenTelemetry's or ours, or None."""
    module = sys.modules.get("opentelemetry.trace")
    if module is not None:
        current = getattr(module, "get_current_span", None)  # absent while it is being imported
        if current is not None:
            context = current().get_span_context()
            if context.trace_id:
                return context
    return request_trace.get()


def traceparent() -> str:
    """Return the current span as W3C Trace Context has it, or an empty text outside of spans."""
    trace = current_trace()
    if trace is None:
        return ""
    return f"00-{trace.trace_id:032x}-{trace.span_id:016x}-{trace.trace_flags & 0xFF:02x}"


def parse_traceparent(header: str) -> Optional[TraceContext]:
    """Return what a traceparent header says, or None where it is not one."""
    parts = header.strip().split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2] or parts[0] == "ff":
        return None
    if parts[0] == "00" and len(parts) != 4:
        return None
    try:
        found = TraceContext(int(parts[1], 16), int(parts[2], 16), int(parts[3], 16))
    except ValueError:
        return None
    return found if found.trace_id and found.span_id else None
