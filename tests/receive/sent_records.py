"""Records of a request as plain values, for tests of receivers."""

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def plain(value: AnyValue) -> Any:
    """Return what an AnyValue holds."""
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)


def named(pairs: "list[KeyValue] | Any") -> dict[str, Any]:
    """Return attributes by name; a name stands once."""
    found = {pair.key: plain(pair.value) for pair in pairs}
    assert len(found) == len(pairs)
    return found


def sent_records(body: bytes) -> list[dict[str, Any]]:
    """Return the log records of a request, each with its resource, in order."""
    found = []
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        resource = named(group.resource.attributes)
        for scope in group.scope_logs:
            for record in scope.log_records:
                found.append(
                    {
                        "resource": resource,
                        "time": record.time_unix_nano,
                        "body": record.body.string_value,
                        "level": (record.severity_number, record.severity_text),
                        "trace": record.trace_id.hex(),
                        "span": record.span_id.hex(),
                        "attributes": named(record.attributes),
                    }
                )
    return found
