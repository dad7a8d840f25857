"""Records that were heard from a source, as one OTLP request."""

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.receive.any_value import add_attributes
from tracepulse.receive.pull.interface import Heard, Resource

__all__ = ["request_of"]


def request_of(records: Iterable[Heard]) -> bytes:
    """Return an ExportLogsServiceRequest with the records, in their order within each resource."""
    request = ExportLogsServiceRequest()
    groups: dict[Resource, Any] = {}
    for each in records:
        group = groups.get(each.resource)
        if group is None:
            added = request.resource_logs.add()
            add_attributes(added.resource.attributes, each.resource)
            group = groups[each.resource] = added.scope_logs.add().log_records
        record = group.add()
        record.time_unix_nano = each.event_unix_ns or each.time_unix_ns
        record.body.string_value = each.body
        record.severity_number = each.severity_number
        record.severity_text = each.severity_text
        record.trace_id = each.trace_id
        record.span_id = each.span_id
        add_attributes(record.attributes, each.attributes)
    return request.SerializeToString()
