"""The store that questions are put to: filled once over OTLP, and kept for the next time."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.data import Body, Spec, log_bodies, trace_bodies
from benchmarks.otlp_client import progress, send
from benchmarks.process_tree import settle
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.running_server import RunningServer, running_server, wait_until

__all__ = [
    "DAY_NS",
    "HOUR_NS",
    "SECOND_NS",
    "SEED",
    "Filled",
    "Known",
    "filled",
    "moment",
    "open_incident",
    "wait_for_edges",
]

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
SEED = 20261123
_STORED_S = 3600.0
_NOTE = "filled.json"


@dataclass(slots=True)
class Known:
    """What is known to be stored, picked at random while sending."""

    traces: list[str] = field(default_factory=list)
    """Each trace with the same chance, so mostly small ones."""
    large_traces: list[str] = field(default_factory=list)
    """Each span with the same chance, so a large trace more often than a small one."""
    words: list[tuple[str, int]] = field(default_factory=list)
    """A token that hardly any other line has, and the instant of its line."""

    def learn(self, random_: random.Random, body: Body) -> None:
        """Pick a trace or a word of a body."""
        if body.signal == "traces":
            groups = ExportTraceServiceRequest.FromString(body.payload).resource_spans
            spans = [span for group in groups for span in group.scope_spans[0].spans]
            roots = [span for span in spans if not span.parent_span_id]
            self.large_traces.append(random_.choice(spans).trace_id.hex())
            if roots:
                self.traces.append(random_.choice(roots).trace_id.hex())
            return
        logs = ExportLogsServiceRequest.FromString(body.payload).resource_logs
        line = random_.choice(random_.choice(logs).scope_logs[0].log_records)
        tokens = [word.strip("().,:#'\"") for word in line.body.string_value.split()]
        digits = [token for token in tokens if sum(map(str.isdigit, token)) >= 6]
        if digits:
            self.words.append((random_.choice(digits), line.time_unix_nano))


def _learning(bodies: Iterator[Body], known: Known, every: int) -> Iterator[Body]:
    picker = random.Random(SEED)
    for number, body in enumerate(bodies):
        if number % every == 0:
            known.learn(picker, body)
        yield body


@dataclass(slots=True)
class Filled:
    """What is in a folder, so that it can be asked about without filling it again."""

    known: Known
    rows: dict[str, int]
    start_unix_ns: int
    end_unix_ns: int
    incident_id: str
    complaints: list[str]

    @classmethod
    def read(cls, folder: Path) -> "Filled | None":
        """Return what the folder's note says; None where there is none."""
        note = folder / _NOTE
        if not note.exists():
            return None
        found: dict[str, Any] = json.loads(note.read_text())
        return cls(**{**found, "known": Known(**found["known"])})

    def write(self, folder: Path) -> None:
        """Leave a note in the folder."""
        (folder / _NOTE).write_text(json.dumps(asdict(self)))


def filled(folder: Path, spans: int, logs: int, settle_s: float) -> Filled:
    """Return what the folder holds; it is filled with two days of telemetry if it is empty."""
    found = Filled.read(folder)
    if found is not None:
        progress(f"{folder} holds {found.rows}; asked again, not filled again")
        return found
    now = time.time_ns()
    spec = Spec(SEED, spans, logs, now - 2 * DAY_NS, now)
    found = Filled(Known(), {}, spec.start_unix_ns, spec.end_unix_ns, "", [])
    progress(f"Filling with {spans:,} spans and {logs:,} log lines of two days…")
    with running_server(folder) as server:
        fill(server, spec, found)
        found.incident_id = open_incident(server, now - 60 * SECOND_NS)
        settle(server.process.pid, idle_ratio=0.1, within_s=settle_s)
        wait_for_edges(server, found, settle_s)
    found.write(folder)
    return found


def moment(unix_ns: int) -> str:
    """Return an instant as text."""
    return datetime.fromtimestamp(unix_ns / SECOND_NS, UTC).isoformat()


def fill(server: RunningServer, spec: Spec, found: Filled) -> None:
    """Send everything and wait until it is stored."""
    for signal, bodies in (("traces", trace_bodies(spec)), ("logs", log_bodies(spec))):
        total = spec.spans if signal == "traces" else spec.logs
        every = max(1, total // 2000 // 400)
        sent = send(server.otlp_http_url, _counted(_learning(bodies, found.known, every), total))
        found.rows[signal] = sent.records
        found.complaints += sent.errors[:3]
        progress(f"  {sent.records:,} {signal} in {sent.elapsed_s:.0f} s")
    wait_until(
        lambda: server.get("/api/doctor")["accounting"],
        lambda accounting: accounting["queued"] == 0,
        "all that was sent is stored",
        _STORED_S,
    )


def _counted(bodies: Iterator[Body], total: int) -> Iterator[Body]:
    records, shown = 0, time.monotonic()
    for body in bodies:
        yield body
        records += body.records
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            progress(f"    {records / total:.0%} of {total:,}")


def open_incident(server: RunningServer, at_unix_ns: int) -> str:
    """Have an alert open an incident, and return its id."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "CheckoutErrors", "service": "checkout", "severity": "critical"},
        "annotations": {"summary": "Checkouts fail"},
        "startsAt": moment(at_unix_ns),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.shop.internal/graph",
        "fingerprint": "0a1b2c3d4e5f6071",
    }
    message = {
        "version": "4",
        "groupKey": '{}:{alertname="CheckoutErrors"}',
        "status": "firing",
        "receiver": "tracepulse",
        "groupLabels": {"alertname": "CheckoutErrors"},
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "http://alertmanager.shop.internal",
        "truncatedAlerts": 0,
        "alerts": [alert],
    }
    answer = server.client.post("/api/alerts/alertmanager", json=message)
    answer.raise_for_status()
    found = wait_until(lambda: server.get("/api/incidents")["incidents"], bool, "an incident", 60.0)
    return str(found[0]["incident_id"])


def wait_for_edges(server: RunningServer, found: Filled, within_s: float) -> bool:
    """Wait until who calls whom is rolled up, from the newest minute to the oldest."""
    oldest = found.start_unix_ns
    window = {"since": moment(oldest), "until": moment(oldest + 10 * MINUTE_NS)}
    deadline = time.monotonic() + within_s
    while server.get("/api/flows", **window)["minutes_joined"]:
        if time.monotonic() > deadline:
            progress("  the service graph is not all rolled up yet; some of it will be joined")
            return False
        time.sleep(2)
    return True
