"""Access logs of Envoy and Istio as text and JSON: each format's fields, and what they mean."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tracepulse.receive.log_lines import LogSource, read_log_file

REFERENCE_NS = int(datetime(2024, 3, 5, 12, tzinfo=UTC).timestamp()) * 10**9
TIME_NS = int(datetime(2024, 3, 5, 10, tzinfo=UTC).timestamp()) * 10**9 + 123_000_000
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

START = '[2024-03-05T10:00:00.123Z] "POST /pay?id=7 HTTP/1.1" '
QUOTED = '"10.9.0.1,10.9.0.2" "curl/8.1" "5b2d-77" "payment.shop:8080" "10.1.2.3:8080"'
CLUSTER = "outbound|8080||payment.shop.svc.cluster.local"
ADDRESSES = "10.1.0.9:45000 10.96.1.1:8080 10.1.0.9:33210"

FORMATS = {
    "envoy": f"503 UF 156 91 25 - {QUOTED}",
    "istio-1.0": f"503 UF 156 91 25 - {QUOTED} {CLUSTER} {ADDRESSES} -",
    "istio-1.5": f'503 UF "-" "TLS error: 1" 156 91 25 - {QUOTED} {CLUSTER} {ADDRESSES} - default',
    "istio-1.8": f'503 UF "TLS error: 1" 156 91 25 - {QUOTED} {CLUSTER} {ADDRESSES} - default',
    "istio": "503 UF upstream_reset_before_response_started{connection_failure} - "
    f'"TLS error: 1" 156 91 25 - {QUOTED} {CLUSTER} {ADDRESSES} - default',
}
EVERYWHERE: dict[str, Any] = {
    "http.request.method": "POST",
    "url.path": "/pay",
    "url.query": "id=7",
    "network.protocol.version": "1.1",
    "http.response.status_code": 503,
    "envoy.response_flags": "UF",
    "http.request.body.size": 156,
    "http.response.body.size": 91,
    "envoy.duration_ms": 25,
    "client.address": "10.9.0.1",
    "user_agent.original": "curl/8.1",
    "http.request.header.x-request-id": "5b2d-77",
    "server.address": "payment.shop",
    "server.port": 8080,
    "envoy.upstream_host": "10.1.2.3:8080",
}
IN_THE_MESH: dict[str, Any] = {
    "envoy.upstream_cluster": CLUSTER,
    "envoy.direction": "outbound",
    "peer.service": "payment",
    "network.peer.address": "10.1.0.9",
}


def _record(line: str) -> tuple[LogRecord, dict[str, Any], str]:
    """Return the only record of a file of one line, its attributes, and its service."""
    (request,) = read_log_file(
        io.BytesIO(line.encode() + b"\n"), LogSource(REFERENCE_NS, service="from-the-file")
    )
    (resource,) = request.resource_logs
    (record,) = resource.scope_logs[0].log_records
    values = {
        a.key: getattr(a.value, a.value.WhichOneof("value") or "string_value")
        for a in record.attributes
    }
    assert line[:4096] == values.pop("log.record.original")
    return record, values, resource.resource.attributes[0].value.string_value


@pytest.mark.parametrize("version", FORMATS)
def test_each_default_format_is_read_whole(version: str) -> None:
    """Whatever the version, each field becomes the attribute that means it."""
    record, values, service = _record(START + FORMATS[version])
    expected = dict(EVERYWHERE)
    if version != "envoy":
        expected |= IN_THE_MESH
    if version not in ("envoy", "istio-1.0"):
        expected |= {
            "envoy.upstream_transport_failure_reason": "TLS error: 1",
            "envoy.route_name": "default",
        }
    if version == "istio":
        expected["envoy.response_code_details"] = (
            "upstream_reset_before_response_started{connection_failure}"
        )
    assert expected == values
    assert TIME_NS == record.time_unix_nano
    assert (START + FORMATS[version]).partition("] ")[2] == record.body.string_value
    assert record.severity_number == 17
    assert service == "from-the-file"


JSON_FIELDS: dict[str, Any] = {
    "authority": "payment.shop:8080",
    "bytes_received": 156,
    "bytes_sent": "91",
    "connection_termination_details": None,
    "downstream_local_address": "10.96.1.1:8080",
    "downstream_remote_address": "10.1.0.9:33210",
    "duration": 25,
    "method": "POST",
    "path": "/pay?id=7",
    "protocol": "HTTP/1.1",
    "request_id": "5b2d-77",
    "requested_server_name": "-",
    "response_code": "503",
    "response_code_details": "upstream_reset_before_response_started{connection_failure}",
    "response_flags": "UF",
    "route_name": "default",
    "start_time": "2024-03-05T10:00:00.123Z",
    "upstream_cluster": CLUSTER,
    "upstream_host": "10.1.2.3:8080",
    "upstream_local_address": "10.1.0.9:45000",
    "upstream_service_time": None,
    "upstream_transport_failure_reason": "TLS error: 1",
    "user_agent": "curl/8.1",
    "x_forwarded_for": "10.9.0.1,10.9.0.2",
}


def test_json_says_what_text_says() -> None:
    """Istio's JSON format gives the same record as its text format."""
    text, text_values, _ = _record(START + FORMATS["istio"])
    record, values, _ = _record(json.dumps(JSON_FIELDS))
    assert text_values == values
    assert text.body.string_value == record.body.string_value
    assert text.time_unix_nano == record.time_unix_nano
    assert text.severity_number == record.severity_number


def test_json_under_other_names_and_with_fields_of_ones_own() -> None:
    """Envoy Gateway's names mean the same; a field that is nobody's stays as it is."""
    gateway = {
        "start_time": "2024-03-05T10:00:00.123Z",
        ":authority": "payment.shop:8080",
        "x-envoy-origin-path": "/pay",
        "x-envoy-upstream-service-time": "24",
        "x-request-id": "5b2d-77",
        "user-agent": "curl/8.1",
        "response_code": 200,
        "response_flags": "-",
        "x-b3-traceid": TRACE,
        "pod": "gateway-1",
    }
    record, values, _ = _record(json.dumps(gateway))
    assert {
        "server.address": "payment.shop",
        "server.port": 8080,
        "url.path": "/pay",
        "envoy.upstream_service_time_ms": 24,
        "http.request.header.x-request-id": "5b2d-77",
        "user_agent.original": "curl/8.1",
        "http.response.status_code": 200,
        "pod": "gateway-1",
    } == values
    assert bytes.fromhex(TRACE) == record.trace_id
    assert record.severity_number == 9


@pytest.mark.parametrize(
    "added", [f"{TRACE} {SPAN}", f'"{TRACE}" "{SPAN}"', f"00-{TRACE}-{SPAN}-01"]
)
def test_a_trace_that_somebody_added_to_the_format_is_found(added: str) -> None:
    """Operators append their trace headers: bare, quoted, or as a traceparent."""
    record, values, _ = _record(f"{START}{FORMATS['istio']} {added}")
    assert (bytes.fromhex(TRACE), bytes.fromhex(SPAN)) == (record.trace_id, record.span_id)
    assert values["envoy.route_name"] == "default"


def test_a_user_agent_with_quotes() -> None:
    """Envoy does not escape quotes: the fields after the agent are still the right ones."""
    line = START + FORMATS["istio"].replace("curl/8.1", 'my "own" agent')
    _, values, _ = _record(line)
    assert values["user_agent.original"] == 'my "own" agent'
    assert values["http.request.header.x-request-id"] == "5b2d-77"
    assert values["peer.service"] == "payment"


@pytest.mark.parametrize(
    ("code", "flags", "severity"),
    [(200, "-", 9), (404, "NR", 9), (500, "-", 17), (0, "DC", 9), (0, "UF,URX", 17), (0, "-", 9)],
)
def test_only_failures_of_the_service_are_errors(code: int, flags: str, severity: int) -> None:
    """A client's mistake or departure is no error; a connection that never came about is one."""
    record, _, _ = _record(f'{START}{code} {flags} - - "-" 1 2 3 - {QUOTED} {CLUSTER}')
    assert severity == record.severity_number


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ("inbound|8080||", ("inbound", None, "from-the-file")),
        ("inbound|8080|http|payment.shop.svc.cluster.local", ("inbound", None, "payment")),
        ("outbound|443||api.example.com", ("outbound", "api.example.com", "from-the-file")),
        ("PassthroughCluster", (None, None, "from-the-file")),
        ("cart_service", (None, "cart_service", "from-the-file")),
        ("httproute/shop/cart/rule/0", (None, None, "from-the-file")),
    ],
)
def test_what_a_cluster_says(cluster: str, expected: tuple[Any, ...]) -> None:
    """An outbound cluster names who is called; an old inbound one, whose proxy it is."""
    _, values, service = _record(f'{START}200 - via_upstream - "-" 1 2 3 2 {QUOTED} {cluster}')
    assert expected == (values.get("envoy.direction"), values.get("peer.service"), service)


def test_a_line_of_no_known_format_stays_a_line() -> None:
    """What only looks like an access log is read as any text with a time is."""
    line = '[2024-03-05T10:00:00.123Z] "quoted" and "more" of it'
    record, values, _ = _record(line)
    assert record.time_unix_nano == TIME_NS
    assert values == {}


@pytest.mark.parametrize("numbers", [" 1  2 3 ", "      ", " - -   ", "     "])
def test_a_line_whose_numbers_are_not_four_is_kept_as_text(numbers: str) -> None:
    """Spaces where a number was do not make four of three."""
    line = START + FORMATS["istio"].replace(" 156 91 25 - ", numbers)
    record, values, _ = _record(line)
    assert record.body.string_value
    assert "envoy.response_flags" not in values
