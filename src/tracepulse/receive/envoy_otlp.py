"""
Access logs that Envoy sends as OTLP itself: its OpenTelemetry access logger, Istio's `envoyOtelAls`.

Such a request names the log, the node and the cluster in its resource and no service, and each
record's body is a line in the text format or its fields. It is written anew, as the lines would be
that the same proxy writes to a file. Anything else stays as it came.

Source:
https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/access_loggers/open_telemetry/v3/logs_service.proto
"""

from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tracepulse.receive.access_json import is_access_record, read_access_fields
from tracepulse.receive.access_lines import read_access_line
from tracepulse.receive.access_records import AccessRecord
from tracepulse.receive.any_value import MAX_DEPTH
from tracepulse.receive.log_writer import LogWriter

__all__ = ["from_proxy", "may_be_from_proxy"]

_LABEL = b"\x0a\x08log_name"
_LABELS = ("log_name", "node_name")
_SEARCHED_BYTES = 4096


def may_be_from_proxy(body: bytes) -> bool:
    """Tell at a glance whether a request could be a proxy's."""
    return body.find(_LABEL, 0, _SEARCHED_BYTES) >= 0


def from_proxy(body: bytes) -> bytes:
    """Return the request with its access log lines read, if it is a proxy's; else as it is."""
    if not may_be_from_proxy(body):
        return body
    try:
        request = ExportLogsServiceRequest.FromString(body)
    except DecodeError:
        return body  # whoever admits it says what is wrong with it
    writer = LogWriter()
    for group in request.resource_logs:
        said = {a.key: _value(a.value) for a in group.resource.attributes}
        if not all(label in said for label in _LABELS):
            return body  # somebody put several senders' requests together
        resource = _resource(said)
        for scope_logs in group.scope_logs:
            scope = (scope_logs.scope.name or str(said["log_name"]), scope_logs.scope.version)
            for record in scope_logs.log_records:
                _add(writer, resource, scope, record)
    return writer.to_bytes()


def _add(
    writer: LogWriter,
    resource: tuple[tuple[str, Any], ...],
    scope: tuple[str, str],
    record: LogRecord,
) -> None:
    attributes = {a.key: _value(a.value) for a in record.attributes}
    body = _value(record.body)
    access: AccessRecord | None = None
    if isinstance(body, str):
        body = body.rstrip("\n")
        access = read_access_line(body)
    elif isinstance(body, dict) and is_access_record(body):
        access = read_access_fields(body)
    if access is None and is_access_record(attributes):
        access = read_access_fields(attributes)
        attributes = {}
    writer.add(
        resource,
        (access.body if access is not None else body) or "",
        time_unix_ns=record.time_unix_nano,
        observed_unix_ns=record.observed_time_unix_nano,
        severity_number=record.severity_number or (access.severity_number if access else 0),
        severity_text=record.severity_text,
        attributes=[*(access.attributes if access else ()), *attributes.items()],
        trace_id=record.trace_id or (access.trace_id if access else b""),
        span_id=record.span_id or (access.span_id if access else b""),
        event_name=record.event_name,
        scope=scope,
    )


def _resource(said: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """
    Return the resource with the names that others use for what Envoy's labels say.

    Istio's node is kind~address~pod.namespace~domain and its cluster app.namespace.
    """
    found = {key: value for key, value in said.items() if type(value) in (str, int, float, bool)}
    node = str(said["node_name"])
    cluster = str(said.get("cluster_name", ""))
    parts = node.split("~")
    pod, _, namespace = parts[2].rpartition(".") if len(parts) == 4 else ("", "", "")
    named = {
        "service.name": cluster.removesuffix(f".{namespace}") if namespace else cluster,
        "service.instance.id": node,
        "k8s.namespace.name": namespace,
        "k8s.pod.name": pod,
        "cloud.availability_zone": str(said.get("zone_name", "")),
    }
    for label in ("log_name", "node_name", "cluster_name", "zone_name"):
        found.pop(label, None)
    return tuple(({name: value for name, value in named.items() if value} | found).items())


def _value(value: AnyValue, depth: int = 1) -> Any:
    """Return an AnyValue as Python's own; None for one that is unset or too deep."""
    match value.WhichOneof("value"):
        case None:
            return None
        case "kvlist_value" if depth < MAX_DEPTH:
            return {each.key: _value(each.value, depth + 1) for each in value.kvlist_value.values}
        case "array_value" if depth < MAX_DEPTH:
            return [_value(each, depth + 1) for each in value.array_value.values]
        case "string_value" | "bool_value" | "int_value" | "double_value" | "bytes_value" as kind:
            return getattr(value, kind)
        case _:
            return None
