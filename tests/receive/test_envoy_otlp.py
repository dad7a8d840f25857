"""Access logs that a proxy sends as OTLP: read as its lines are; nobody else's request is touched."""

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.otlp_requests import log, logs

from tracepulse.receive.any_value import add_attributes, fill_any_value
from tracepulse.receive.envoy_otlp import from_proxy

NODE = "sidecar~10.1.0.9~checkout-7d9f-abcde.shop~shop.svc.cluster.local"
LABELS = {
    "log_name": "otel_envoy_accesslog",
    "zone_name": "eu-west-1b",
    "cluster_name": "checkout.shop",
    "node_name": NODE,
}
LINE = (
    '[2024-03-05T10:00:00.123Z] "POST /pay HTTP/1.1" 503 UF via_upstream - "-" 156 91 25 24'
    ' "-" "curl/8.1" "5b2d-77" "payment.shop:8080" "10.1.2.3:8080"'
    " outbound|8080||payment.shop.svc.cluster.local 10.1.0.9:4 10.96.1.1:8080 10.1.0.9:3 - default\n"
)
FIELDS = {
    "response_code": "503",
    "response_flags": "UF",
    "duration": "25",
    "method": "POST",
    "upstream_cluster": "outbound|8080||payment.shop.svc.cluster.local",
}


def _request(
    body: Any, attributes: dict[str, Any], labels: dict[str, Any]
) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    add_attributes(group.resource.attributes, labels.items())
    record = group.scope_logs.add().log_records.add(time_unix_nano=7, trace_id=b"t" * 16)
    fill_any_value(record.body, body)
    add_attributes(record.attributes, attributes.items())
    return request


def _values(owner: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in owner.attributes
    }


@pytest.mark.parametrize(
    ("body", "attributes"),
    [(LINE, {"mine": "1"}), (FIELDS | {"mine": "1"}, {}), ("request", FIELDS | {"mine": "1"})],
    ids=["line", "fields", "attributes"],
)
def test_a_proxys_records_are_read(body: Any, attributes: dict[str, Any]) -> None:
    """A line, fields as the body, or fields as attributes: the same meaning, and the proxy's service."""
    request = _request(body, attributes, LABELS | {"region": "north"})
    read = ExportLogsServiceRequest.FromString(from_proxy(request.SerializeToString()))
    (group,) = read.resource_logs
    (record,) = group.scope_logs[0].log_records
    assert {
        "service.name": "checkout",
        "service.instance.id": NODE,
        "k8s.namespace.name": "shop",
        "k8s.pod.name": "checkout-7d9f-abcde",
        "cloud.availability_zone": "eu-west-1b",
        "region": "north",
    } == _values(group.resource)
    assert group.scope_logs[0].scope.name == "otel_envoy_accesslog"
    assert (7, b"t" * 16, 17) == (record.time_unix_nano, record.trace_id, record.severity_number)
    assert record.body.string_value.startswith('"POST ')
    assert {
        "http.request.method": "POST",
        "http.response.status_code": 503,
        "envoy.response_flags": "UF",
        "envoy.duration_ms": 25,
        "peer.service": "payment",
        "mine": "1",
    }.items() <= _values(record).items()


def test_a_record_in_a_format_of_ones_own_is_kept_as_it_is() -> None:
    """Only the resource's names are added where a body says nothing that is known."""
    request = _request("GET took 25", {"mine": "1"}, LABELS)
    read = ExportLogsServiceRequest.FromString(from_proxy(request.SerializeToString()))
    (record,) = read.resource_logs[0].scope_logs[0].log_records
    assert ("GET took 25", 0, {"mine": "1"}) == (
        record.body.string_value,
        record.severity_number,
        _values(record),
    )


@pytest.mark.parametrize(
    "body",
    [
        logs(log()).SerializeToString(),
        _request(LINE, {}, {"log_name": "mine"}).SerializeToString(),
        _request(LINE, {}, LABELS).SerializeToString() + logs(log()).SerializeToString(),
        b"\x0a\x08log_name\xff\xff",
    ],
    ids=["other", "one label", "mixed", "unreadable"],
)
def test_what_is_not_a_proxys_stays_byte_for_byte(body: bytes) -> None:
    """Nobody else's records are rewritten, whatever they are called."""
    assert body is from_proxy(body)
