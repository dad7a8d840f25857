"""Which protocols are taken on the OTLP/HTTP port besides OTLP."""

from tracepulse.receive import loki, splunk_hec
from tracepulse.receive.drop_in import Route

__all__ = ["all_routes"]


def all_routes() -> tuple[Route, ...]:
    """Return the routes of every protocol."""
    return (*loki.routes(), *splunk_hec.routes())
