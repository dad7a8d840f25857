"""Records that were heard from a source, as one OTLP request."""

from collections.abc import Iterable

from tracepulse.receive.log_writer import LogWriter
from tracepulse.receive.pull.interface import Heard

__all__ = ["request_of"]


def request_of(records: Iterable[Heard]) -> bytes:
    """Return an ExportLogsServiceRequest with the records, in their order within each resource."""
    writer = LogWriter()
    for each in records:
        writer.add(
            each.resource,
            each.body,
            time_unix_ns=each.event_unix_ns or each.time_unix_ns,
            severity_number=each.severity_number,
            severity_text=each.severity_text,
            attributes=each.attributes,
            trace_id=each.trace_id,
            span_id=each.span_id,
        )
    return writer.to_bytes()
