"""Envoy's gRPC access log service: messages as Envoy's own definitions write them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs

from tracepulse.errors import MalformedBody
from tracepulse.receive.admission import admit
from tracepulse.receive.envoy_als import AccessLogStream, response_flags
from tracepulse.receive.envoy_messages import HttpEntry, StreamMessage
from tracepulse.receive.limits import SERVER_LIMITS

CASES = json.loads(
    (Path(__file__).parents[1] / "cases" / "envoy_als" / "messages.json").read_text()
)
MESSAGES = {name: base64.b64decode(CASES[name]) for name in ("http", "tcp", "all_flags")}


def _read(stream: AccessLogStream, body: bytes) -> ResourceLogs:
    request = stream.read(body).to_bytes()
    admitted = admit(request, "logs", SERVER_LIMITS)
    assert (request, 0) == (admitted.body, admitted.rejected_records)
    (resource,) = ExportLogsServiceRequest.FromString(request).resource_logs
    return resource


def _values(attributes: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in attributes
    }


def test_an_http_entry_becomes_what_a_line_would() -> None:
    """Every field that the text format has, the headers and tags that were logged, and the node."""
    resource = _read(AccessLogStream(), MESSAGES["http"])
    assert {
        "service.name": "checkout",
        "service.version": "v2",
        "service.instance.id": "sidecar~10.1.0.9~checkout-7d9f-abcde.shop~shop.svc.cluster.local",
        "k8s.namespace.name": "shop",
        "k8s.pod.name": "checkout-7d9f-abcde",
        "cloud.region": "eu-west-1",
        "cloud.availability_zone": "eu-west-1b",
    } == _values(resource.resource.attributes)
    (scope,) = resource.scope_logs
    (record,) = scope.log_records
    assert scope.scope.name == "mesh-log"
    assert record.time_unix_nano == 1_709_632_800_123_456_789
    assert record.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert record.span_id.hex() == "00f067aa0ba902b7"
    assert record.severity_number == 17
    assert (
        '"POST /pay?id=7 HTTP/2" 503 UF,UAEX,URX upstream_reset - "TLS error: 1" 156 91 28 24'
        ' "10.9.0.1,10.9.0.2" "curl/8.1" "5b2d-77" "payment.shop:8080" "10.1.2.3:8080"'
        " outbound|8080||payment.shop.svc.cluster.local 10.1.0.9:45000 10.96.1.1:8080"
        " 10.1.0.9:33210 payment.shop default"
    ) == record.body.string_value
    assert {
        "http.request.method": "POST",
        "url.path": "/pay",
        "url.query": "id=7",
        "network.protocol.version": "2",
        "http.response.status_code": 503,
        "rpc.grpc.status_code": "14",
        "envoy.response_flags": "UF,UAEX,URX",
        "envoy.response_code_details": "upstream_reset",
        "envoy.upstream_transport_failure_reason": "TLS error: 1",
        "http.request.body.size": 156,
        "http.response.body.size": 91,
        "envoy.duration_ms": 28,
        "envoy.upstream_service_time_ms": 24,
        "client.address": "10.9.0.1",
        "network.peer.address": "10.1.0.9",
        "user_agent.original": "curl/8.1",
        "http.request.header.x-request-id": "5b2d-77",
        "server.address": "payment.shop",
        "server.port": 8080,
        "tls.client.server_name": "payment.shop",
        "envoy.upstream_host": "10.1.2.3:8080",
        "envoy.upstream_cluster": "outbound|8080||payment.shop.svc.cluster.local",
        "envoy.direction": "outbound",
        "peer.service": "payment",
        "envoy.route_name": "default",
        "http.request.header.x-tenant": "acme",
        "http.response.header.content-type": "text/plain",
        "mesh.zone": "blue",
    } == _values(record.attributes)


def test_later_messages_are_of_the_proxy_that_the_first_one_named() -> None:
    """Envoy names its node once; TCP entries have no request and may come before their end."""
    stream = AccessLogStream()
    first = _read(stream, MESSAGES["http"])
    later = _read(stream, MESSAGES["tcp"])
    assert first.resource == later.resource
    (record,) = later.scope_logs[0].log_records
    assert {
        "envoy.connection_termination_details": "idle",
        "http.request.body.size": 10,
        "http.response.body.size": 20,
        "envoy.duration_ms": 5000,
        "envoy.upstream_host": "/run/db.sock",
        "envoy.upstream_cluster": "outbound|5432||db.shop.svc.cluster.local",
        "envoy.direction": "outbound",
        "peer.service": "db",
        "network.peer.address": "fd00::9",
        "client.address": "fd00::9",
        "envoy.intermediate": True,
    } == _values(record.attributes)
    assert record.severity_number == 9


def test_each_flag_has_its_short_name() -> None:
    """All the flags there are, as Envoy's documentation abbreviates them."""
    assert (
        "LH,UH,UT,LR,UR,UF,UC,UO,NR,DI,FI,RL,UAEX,RLSE,DC,URX,SI,IH,DPE,UMSDR,RFCF,NFCF,DT,UPE,NC,"
        "OM,DF,DR"
    ) == response_flags(MESSAGES["all_flags"])


@pytest.mark.parametrize("raw", [b"\xff", b"\x08", b"\x08\xff\xff", b"\x6a\x7f", b"\xff" * 100])
def test_flags_that_are_none(raw: bytes) -> None:
    """Bytes that are no such message are no flags, and no fault."""
    assert isinstance(response_flags(raw), str)


def test_an_entry_that_cannot_be_read_costs_only_itself() -> None:
    """The good entries of a batch are kept and the others counted; text that is not UTF-8 is mended."""
    message = StreamMessage.FromString(MESSAGES["http"])
    good = bytes(message.http_logs.log_entry[0])
    message.http_logs.log_entry.append(b"\x0a\xff")
    message.http_logs.log_entry.append(good.replace(b"curl/8.1", b"curl\xff8.1"))
    stream = AccessLogStream()
    records = _read(stream, message.SerializeToString()).scope_logs[0].log_records
    assert ["curl/8.1", "curl\ufffd8.1"] == [
        _values(record.attributes)["user_agent.original"] for record in records
    ]
    assert {"unreadable": 1} == stream.rejected


@pytest.mark.parametrize("number", [-1, -11, -(2**31), 99, 2**31 - 1])
def test_enums_that_no_version_has_are_left_out(number: int) -> None:
    """An entry with an unknown or negative method or protocol is kept without it."""
    message = StreamMessage.FromString(MESSAGES["http"])
    entry = HttpEntry.FromString(message.http_logs.log_entry[0])
    entry.request.request_method = entry.protocol_version = number
    message.http_logs.log_entry[0] = entry.SerializeToString()
    (record,) = _read(AccessLogStream(), message.SerializeToString()).scope_logs[0].log_records
    values = _values(record.attributes)
    assert "/pay" == values["url.path"]
    assert not {"http.request.method", "network.protocol.version"} & values.keys()


def test_what_is_no_message_is_refused() -> None:
    """Bytes that protobuf cannot read at all are malformed, whatever the stream said before."""
    with pytest.raises(MalformedBody):
        AccessLogStream().read(b"\x0a\xff")
