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
from tracepulse.receive.access_records import (
    TEXT_FIELDS,
    access_record,
    add_own_attributes,
    default_line,
    ids_of,
)
from tracepulse.receive.admission import UNREADABLE
from tracepulse.receive.envoy_messages import (
    AddressMessage,
    HttpEntry,
    NodeMessage,
    StreamMessage,
    TcpEntry,
    read_message,
)
from tracepulse.receive.log_writer import LogWriter, pack_attributes

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
_ID_KEYS = {
    "traceparent": "traceparent",
    "x-b3-traceid": "trace",
    "trace_id": "trace",
    "traceid": "trace",
    "x-b3-spanid": "span",
    "span_id": "span",
    "spanid": "span",
}
_NO_IDS = (b"", b"")
_REQUEST_ID = TEXT_FIELDS.index("request_id")
_MAX_SHARED_CHARACTERS = 1000
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
            message = read_message(StreamMessage, body)
        except DecodeError as error:
            raise MalformedBody(f"not a StreamAccessLogsMessage: {error}") from error
        if message.HasField("identifier"):
            self.resource = _resource_of(message.identifier.node)
            self.scope = (message.identifier.log_name, "")
        writer = LogWriter()
        self.rejected = Counter()
        for entries, kind in (
            (message.http_logs.log_entry, HttpEntry),
            (message.tcp_logs.log_entry, TcpEntry),
        ):
            for entry in entries:
                try:
                    read = read_message(kind, entry)
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
            method = _named(_METHODS, request.request_method)
            agent, request_id = request.user_agent, request.request_id
            path = request.original_path or request.path
            sizes = [request.request_body_bytes, response.response_body_bytes]
            details, code = response.response_code_details, str(response.response_code.value)
            protocol = _named(_PROTOCOLS, entry.protocol_version)
            authority, forwarded = request.authority, request.forwarded_for
            ids, grpc_status = _headers(request, response, further)
        else:
            connection = entry.connection_properties
            method = protocol = grpc_status = ""
            agent = request_id = path = details = authority = forwarded = ""
            sizes, code = [connection.received_bytes, connection.sent_bytes], "0"
            ids = _NO_IDS
        if common.custom_tags:
            tagged = _add_named(common.custom_tags, "", further)
            ids = ids if ids[0] else tagged
        texts = (
            method, response_flags(common.response_flags), details,
            common.connection_termination_details, common.upstream_transport_failure_reason, agent,
            "", _address(common.upstream_remote_address), common.upstream_cluster,
            common.tls_properties.tls_sni_hostname, common.route_name, grpc_status,
        )  # fmt: skip
        peer = _address(common.downstream_remote_address)
        numbers = (*sizes, *_lengths_ms(common))
        severity, shared = _shared(texts, code, protocol, authority)
        if request_id:
            further.append(("http.request.header.x-request-id", request_id))
        add_own_attributes(further, path, forwarded, peer, numbers)
        if common.intermediate_log_entry:
            further.append(("envoy.intermediate", True))
        start = common.start_time
        writer.add(
            self.resource,
            default_line(
                (*texts[:_REQUEST_ID], request_id, *texts[_REQUEST_ID + 1 :]),
                numbers,
                (
                    "",
                    code,
                    path,
                    protocol,
                    authority,
                    forwarded,
                    peer,
                    _address(common.upstream_local_address),
                    _address(common.downstream_local_address),
                ),
            ),
            time_unix_ns=max(start.seconds * 10**9 + start.nanos, 0),
            severity_number=severity,
            attributes=further,
            packed_attributes=shared,
            trace_id=ids[0],
            span_id=ids[1],
            scope=self.scope,
        )


def _named(names: tuple[str, ...], number: int) -> str:
    """Return the name of an enum's number; '' for one that is not there, which may be negative."""
    return names[number] if 0 <= number < len(names) else ""


Texts = tuple[str, str, str, str, str, str, str, str, str, str, str, str]


def _shared(texts: Texts, code: str, protocol: str, authority: str) -> tuple[int, bytes]:
    """Return severity and packed attributes of what many requests of a proxy have in common."""
    if sum(map(len, texts)) + len(authority) > _MAX_SHARED_CHARACTERS:
        return _pack_shared.__wrapped__(texts, code, protocol, authority)
    return _pack_shared(texts, code, protocol, authority)


@lru_cache(maxsize=2048)
def _pack_shared(texts: Texts, code: str, protocol: str, authority: str) -> tuple[int, bytes]:
    others = ("", code, "", protocol, authority, "", "", "", "")
    record = access_record(texts, ("", "", "", ""), others, " ")
    return record.severity_number, pack_attributes(record.attributes)


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
    ids, grpc_status = _NO_IDS, ""
    if request.request_headers:
        ids = _add_named(request.request_headers, "http.request.header.", further)
    for pairs in (response.response_headers, response.response_trailers):
        for pair in pairs:
            key = pair.key
            if key == "grpc-status":
                grpc_status = pair.value
            else:
                further.append((f"http.response.header.{key}", pair.value))
    return ids, grpc_status


def _add_named(pairs: Any, prefix: str, further: list[tuple[str, Any]]) -> tuple[bytes, bytes]:
    """Add headers or tags, but for the trace's ids, which are returned."""
    named: dict[str, str] = {}
    for pair in pairs:
        role = _ID_KEYS.get(pair.key.lower())
        if role is None:
            further.append((prefix + pair.key, pair.value))
        else:
            named[role] = pair.value
    if not named:
        return _NO_IDS
    return ids_of(named.get("traceparent"), named.get("trace"), named.get("span"))


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
        address = read_message(AddressMessage, raw)
    except DecodeError:
        return ""
    host = address.socket_address.address
    if not host:
        return str(address.pipe.path)
    port = address.socket_address.port_value
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _resource_of(raw: bytes) -> Resource:
    """Return the resource of a Node: with Istio's metadata, the workload's; else the cluster's."""
    if len(raw) > _MAX_NODE_BYTES:
        return ()
    try:
        node = read_message(NodeMessage, raw)
    except DecodeError:
        return ()
    said = _strings(node.metadata)
    labels = next(
        (_strings(p.value.struct_value) for p in node.metadata.fields if p.key == "LABELS"), {}
    )
    namespace = said.get("NAMESPACE", "")
    cluster = node.cluster
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
        ("service.instance.id", node.id),
        ("k8s.namespace.name", namespace),
        ("k8s.pod.name", said.get("NAME", "")),
        ("cloud.region", node.locality.region),
        ("cloud.availability_zone", node.locality.zone),
    )
    return tuple((name, value) for name, value in found if value)


def _strings(struct: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in struct.fields if pair.value.string_value}
