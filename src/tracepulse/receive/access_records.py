"""
What an Envoy access log says of one request, as a log record with OpenTelemetry's names.

Fields are called here as Istio's JSON format calls them, whatever they came in: a line of text
(`access_lines.py`), JSON (`access_json.py`), or the gRPC access log service (`envoy_als.py`). '-' is how Envoy writes that
it has nothing to say, and such fields are left out.

Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage and
https://istio.io/latest/docs/tasks/observability/logs/access-log/
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from tracepulse.receive.log_fields import span_id, trace_id

__all__ = [
    "NUMBER_FIELDS",
    "OTHER_FIELDS",
    "TEXT_FIELDS",
    "AccessRecord",
    "access_record",
    "add_own_attributes",
    "default_line",
    "envoy_time_unix_ns",
    "ids_of",
]

ERROR, INFO = 17, 9
"""Severity of a request that the service or the way to it failed, and of any other. A client's own
mistake (4xx) or departure (DC) is no failure of the service."""
_NO_FAILURE = ("", "-", "DC")
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


TEXT_FIELDS = (
    "method",
    "response_flags",
    "response_code_details",
    "connection_termination_details",
    "upstream_transport_failure_reason",
    "user_agent",
    "request_id",
    "upstream_host",
    "upstream_cluster",
    "requested_server_name",
    "route_name",
    "grpc_status",
)
_TEXT_ATTRIBUTES = (
    "http.request.method",
    "envoy.response_flags",
    "envoy.response_code_details",
    "envoy.connection_termination_details",
    "envoy.upstream_transport_failure_reason",
    "user_agent.original",
    "http.request.header.x-request-id",
    "envoy.upstream_host",
    "envoy.upstream_cluster",
    "tls.client.server_name",
    "envoy.route_name",
    "rpc.grpc.status_code",
)
NUMBER_FIELDS = ("bytes_received", "bytes_sent", "duration", "upstream_service_time")
_NUMBER_ATTRIBUTES = (
    "http.request.body.size",
    "http.response.body.size",
    "envoy.duration_ms",
    "envoy.upstream_service_time_ms",
)
OTHER_FIELDS = (
    "start_time",
    "response_code",
    "path",
    "protocol",
    "authority",
    "x_forwarded_for",
    "downstream_remote_address",
    "upstream_local_address",
    "downstream_local_address",
)
_FLAGS, _CLUSTER, _GRPC_STATUS = (
    TEXT_FIELDS.index(name) for name in ("response_flags", "upstream_cluster", "grpc_status")
)


def access_record(
    texts: Sequence[str],
    numbers: Sequence[str | int],
    others: Sequence[str],
    body: str = "",
    ids: tuple[bytes, bytes] = (b"", b""),
) -> AccessRecord:
    """
    Return the record of one request; values of '-' or '' are not there.

    Args:
        texts: the values of TEXT_FIELDS, in that order.
        numbers: those of NUMBER_FIELDS, in bytes and ms.
        others: those of OTHER_FIELDS.
        body: the line without its time; '' has it put together.
        ids: of trace and span.
    """
    time, code, path, protocol, authority, forwarded, peer, _, _ = others
    attributes: list[tuple[str, Any]] = [
        (name, text)
        for name, text in zip(_TEXT_ATTRIBUTES, texts, strict=True)
        if text and text != "-"
    ]
    status = int(code) if code.isdecimal() and len(code) < 4 else 0
    if status:
        attributes.append(("http.response.status_code", status))
    if "/" in protocol:
        attributes.append(("network.protocol.version", protocol.partition("/")[2]))
    service = _add_places(authority, texts[_CLUSTER], attributes)
    add_own_attributes(attributes, path, forwarded, peer, numbers)
    return AccessRecord(
        envoy_time_unix_ns(time),
        _severity(status, texts[_FLAGS], texts[_GRPC_STATUS]),
        body or default_line(texts, numbers, others),
        attributes,
        *ids,
        service,
    )


def add_own_attributes(
    attributes: list[tuple[str, Any]],
    path: str,
    forwarded: str,
    peer: str,
    numbers: Sequence[str | int],
) -> None:
    """Add what is the request's own: its path, who asked, and the values of NUMBER_FIELDS."""
    add = attributes.append
    for name, value in zip(_NUMBER_ATTRIBUTES, numbers, strict=True):
        if type(value) is int:
            add((name, value))
        elif value.isdecimal() and len(value) < _MAX_DIGITS:  # type: ignore[union-attr, arg-type]
            add((name, int(value)))
    if path and path != "-":
        path, asked, query = path.partition("?")
        add(("url.path", path))
        if asked:
            add(("url.query", query))
    client = ""
    if peer and peer != "-":
        client = _address_and_port(peer)[0]
        add(("network.peer.address", client))
    if forwarded and forwarded != "-":
        client = forwarded.partition(",")[0].strip()
    if client:
        add(("client.address", client))


_MAX_DIGITS = 19
_LATEST_S = 9_223_372_036
"""In 2262, where nanoseconds end that have 64 bits."""
_REMEMBERED_CHARACTERS = 300
"""No host name or cluster is longer; what is, is not worth the memory of looking it up again."""


def _severity(status: int, flags: str, grpc_status: str) -> int:
    if status >= 500 or grpc_status in _GRPC_FAILURES:
        return ERROR
    return ERROR if status == 0 and flags not in _NO_FAILURE else INFO


def _add_places(authority: str, cluster: str, attributes: list[tuple[str, Any]]) -> str:
    """Add for whom the request was, and whither it was sent; returns the writer's service."""
    add = attributes.append
    if authority and authority != "-":
        address, port = _address_and_port(authority)
        add(("server.address", address))
        if port:
            add(("server.port", port))
    if not cluster or cluster == "-":
        return ""
    direction, service = _of_cluster(cluster)
    if direction:
        add(("envoy.direction", direction))
    if direction == "inbound":
        return service
    if service:
        add(("peer.service", service))
    return ""


def _address_and_port(text: str) -> tuple[str, int]:
    """Return host and port of host:port, [v6]:port or a bare address; port 0 where there is none."""
    return _split_address(text) if len(text) <= _REMEMBERED_CHARACTERS else (text, 0)


@lru_cache(maxsize=8192)
def _split_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and len(port) < 6 and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return text.strip("[]"), 0


def _of_cluster(cluster: str) -> tuple[str, str]:
    return _split_cluster(cluster) if len(cluster) <= _REMEMBERED_CHARACTERS else ("", "")


@lru_cache(maxsize=8192)
def _split_cluster(cluster: str) -> tuple[str, str]:
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


def default_line(texts: Sequence[str], numbers: Sequence[str | int], others: Sequence[str]) -> str:
    """Return the fields in Istio's default layout, without the time."""
    method, flags, details, ended, failure, agent, request, host, cluster, sni, route, _ = texts
    received, sent, length, upstream = numbers
    _, code, path, protocol, authority, forwarded, peer, sent_from, came_to = others
    return (
        f'"{method or "-"} {path or "-"} {protocol or "-"}" {code or "0"} {flags or "-"} '
        f'{details or "-"} {ended or "-"} "{failure or "-"}" {received or 0} {sent or 0} {length or 0} '
        f'{"-" if upstream == "" else upstream} "{forwarded or "-"}" "{agent or "-"}" '
        f'"{request or "-"}" "{authority or "-"}" "{host or "-"}" {cluster or "-"} '
        f"{sent_from or '-'} {came_to or '-'} {peer or '-'} {sni or '-'} {route or '-'}"
    )


def ids_of(traceparent: Any, trace: Any, span: Any) -> tuple[bytes, bytes]:
    """Return the ids in a traceparent or, without one, in hex; b'' for what is not there."""
    if isinstance(traceparent, str) and traceparent.count("-") == 3:
        _, trace, span, _ = traceparent.split("-")
    trace_bytes = trace_id(trace)
    return trace_bytes, span_id(span) if trace_bytes else b""


def envoy_time_unix_ns(text: str) -> int | None:
    """Return the instant of %START_TIME% in its default form, 2024-03-05T10:00:00.123Z; else None."""
    if len(text) < 20 or text[-1] != "Z":
        return None
    whole_s = _whole_seconds(text[:19])
    fraction = text[20:-1]
    if whole_s is None or (fraction and not (text[19] == "." and fraction.isdecimal())):
        return None
    return whole_s * 10**9 + (int(fraction[:9].ljust(9, "0")) if fraction else 0)


@lru_cache(maxsize=4096)
def _whole_seconds(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text + "+00:00")
    except ValueError:
        return None
    whole_s = int(moment.timestamp())
    return whole_s if 0 <= whole_s <= _LATEST_S else None
