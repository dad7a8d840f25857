"""A server without its ports: the API over the real engine, with the rest of it faked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import orjson

from tracepulse.accounting.terms import Accounting, SignalAccounting
from tracepulse.deliver.api.services import (
    Check,
    DoctorReport,
    Explanation,
    Hypothesis,
    JournalBacklog,
    ServerNumbers,
    Services,
)
from tracepulse.errors import NotFound
from tracepulse.journal.journal import Journal
from tracepulse.journal.recovery import Damage
from tracepulse.journal.set_aside import AsideMessage
from tracepulse.model.incident import Incident, IncidentState
from tracepulse.model.trigger import Trigger, TriggerKind
from tracepulse.receive.access import ApiKey, Gate
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.otlp_json import read_otlp_json
from tracepulse.receive.pull.connectors import ConnectorReport
from tracepulse.receive.pull.interface import Stretch
from tracepulse.receive.pull.passes import Fetched
from tracepulse.receive.signals import Signal
from tracepulse.store.engine import Engine
from tracepulse.store.load.loader import Loader
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.state.records import StateStore
from tracepulse.testing import FakeClock

__all__ = [
    "FakeAside",
    "FakeInvestigator",
    "FakeOperation",
    "S",
    "Signals",
    "attributes",
    "incident",
    "keep",
    "services",
    "shop_telemetry",
]

S = 1_000_000_000


class FakeInvestigator:
    """Knows one explanation and one bundle for every incident but `inc_gone`."""

    def explain(self, incident_id: str) -> Explanation:
        """See `Investigator.explain`."""
        cause = Hypothesis(
            1,
            "c41d9e2 made sessions end early",
            0.91,
            "change",
            "session",
            "chg_1",
            "c41d9e2",
            ("e1",),
        )
        return Explanation((cause,), 0.09)

    def bundle(
        self, incident_id: str, form: Literal["json", "markdown"], max_tokens: int | None
    ) -> bytes:
        """See `Investigator.bundle`."""
        if incident_id == "inc_gone":
            raise NotFound("there is no incident inc_gone")
        if form == "json":
            return orjson.dumps({"incident_id": incident_id, "max_tokens": max_tokens})
        return f"# Incident {incident_id} within {max_tokens}\n".encode()


ACCOUNTING = Accounting(
    1_700_000_000 * S,
    (SignalAccounting("logs", {"otlp_http": 10, "files": 2}, 7, 1, {"utf8": 3}, 1),),
)


@dataclass(slots=True)
class FakeAside:
    """One message that was set aside, and what was asked of it."""

    message: AsideMessage = AsideMessage(
        "run-1", "logs", 2, 99, "no such column: password=hunter2", 1_700_000_000 * S, None
    )
    body: bytes = b""
    retried: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)

    def messages(self) -> tuple[AsideMessage, ...]:
        """See `AsideDesk.messages`."""
        return (self.message,)

    def damaged(self) -> tuple[Damage, ...]:
        """See `AsideDesk.damaged`."""
        return (Damage("run-2", "logs", 17, 57, 3, 1_700_000_000 * S, 1_700_000_001 * S),)

    def get(self, message_id: str) -> tuple[AsideMessage, bytes]:
        """See `AsideDesk.get`."""
        if message_id != self.message.message_id:
            raise NotFound(f"no message {message_id!r} is set aside")
        return self.message, self.body

    def retry(self, message_id: str) -> str:
        """See `AsideDesk.retry`."""
        self.retried.append(self.get(message_id)[0].message_id)
        return "run-r1"

    def discard(self, message_id: str) -> int:
        """See `AsideDesk.discard`."""
        self.discarded.append(self.get(message_id)[0].message_id)
        return self.message.records


class FakeConnectors:
    """A server without connectors."""

    def reports(self) -> tuple[ConnectorReport, ...]:
        """See `ConnectorDesk.reports`."""
        return ()

    def fetch(
        self,
        name: str,
        window: Stretch,
        max_bytes: int | None = None,
        max_s: float | None = None,
        around_unix_ns: int | None = None,
    ) -> Fetched:
        """See `ConnectorDesk.fetch`."""
        raise NotFound(f"there is no connector {name!r}")


@dataclass(slots=True)
class FakeOperation:
    """A server that is well unless told otherwise."""

    reason: str = ""
    checks: tuple[Check, ...] = (Check("disk", True, "room enough"),)

    def backlog(self) -> JournalBacklog:
        """See `Operation.backlog`."""
        return JournalBacklog(3, 4096)

    def received(self) -> Mapping[str, int]:
        """See `Operation.received`."""
        return {"traces": 7, "logs": 5, "metrics": 0}

    def doctor(self) -> DoctorReport:
        """See `Operation.doctor`."""
        return DoctorReport("0.1.0", 12.5, "/data", "chDB", ACCOUNTING, {}, self.checks)

    def numbers(self) -> ServerNumbers:
        """See `Operation.numbers`."""
        return ServerNumbers(
            "0.1.0",
            1_700_000_000 * S,
            ACCOUNTING,
            {("otlp_http", "413"): 2},
            parts={"otel_logs": 3},
        )

    def failure(self) -> str:
        """See `Operation.failure`."""
        return self.reason


@dataclass(slots=True)
class Signals:
    """Counts how often the watch was woken."""

    count: int = 0

    def __call__(self) -> None:
        self.count += 1


def services(
    engine: Engine,
    folder: Path,
    now_unix_ns: int = 1_900_000_000 * S,
    keys: Iterable[ApiKey] = (),
    **others: Any,
) -> Services:
    """Return services over the engine, with a state database of their own in `folder`."""
    made = Services(
        telemetry=Telemetry(engine),
        state=StateStore(f"sqlite:///{folder / 'state.db'}"),
        clock=FakeClock(now_unix_ns),
        gate=Gate(keys),
        investigator=FakeInvestigator(),
        operation=FakeOperation(),
        aside=FakeAside(),
        connectors=FakeConnectors(),
        redaction_key=b"k" * 32,
        allowed_hosts=("testserver",),
    )
    return replace(made, **others)


def keep(
    engine: Engine, folder: Path, requests: Iterable[tuple[Signal, Any]], data_set: str = ""
) -> None:
    """Take OTLP/JSON requests through journal and loader into the engine."""
    # The loader takes rows of a segment's id for that segment: ids are new each time.
    journal = Journal(folder / "journal", uuid4().hex[:20])
    loader = Loader(engine, journal, folder / "aside")
    loader.start()
    for signal, request in requests:
        body = read_otlp_json(orjson.dumps(request), signal).SerializeToString()
        admitted = admit(body, signal, SERVER_LIMITS)
        receipt = Receipt(1_900_000_000 * S, "import", "loopback", data_set)
        journal.append(signal, admitted.body, receipt, admitted.records).result(30)
    journal.seal_all()
    assert journal.wait_empty(60), "the loader did not finish"
    loader.stop()
    journal.close_cleanly()


def attributes(pairs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return attributes as OTLP/JSON has them."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]


def incident(
    incident_id: str = "inc_7f3a90b1c2d4",
    onset_unix_ns: int = 1_899_999_000 * S,
    state: IncidentState = IncidentState.OPEN,
    **others: Any,
) -> Incident:
    """Return an incident of checkouts that fail in the session service."""
    trigger = Trigger(
        trigger_id="trg_1",
        kind=TriggerKind.ERROR_BURST,
        service="checkout",
        operation="POST /checkout",
        entry=True,
        onset_unix_ns=onset_unix_ns,
        onset_slack_ns=5 * S,
        detected_unix_ns=onset_unix_ns + 10 * S,
        last_seen_unix_ns=onset_unix_ns + 60 * S,
        ended_unix_ns=None,
        events_before=2,
        calls_before=500,
        events_after=31,
        calls_after=100,
    )
    made = Incident(
        incident_id=incident_id,
        fingerprint="0123456789abcdef",
        state=state,
        onset_unix_ns=onset_unix_ns,
        onset_slack_ns=5 * S,
        opened_unix_ns=onset_unix_ns + 10 * S,
        last_seen_unix_ns=onset_unix_ns + 60 * S,
        triggers=(trigger,),
        services=("checkout", "session"),
        entry_service="checkout",
        entry_operation="POST /checkout",
        faulty_service="session",
        faulty_operation="GET /sessions/{id}",
        path=("checkout", "session"),
    )
    return replace(made, **others)


def shop_telemetry(
    start_unix_ns: int, line: str = "session expired", ids: tuple[str, str] = ("0a", "0b")
) -> list[tuple[Signal, Any]]:
    """
    Return one failed checkout through two services, a fast page, two log lines and a metric.

    Trace 0a…: checkout 100 ms [GET 60 ms at 20 ms [session 40 ms, failing, at 30 ms]];
    trace 0b…: catalogue 5 ms, a second later.

    Args:
        line: body of the log line at ERROR.
        ids: first byte of the two trace ids.
    """
    failed, fast = (each * 16 for each in ids)
    return [
        *_spans_of_the_shop(start_unix_ns, failed, fast),
        ("logs", {"resourceLogs": [_lines_of_session(start_unix_ns, failed, line)]}),
        ("metrics", {"resourceMetrics": [_count_of_sessions(start_unix_ns)]}),
    ]


def _spans_of_the_shop(start_unix_ns: int, failed: str, fast: str) -> list[tuple[Signal, Any]]:
    """Return a request from each of three services, for two traces."""
    asked_ns, answered_ns = start_unix_ns + 20_000_000, start_unix_ns + 30_000_000
    checkout, get, session = ("a1" * 8, "a2" * 8, "a3" * 8)
    address, status = {"server.address": "session"}, {"http.response.status_code": "401"}
    by_service = {
        "checkout": [
            _span(
                failed, checkout, "", "POST /checkout", 2, start_unix_ns, 100_000_000, failing=True
            ),
            _span(failed, get, checkout, "GET", 3, asked_ns, 60_000_000, address),
        ],
        "session": [
            _span(
                *(failed, session, get, "GET /sessions/{id}", 2, answered_ns, 40_000_000, status),
                failing=True,
            )
        ],
        "catalogue": [_span(fast, "b1" * 8, "", "GET /products", 2, start_unix_ns + S, 5_000_000)],
    }
    return [
        ("traces", {"resourceSpans": [_of(service, "scopeSpans", "spans", spans)]})
        for service, spans in by_service.items()
    ]


def _lines_of_session(start_unix_ns: int, trace_id: str, line: str) -> dict[str, Any]:
    """Return an error in the span that fails, and a line of no trace."""
    error = {
        "timeUnixNano": str(start_unix_ns + 50_000_000),
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": {"stringValue": line},
        "traceId": trace_id,
        "spanId": "a3" * 8,
        "attributes": attributes({"user.tier": "gold"}),
    }
    other = {
        "timeUnixNano": str(start_unix_ns + 60_000_000),
        "severityNumber": 9,
        "severityText": "INFO",
        "body": {"stringValue": "session opened"},
    }
    return _of("session", "scopeLogs", "logRecords", [error, other])


def _count_of_sessions(start_unix_ns: int) -> dict[str, Any]:
    """Return 10, 9 and 8 sessions, a minute apart."""
    points = [
        {"timeUnixNano": str(start_unix_ns + i * 60 * S), "asDouble": 10.0 - i} for i in range(3)
    ]
    metric = {"name": "session.count", "unit": "1", "gauge": {"dataPoints": points}}
    return _of("session", "scopeMetrics", "metrics", [metric])


def _of(service: str, scopes: str, records: str, held: list[Any]) -> dict[str, Any]:
    resource = {"attributes": attributes({"service.name": service, "service.version": "1.8.3"})}
    return {"resource": resource, scopes: [{"scope": {"name": "test"}, records: held}]}


def _span(
    trace_id: str,
    span_id: str,
    parent_id: str,
    name: str,
    kind: int,
    start_unix_ns: int,
    duration_ns: int,
    values: Mapping[str, str] | None = None,
    failing: bool = False,
) -> dict[str, Any]:
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent_id,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start_unix_ns),
        "endTimeUnixNano": str(start_unix_ns + duration_ns),
        "attributes": attributes(values or {}),
        "status": {"code": 2, "message": "expired"} if failing else {},
        "events": [{"name": "note", "timeUnixNano": str(start_unix_ns + 1_000), "attributes": []}],
    }
