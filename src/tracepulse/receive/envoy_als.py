"""
Envoy's gRPC access log service: one stream message to log records.

A stream is of one proxy, which names itself in the first message. Each HTTP or TCP entry becomes the
record that a line of the text format would become; headers and custom tags that the operator
had logged are attributes, and trace ids are looked for among them.

Source: https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/accesslog/v3/als.proto
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError

from tracepulse.errors import MalformedBody
from tracepulse.receive.access_records import access_record, ids_of
from tracepulse.receive.admission import UNREADABLE
from tracepulse.receive.envoy_messages import (
    AddressMessage,
    HttpEntry,
    NodeMessage,
    StreamMessage,
    TcpEntry,
)
from tracepulse.receive.log_writer import LogWriter

__all__ = ["AccessLogStream", "response_flags"]

_METHODS = (
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
)  # fmt: skip
_PROTOCOLS = ("", "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3")
_FLAGS = (
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC",
    "URX", "SI", "IH", "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DR",
)  # fmt: skip
"""Short names of the flags in the order of their field numbers, from 1."""
_TRACE_KEYS = ("x-b3-traceid", "trace_id", "traceid", "b3.traceid")
_SPAN_KEYS = ("x-b3-spanid", "span_id", "spanid", "b3.spanid")
_MAX_FLAGS_BYTES = 128
_MAX_ADDRESS_BYTES = 512
_MAX_NODE_BYTES = 64 * 1024
"""Istio's are a few KiB. A longer one has no resource made of it."""

Resource = tuple[tuple[str, Any], ...]


@dataclass(slots=True)
class AccessLogStream:
    """One proxy's stream; remembers who that is."""

    resource: Resource = ()
    scope: tuple[str, str] = ("", "")
    rejected: Counter[str] = field(default_factory=Counter)
    """Entries of the last message that could not be read."""

    def read(self, body: bytes) -> LogWriter:
        """
        Return the records of one message.

        Raises:
            MalformedBody: it is not a StreamAccessLogsMessage.
        """
        try:
            message = StreamMessage.FromString(body)
        except DecodeError as error:
            raise MalformedBody(f"not a StreamAccessLogsMessage: {error}") from error
        if message.HasField("identifier"):
            self.resource = _resource_of(message.identifier.node)
            self.scope = (_text(message.identifier.log_name), "")
        writer = LogWriter()
        self.rejected = Counter()
        for entries, kind in (
            (message.http_logs.log_entry, HttpEntry),
            (message.tcp_logs.log_entry, TcpEntry),
        ):
            for entry in entries:
                try:
                    read = kind.FromString(entry)
                except DecodeError:
                    self.rejected[UNREADABLE] += 1
                    continue
                self._add(writer, read, kind is HttpEntry)
        return writer

    def _add(self, writer: LogWriter, entry: Any, is_http: bool) -> None:
        common = entry.common_properties
        further: list[tuple[str, Any]] = []
        if is_http:
            request, response = entry.request, entry.response
            method = _METHODS[request.request_method] if request.request_method < 10 else ""
            agent, request_id = request.user_agent, request.request_id
            path = request.original_path or request.path
            sizes = [request.request_body_bytes, response.response_body_bytes]
            details, code = response.response_code_details, str(response.response_code.value)
            protocol = _PROTOCOLS[entry.protocol_version] if entry.protocol_version < 5 else ""
            authority, forwarded = request.authority, request.forwarded_for
            ids, grpc_status = _headers(request, response, further)
        else:
            connection = entry.connection_properties
            method = protocol = grpc_status = ""
            agent = request_id = path = details = authority = forwarded = b""
            sizes, code = [connection.received_bytes, connection.sent_bytes], "0"
            ids = (b"", b"")
        if common.custom_tags:
            tagged = _tags(common, further)
            ids = ids if ids[0] else tagged
        record = access_record(
            (
                method, response_flags(common.response_flags), _text(details),
                _text(common.connection_termination_details),
                _text(common.upstream_transport_failure_reason), _text(agent), _text(request_id),
                _address(common.upstream_remote_address), _text(common.upstream_cluster),
                _text(common.tls_properties.tls_sni_hostname), _text(common.route_name),
                grpc_status,
            ),
            (*sizes, *_lengths_ms(common)),
            (
                "", code, _text(path), protocol, _text(authority), _text(forwarded),
                _address(common.downstream_remote_address),
            ),
            ids=ids,
        )  # fmt: skip
        if common.intermediate_log_entry:
            further.append(("envoy.intermediate", True))
        start = common.start_time
        writer.add(
            self.resource,
            record.body,
            time_unix_ns=max(start.seconds * 10**9 + start.nanos, 0),
            severity_number=record.severity_number,
            attributes=record.attributes + further if further else record.attributes,
            trace_id=record.trace_id,
            span_id=record.span_id,
            scope=self.scope,
        )


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _lengths_ms(common: Any) -> tuple[int | str, int | str]:
    """Return how long the request and its upstream took; '' for what is not known."""
    whole = common.duration
    if not (whole.seconds or whole.nanos):
        whole = common.time_to_last_downstream_tx_byte
    end = common.time_to_last_upstream_rx_byte
    upstream: int | str = ""
    if end.seconds or end.nanos:
        upstream = max(_ms(end) - _ms(common.time_to_first_upstream_tx_byte), 0)
    return _ms(whole), upstream


def _ms(length: Any) -> int:
    return int(length.seconds * 1000 + length.nanos // 1_000_000)


def _headers(
    request: Any, response: Any, further: list[tuple[str, Any]]
) -> tuple[tuple[bytes, bytes], str]:
    """Add the headers that were logged; returns the trace's ids and gRPC's status among them."""
    ids, grpc_status = (b"", b""), ""
    if request.request_headers:
        headers = {_text(pair.key).lower(): _text(pair.value) for pair in request.request_headers}
        ids = _ids_among(headers)
        further += [(f"http.request.header.{key}", value) for key, value in headers.items()]
    for pairs in (response.response_headers, response.response_trailers):
        for pair in pairs:
            key, value = _text(pair.key).lower(), _text(pair.value)
            if key == "grpc-status":
                grpc_status = value
            else:
                further.append((f"http.response.header.{key}", value))
    return ids, grpc_status


def _tags(common: Any, further: list[tuple[str, Any]]) -> tuple[bytes, bytes]:
    tags = {_text(pair.key): _text(pair.value) for pair in common.custom_tags}
    further += list(tags.items())
    return _ids_among({key.lower(): value for key, value in tags.items()})


def _ids_among(values: dict[str, str]) -> tuple[bytes, bytes]:
    trace = next((values[key] for key in _TRACE_KEYS if key in values), "")
    span = next((values[key] for key in _SPAN_KEYS if key in values), "")
    return ids_of(values.get("traceparent"), trace, span)


def response_flags(raw: bytes) -> str:
    """
    Return a ResponseFlags message as the text format writes it: short names with commas; '' for none.

    Its fields are truths but for one, a message whose presence counts; so numbers are all there is
    to read, and those of later versions are left out.
    """
    return _flags(raw) if 0 < len(raw) <= _MAX_FLAGS_BYTES else ""


@lru_cache(maxsize=1024)
def _flags(raw: bytes) -> str:
    names, at = [], 0
    while at + 1 < len(raw):
        tag = raw[at]
        at += 1
        if tag & 0x80:
            tag = (tag & 0x7F) | raw[at] << 7
            at += 1
        number, kind = tag >> 3, tag & 7
        if at >= len(raw) or kind not in (0, 2):
            break
        if (kind == 2 or raw[at]) and 0 < number <= len(_FLAGS):
            names.append(_FLAGS[number - 1])
        at += 1 + (raw[at] if kind == 2 else 0)
    return ",".join(names)


def _address(raw: bytes) -> str:
    """Return an Address message as host:port, or the path of a pipe; '' for any other."""
    return _read_address(raw) if 0 < len(raw) <= _MAX_ADDRESS_BYTES else ""


@lru_cache(maxsize=8192)
def _read_address(raw: bytes) -> str:
    try:
        address = AddressMessage.FromString(raw)
    except DecodeError:
        return ""
    host = _text(address.socket_address.address)
    if not host:
        return _text(address.pipe.path)
    port = address.socket_address.port_value
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _resource_of(raw: bytes) -> Resource:
    """Return the resource of a Node: with Istio's metadata, the workload's; else the cluster's."""
    if len(raw) > _MAX_NODE_BYTES:
        return ()
    try:
        node = NodeMessage.FromString(raw)
    except DecodeError:
        return ()
    said = _strings(node.metadata)
    labels = next(
        (_strings(p.value.struct_value) for p in node.metadata.fields if p.key == b"LABELS"), {}
    )
    namespace = said.get("NAMESPACE", "")
    cluster = _text(node.cluster)
    service = (
        labels.get("service.istio.io/canonical-name")
        or labels.get("app.kubernetes.io/name")
        or labels.get("app")
        or said.get("WORKLOAD_NAME")
        or (cluster.removesuffix(f".{namespace}") if namespace else cluster)
    )
    version = labels.get("service.istio.io/canonical-revision") or labels.get("version") or ""
    found = (
        ("service.name", service),
        ("service.version", "" if version == "latest" else version),
        ("service.instance.id", _text(node.id)),
        ("k8s.namespace.name", namespace),
        ("k8s.pod.name", said.get("NAME", "")),
        ("cloud.region", _text(node.locality.region)),
        ("cloud.availability_zone", _text(node.locality.zone)),
    )
    return tuple((name, value) for name, value in found if value)


def _strings(struct: Any) -> dict[str, str]:
    return {
        _text(pair.key): _text(pair.value.string_value)
        for pair in struct.fields
        if pair.value.string_value
    }
