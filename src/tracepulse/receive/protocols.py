"""Which protocols are taken on the OTLP/HTTP port besides OTLP."""

from tracepulse.receive import (
    elastic,
    faro_port,
    loki,
    remote_write_port,
    splunk_hec,
    zipkin_port,
)
from tracepulse.receive.drop_in import Route

__all__ = ["all_routes"]

_PROTOCOLS = (
    elastic,
    faro_port,
    loki,
    remote_write_port,
    splunk_hec,
    zipkin_port,
)


def all_routes() -> tuple[Route, ...]:
    """Return the routes of every protocol."""
    return tuple(route for protocol in _PROTOCOLS for route in protocol.routes())
