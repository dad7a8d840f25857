"""The flow of an incident whose services send no spans comes from whatever else there is."""

from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.otlp_requests import SECOND
from tests.store.segments import load_all, write_segment

from tracepulse.context.collect import Collector, incident_window
from tracepulse.context.known_calls import calls_around
from tracepulse.model.incident import Incident, IncidentState
from tracepulse.model.question import Window
from tracepulse.model.trigger import Trigger, TriggerKind
from tracepulse.receive.any_value import add_attributes
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.state.records import StateStore

T = 1_764_000_060 * SECOND
"""A day of its own: an incident is about the data set that everything shares."""
OUTBOUND = (
    '"GET /pay HTTP/1.1" {status} - via_upstream - "-" 0 135 4 4 "-" "curl/7.73.0-DEV"'
    ' "84961386-6d84-929d-98bd-c5aee93b5c88" "ledger:8000" "10.44.1.27:80"'
    " outbound|8000||ledger.shop.svc.cluster.local 10.44.1.23:37652 10.0.45.184:8000"
    " 10.44.1.23:46520 - default"
)


def proxy_lines(day: int) -> ExportLogsServiceRequest:
    """Return a line each second of the proxy beside `till`: well at first, then all fail."""
    request = ExportLogsServiceRequest()
    for second in range(120):
        owner = request.resource_logs.add()
        place = [("k8s.pod.name", "till-7656cf8794-8t2vh")]
        add_attributes(owner.resource.attributes, place)
        record = owner.scope_logs.add().log_records.add(time_unix_nano=day + second * SECOND)
        record.body.string_value = OUTBOUND.format(status=200 if second < 60 else 503)
    return request


def business_lines(day: int) -> ExportLogsServiceRequest:
    """Return lines of `kiosk`, which says when it begins and ends, and of `depot` in between."""
    request = ExportLogsServiceRequest()
    for second in range(60):
        order = f"order=o-{second * 7919 + 100_000}"
        for service, offset_ms, text in (
            ("kiosk", 0, f"received {order}"),
            ("depot", 20, f"start {order}"),
            ("depot", 40, f"finished {order}"),
            ("kiosk", 60, f"completed {order}"),
        ):
            owner = request.resource_logs.add()
            add_attributes(owner.resource.attributes, [("service.name", service)])
            record = owner.scope_logs.add().log_records.add(
                time_unix_nano=day + second * SECOND + offset_ms * 1_000_000
            )
            record.body.string_value = text
    return request


def incident_in(day: int, *services: str) -> Incident:
    """Return an incident that began in the second minute of these lines."""
    onset = day + 60 * SECOND
    triggers = tuple(
        Trigger(
            trigger_id=f"trg_{service}",
            kind=TriggerKind.EXTERNAL_ALERT,
            service=service,
            operation="",
            entry=place == 0,
            onset_unix_ns=onset + place * SECOND,
            onset_slack_ns=SECOND,
            detected_unix_ns=onset + 5 * SECOND,
            last_seen_unix_ns=onset + 60 * SECOND,
            ended_unix_ns=None,
        )
        for place, service in enumerate(services)
    )
    return Incident(
        incident_id="inc_000000000001",
        fingerprint="0" * 16,
        state=IncidentState.OPEN,
        onset_unix_ns=onset,
        onset_slack_ns=SECOND,
        opened_unix_ns=onset,
        last_seen_unix_ns=onset + 60 * SECOND,
        triggers=triggers,
        services=tuple(sorted(services)),
    )


@pytest.mark.parametrize("first_unix_ns", [None, T + 90 * SECOND])
def test_the_half_hour_before_is_looked_at(first_unix_ns: int | None) -> None:
    """Also where the first named telemetry is later than the onset, as beside proxies that name nobody."""
    incident = incident_in(T, "till")
    window = incident_window(incident, first_unix_ns, incident.last_seen_unix_ns)
    assert incident.onset_unix_ns - 1800 * SECOND == window.start_unix_ns


def test_access_logs_show_the_way(engine: ChdbEngine, tmp_path: Path) -> None:
    """Neither service sends spans or shares an id: the proxy's lines tell the path, and what failed."""
    load_all(engine, write_segment(tmp_path, "till", "logs", [proxy_lines(T)], ""))
    state = StateStore(f"sqlite:///{tmp_path / 'state.db'}")
    try:
        collector = Collector(Telemetry(engine), state)
        incident = incident_in(T, "till", "ledger")
        now = incident.last_seen_unix_ns
        located = collector.locate(incident, now)
        (edge,) = collector.findings(incident, now).edges
    finally:
        state.close()
    assert ("till", "ledger") == located.path
    assert ("till", "ledger", "access_log") == (edge.caller, edge.callee, edge.inferred_from)
    assert (60, 0) == (edge.calls_before, edge.errors_before)
    assert (60, 60) == (edge.calls_after, edge.errors_after)


def test_shared_ids_show_the_way(engine: ChdbEngine, tmp_path: Path) -> None:
    """Plain lines give the direction, and nothing that counts: a sample tells no share of failures."""
    day = T + 86_400 * SECOND
    load_all(engine, write_segment(tmp_path, "kiosk", "logs", [business_lines(day)], ""))
    window = Window(day, day + 120 * SECOND)
    told = calls_around(Telemetry(engine), window, ("kiosk", "depot"))
    counted = calls_around(Telemetry(engine), window, ("kiosk", "depot"), counted=True)
    assert [("kiosk", "depot", "logs")] == [(e.caller, e.callee, e.inferred_from) for e in told]
    assert () == counted
