"""One large OTLP request as several that the journal takes."""

from collections.abc import Iterator
from typing import Any

from tracepulse.receive.signals import ExportRequest

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_RECORDS", "split_request"]

MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCH_RECORDS = 20_000
"""Well under the 50,000 that one request may hold."""

_PARTS = {
    "ExportTraceServiceRequest": ("resource_spans", "scope_spans", "spans"),
    "ExportLogsServiceRequest": ("resource_logs", "scope_logs", "log_records"),
    "ExportMetricsServiceRequest": ("resource_metrics", "scope_metrics", "metrics"),
}


def split_request(
    message: ExportRequest, max_bytes: int = MAX_BATCH_BYTES, max_records: int = MAX_BATCH_RECORDS
) -> Iterator[ExportRequest]:
    """
    Yield requests of about `max_bytes` at most that together hold the same records in order.

    A record is never divided, so one that is larger comes alone; a metric counts as one record.
    """
    owners, scopes, records = _PARTS[type(message).__name__]
    count = sum(
        len(getattr(scope, records))
        for owner in getattr(message, owners)
        for scope in getattr(owner, scopes)
    )
    if count <= max_records and message.ByteSize() <= max_bytes:
        if count:
            yield message
        return
    part, size, held = type(message)(), 0, 0
    for owner in getattr(message, owners):
        part_owner: Any = None
        for scope in getattr(owner, scopes):
            part_scope: Any = None
            for record in getattr(scope, records):
                if held and (held >= max_records or size >= max_bytes):
                    yield part
                    part, size, held, part_owner, part_scope = type(message)(), 0, 0, None, None
                if part_owner is None:
                    part_owner, part_scope = getattr(part, owners).add(), None
                    part_owner.resource.CopyFrom(owner.resource)
                    part_owner.schema_url = owner.schema_url
                if part_scope is None:
                    part_scope = getattr(part_owner, scopes).add()
                    part_scope.scope.CopyFrom(scope.scope)
                    part_scope.schema_url = scope.schema_url
                getattr(part_scope, records).add().CopyFrom(record)
                size += record.ByteSize() + 4
                held += 1
    if held:
        yield part
