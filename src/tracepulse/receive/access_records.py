"""
What an Envoy access log says of one request, as a log record with OpenTelemetry's names.

Fields are called here as Istio's JSON format calls them, whatever they came in: a line of text
(`access_lines.py`), JSON, or the gRPC access log service (`envoy_als.py`). '-' is how Envoy writes that
it has nothing to say, and such fields are left out.

Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage and
https://istio.io/latest/docs/tasks/observability/logs/access-log/
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from tracepulse.receive.log_fields import span_id, trace_id

__all__ = ["AccessRecord", "access_record", "envoy_time_unix_ns", "is_access_record"]

ERROR, INFO = 17, 9
"""Severity of a request that the service or the way to it failed, and of any other. A client's own
mistake (4xx) or departure (DC) is no failure of the service."""
_CLIENT_LEFT = "DC"
_GRPC_FAILURES = frozenset({"2", "4", "12", "13", "14", "15"})
"""Codes that OpenTelemetry counts as failures of a gRPC server."""


class AccessRecord(NamedTuple):
    """One line of an access log, read."""

    time_unix_ns: int | None
    """When the request began."""
    severity_number: int
    body: str
    """The line without its time, as Istio writes it by default."""
    attributes: list[tuple[str, Any]]
    trace_id: bytes
    span_id: bytes
    service: str
    """Whose proxy wrote it, where that is certain; '' otherwise."""


_ALIASES: dict[str, str] = {
    "authority_for": "authority",
    ":authority": "authority",
    "host": "authority",
    "x-envoy-origin-path": "path",
    "x-envoy-original-path": "path",
    ":path": "path",
    ":method": "method",
    "x-envoy-upstream-service-time": "upstream_service_time",
    "x-forwarded-for": "x_forwarded_for",
    "user-agent": "user_agent",
    "x-request-id": "request_id",
    "x_request_id": "request_id",
    "upstream_cluster_raw": "upstream_cluster",
    "grpc_status_number": "grpc_status",
    "x-b3-traceid": "trace_id",
    "x_b3_traceid": "trace_id",
    "b3_trace_id": "trace_id",
    "traceid": "trace_id",
    "x-b3-spanid": "span_id",
    "x_b3_spanid": "span_id",
    "b3_span_id": "span_id",
    "spanid": "span_id",
}
"""Names in the formats of Envoy Gateway, of older Istio and of much-copied examples."""

_TEXTS: dict[str, str] = {
    "method": "http.request.method",
    "user_agent": "user_agent.original",
    "request_id": "http.request.header.x-request-id",
    "requested_server_name": "tls.client.server_name",
    "response_flags": "envoy.response_flags",
    "response_code_details": "envoy.response_code_details",
    "connection_termination_details": "envoy.connection_termination_details",
    "upstream_transport_failure_reason": "envoy.upstream_transport_failure_reason",
    "upstream_cluster": "envoy.upstream_cluster",
    "upstream_host": "envoy.upstream_host",
    "upstream_local_address": "envoy.upstream_local_address",
    "downstream_local_address": "envoy.downstream_local_address",
    "route_name": "envoy.route_name",
    "grpc_status": "rpc.grpc.status_code",
}
_NUMBERS: dict[str, str] = {
    "bytes_received": "http.request.body.size",
    "bytes_sent": "http.response.body.size",
    "duration": "envoy.duration_ms",
    "upstream_service_time": "envoy.upstream_service_time_ms",
}
_OTHER = frozenset(
    (
        "start_time", "response_code", "path", "protocol", "authority", "x_forwarded_for",
        "downstream_remote_address", "trace_id", "span_id", "traceparent",
    )
)  # fmt: skip
_KNOWN = _OTHER | _TEXTS.keys() | _NUMBERS.keys()
_NOTHING = (None, "", "-")


def is_access_record(fields: Mapping[str, Any]) -> bool:
    """Tell whether the fields of a JSON line are those of an Envoy access log."""
    return "response_code" in fields and (
        "response_flags" in fields or "upstream_cluster" in fields or "upstream_host" in fields
    )


def access_record(fields: Mapping[str, Any], body: str = "") -> AccessRecord:
    """
    Return the record of one request.

    Args:
        fields: by Istio's names or their aliases; values as text or number, unknown ones are kept.
        body: the line without its time; '' has it put together.
    """
    said: dict[str, Any] = {}
    attributes: list[tuple[str, Any]] = []
    for key, value in fields.items():
        if value is None or value == "-" or value == "":
            continue
        name = key if key in _KNOWN else _ALIASES.get(key) or _ALIASES.get(key.lower(), key)
        attribute = _TEXTS.get(name)
        if attribute is not None:
            attributes.append((attribute, value if type(value) is str else str(value)))
        elif (attribute := _NUMBERS.get(name)) is not None:
            number = _number(value)
            if number is None:
                continue
            attributes.append((attribute, number))
        elif name not in _OTHER:
            attributes.append((key, value))
            continue
        said[name] = value
    status = _number(said.get("response_code")) or 0
    if status:
        attributes.append(("http.response.status_code", status))
    service = _add_places(said, attributes)
    trace, span = _ids(said)
    return AccessRecord(
        envoy_time_unix_ns(str(said.get("start_time", ""))),
        _severity(status, said),
        body or _line(said),
        attributes,
        trace,
        span,
        service,
    )


def _number(value: Any) -> int | None:
    """Return a whole number as Envoy writes it, as text or number; None if it is none."""
    if type(value) is int:
        return value
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return int(value) if type(value) is float and abs(value) < 1e18 else None


def _severity(status: int, said: Mapping[str, Any]) -> int:
    if status >= 500 or str(said.get("grpc_status", "")) in _GRPC_FAILURES:
        return ERROR
    if status == 0 and str(said.get("response_flags", _CLIENT_LEFT)) != _CLIENT_LEFT:
        return ERROR
    return INFO


def _add_places(said: Mapping[str, Any], attributes: list[tuple[str, Any]]) -> str:
    """Add what the request was for, from where and to where; returns the writer's service."""
    add = attributes.append
    path = said.get("path")
    if path is not None:
        path, asked, query = str(path).partition("?")
        add(("url.path", path))
        if asked:
            add(("url.query", query))
    protocol = said.get("protocol")
    if protocol is not None:
        name, _, version = str(protocol).partition("/")
        add(("network.protocol.name", name.lower()))
        if version:
            add(("network.protocol.version", version))
    if "authority" in said:
        _add_address("server", str(said["authority"]), attributes)
    client = ""
    if "downstream_remote_address" in said:
        client = _add_address("network.peer", str(said["downstream_remote_address"]), attributes)
    forwarded = said.get("x_forwarded_for")
    if forwarded is not None:
        client = str(forwarded).partition(",")[0].strip()
    if client:
        add(("client.address", client))
    cluster = said.get("upstream_cluster")
    if cluster is None:
        return ""
    direction, service = _of_cluster(str(cluster))
    if direction:
        add(("envoy.direction", direction))
    if direction == "inbound":
        return service
    if service:
        add(("peer.service", service))
    return ""


def _add_address(name: str, text: str, attributes: list[tuple[str, Any]]) -> str:
    """Add an address and, where it names one, its port; returns the address."""
    address, port = _address_and_port(text)
    attributes.append((f"{name}.address", address))
    if port:
        attributes.append((f"{name}.port", port))
    return address


@lru_cache(maxsize=4096)
def _address_and_port(text: str) -> tuple[str, int]:
    """Return host and port of host:port, [v6]:port or a bare address; port 0 where there is none."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and len(port) < 6 and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return text.strip("[]"), 0


@lru_cache(maxsize=4096)
def _of_cluster(cluster: str) -> tuple[str, str]:
    """
    Return direction and service of an upstream cluster's name; '' for what it does not say.

    Istio's are direction|port|subset|host, where inbound ones of late versions lack the host;
    PassthroughCluster and the like lead nowhere known. Others are as somebody chose them.
    """
    parts = cluster.split("|")
    if len(parts) == 4:
        direction = parts[0] if parts[0] in ("inbound", "outbound") else ""
        host = parts[3]
        inside = host.endswith((".svc", ".local")) or ".svc." in host
        return direction, host.partition(".")[0] if inside else host
    plain = cluster.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return "", cluster if plain and "Cluster" not in cluster else ""


def _ids(said: Mapping[str, Any]) -> tuple[bytes, bytes]:
    parent = said.get("traceparent")
    if isinstance(parent, str) and parent.count("-") == 3:
        _, trace, span, _ = parent.split("-")
        return trace_id(trace), span_id(span)
    trace_bytes = trace_id(said.get("trace_id"))
    return trace_bytes, span_id(said.get("span_id")) if trace_bytes else b""


def _line(said: Mapping[str, Any]) -> str:
    """Return the fields in Istio's default layout, without the time."""
    get = said.get
    return (
        f'"{get("method", "-")} {get("path", "-")} {get("protocol", "-")}" '
        f"{get('response_code', 0)} {get('response_flags', '-')} "
        f"{get('response_code_details', '-')} {get('connection_termination_details', '-')} "
        f'"{get("upstream_transport_failure_reason", "-")}" {get("bytes_received", 0)} '
        f"{get('bytes_sent', 0)} {get('duration', '-')} {get('upstream_service_time', '-')} "
        f'"{get("x_forwarded_for", "-")}" "{get("user_agent", "-")}" "{get("request_id", "-")}" '
        f'"{get("authority", "-")}" "{get("upstream_host", "-")}" {get("upstream_cluster", "-")} '
        f"{get('upstream_local_address', '-')} {get('downstream_local_address', '-')} "
        f"{get('downstream_remote_address', '-')} {get('requested_server_name', '-')} "
        f"{get('route_name', '-')}"
    )


def envoy_time_unix_ns(text: str) -> int | None:
    """Return the instant of %START_TIME% in its default form, 2024-03-05T10:00:00.123Z; else None."""
    if len(text) < 20 or text[-1] != "Z":
        return None
    whole_s = _whole_seconds(text[:19])
    fraction = text[20:-1]
    if whole_s is None or (fraction and not (text[19] == "." and fraction.isdigit())):
        return None
    return whole_s * 10**9 + (int(fraction[:9].ljust(9, "0")) if fraction else 0)


@lru_cache(maxsize=4096)
def _whole_seconds(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text + "+00:00")
    except ValueError:
        return None
    return int(moment.timestamp())
