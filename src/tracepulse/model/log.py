"""Log records as they leave the store."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LogRecord"]


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log record."""

    time_unix_ns: int
    service: str
    severity_text: str
    severity_number: int
    """1 to 24 as OpenTelemetry counts; 0 when unknown. 17 and above is an error."""
    body: str
    trace_id: str
    """Lower-case hex; '' when the record belongs to no trace."""
    span_id: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    trust: str
    """server_key, loopback or browser_unauthenticated."""
    origin: str = ""
