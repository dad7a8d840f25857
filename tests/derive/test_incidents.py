"""Triggers that share time and flow become one incident, whatever their order."""

import itertools
import random
from dataclasses import replace

from tracepulse.derive.incidents import acknowledge, join_triggers, resolve, resolve_quiet
from tracepulse.derive.locate import locate
from tracepulse.model.flow import EdgeChange, FailureSummary, FlowEdge
from tracepulse.model.incident import IncidentState
from tracepulse.model.trigger import Trigger, TriggerKind

S = 1_000_000_000
T0 = 1_763_700_000 * S
EDGES = tuple(
    FlowEdge(caller, callee, "http", 10, 0, "spans")
    for caller, callee in (
        ("gateway", "checkout"), ("checkout", "session"), ("gateway", "catalogue"),
        ("mailer", "smtp-relay"),
    )
)  # fmt: skip


def trigger(service: str, onset_s: int, last_s: int | None = None, **fields: object) -> Trigger:
    """Return an error burst."""
    burst = Trigger(
        trigger_id=f"trg_{service}_{onset_s}",
        kind=TriggerKind.ERROR_BURST,
        service=service,
        operation=f"POST /{service}",
        entry=service == "gateway",
        onset_unix_ns=T0 + onset_s * S,
        onset_slack_ns=5 * S,
        detected_unix_ns=T0 + (onset_s + 15) * S,
        last_seen_unix_ns=T0 + (last_s if last_s is not None else onset_s + 30) * S,
        ended_unix_ns=None,
        span_kind="Server",
    )
    return replace(burst, **fields)  # type: ignore[arg-type]


def test_one_failure_felt_along_a_path_is_one_incident() -> None:
    """Three services of one flow within seconds; the first sign gives onset and name."""
    found = join_triggers(
        (), [trigger("gateway", 3), trigger("checkout", 2), trigger("session", 0)], EDGES, T0
    )
    assert [i.services for i in found] == [("checkout", "gateway", "session")]
    assert found[0].onset_unix_ns == T0


def test_failures_of_unrelated_services_stay_apart() -> None:
    """Same time, no way from one to the other."""
    found = join_triggers((), [trigger("session", 0), trigger("mailer", 1)], EDGES, T0)
    assert [i.services for i in found] == [("session",), ("mailer",)]


def test_failures_of_one_service_long_apart_are_two() -> None:
    """What ended ten minutes ago is another incident."""
    found = join_triggers((), [trigger("session", 0, 60), trigger("session", 700)], EDGES, T0)
    assert len(found) == 2


def test_any_order_gives_the_same_incidents() -> None:
    """All permutations of six triggers give equal records."""
    triggers = [
        trigger("gateway", 3), trigger("checkout", 2), trigger("session", 0),
        trigger("mailer", 1), trigger("catalogue", 900), trigger("gateway", 905),
    ]  # fmt: skip
    expected = join_triggers((), triggers, EDGES, T0)
    orders = list(itertools.permutations(triggers))
    for order in random.Random(1).sample(orders, 60):
        assert join_triggers((), order, EDGES[::-1], T0) == expected


def test_late_trigger_joins_and_the_id_stays() -> None:
    """A sign that shows a minute later, even one dated earlier, keeps the incident's id."""
    first = join_triggers((), [trigger("checkout", 10)], EDGES, T0)
    later = join_triggers(first, [trigger("gateway", 60), trigger("session", 5)], EDGES, T0)
    assert [i.incident_id for i in later] == [first[0].incident_id]
    assert later[0].services == ("checkout", "gateway", "session")
    assert later[0].onset_unix_ns == T0 + 5 * S


def alert(service: str, starts_s: int, ends_s: int | None = None) -> Trigger:
    """Return an outside alert."""
    return trigger(
        service, starts_s, ends_s or starts_s, kind=TriggerKind.EXTERNAL_ALERT,
        trigger_id="trg_alert", alert_name="CheckoutErrors", operation="",
        onset_slack_ns=300 * S, ended_unix_ns=None if ends_s is None else T0 + ends_s * S,
    )  # fmt: skip


def test_alert_joins_the_incident_of_its_flow_and_never_dates_it() -> None:
    """Alertmanager's start does not replace the measured onset."""
    found = join_triggers((), [trigger("session", 10), alert("gateway", 0)], EDGES, T0)
    assert len(found) == 1
    assert found[0].onset_unix_ns == T0 + 10 * S


def test_alert_alone_opens_an_incident() -> None:
    """What nothing else saw is still an incident."""
    found = join_triggers((), [alert("payments", 0)], EDGES, T0)
    assert found[0].services == ("payments",)


def test_life_cycle() -> None:
    """Open, acknowledged, resolved two minutes after the last sign; a resolved one takes no more."""
    opened = join_triggers((), [trigger("session", 0, 100)], EDGES, T0)[0]
    seen = acknowledge(opened, "mia", T0 + 50 * S)
    assert (seen.state, seen.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "mia")
    assert resolve_quiet(seen, T0 + 219 * S) == seen
    over = resolve_quiet(seen, T0 + 230 * S)
    assert (over.state, over.resolved_unix_ns) == (IncidentState.RESOLVED, T0 + 220 * S)
    assert acknowledge(over, "mia", T0) == over
    assert resolve(over, T0) == over
    again = join_triggers([over], [trigger("session", 150)], EDGES, T0)
    assert len(again) == 2


def test_unresolved_alert_keeps_an_incident_open() -> None:
    """Quiet telemetry does not close what another system still reports."""
    found = join_triggers((), [trigger("session", 0, 60), alert("session", 30)], EDGES, T0)[0]
    assert resolve_quiet(found, T0 + 3_600 * S).state is IncidentState.OPEN
    ended = join_triggers([found], [alert("session", 30, 90)], EDGES, T0)[0]
    assert resolve_quiet(ended, T0 + 3_600 * S).state is IncidentState.RESOLVED


def test_recurrence_has_the_same_fingerprint_and_another_id() -> None:
    """The same failure tomorrow is recognised."""
    today = join_triggers((), [trigger("session", 0)], EDGES, T0)[0]
    tomorrow = join_triggers((), [trigger("session", 86_400)], EDGES, T0)[0]
    assert today.fingerprint == tomorrow.fingerprint
    assert today.incident_id != tomorrow.incident_id


def test_without_traces_or_logs_the_callers_tell_entry_and_fault() -> None:
    """The triggering service that calls no other triggering one is where it begins."""
    found = join_triggers(
        (), [trigger("gateway", 0), trigger("checkout", 1), trigger("session", 1)], EDGES, T0
    )[0]
    edges = [EdgeChange(e.caller, e.callee, 1, 0, 1, 0) for e in EDGES]
    placed = locate(found, FailureSummary((), 0, 0), edges=edges)
    assert (placed.entry_service, placed.faulty_service) == ("gateway", "session")
    assert placed.path == ("gateway", "checkout", "session")


def test_storm_of_triggers_makes_few_incidents() -> None:
    """Ten thousand triggers of one flow are one incident."""
    storm = [
        trigger("checkout", i % 60, operation=f"op{i}", trigger_id=f"t{i}") for i in range(10_000)
    ]
    assert len(join_triggers((), storm, EDGES, T0)) == 1
