"""
Measure answers: a trace by id, a log search, the service graph, a context bundle.

    python benchmarks/query.py [--quick] [--data DIR] [--json]

A real server is filled over OTLP/HTTP and asked through REST, each question about something else.
Cold answers are the first ones of a server that was just started (in the long form with the
system's file cache dropped, where root allows); warm ones come after. Needs Linux.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import numpy as np
from benchmarks.data import Body, Spec, log_bodies, trace_bodies
from benchmarks.figures import bars
from benchmarks.otlp_client import BodyFile, progress, send
from benchmarks.process_tree import cpu_seconds, settle
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.running_server import RunningServer, running_server, wait_until

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
SEED = 20261123
LOAD_SPANS_PER_S = 20_000
COLD_QUESTIONS = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is stored, and how often each question is asked."""

    spans: int
    logs: int
    questions: int
    budget_s: float
    """No question is asked again once its turns have taken this long together."""
    load_s: float
    """How long the questions are asked under load; 0 leaves that out."""
    settle_s: float
    drop_file_cache: bool


QUICK = Scale(
    spans=200_000,
    logs=200_000,
    questions=20,
    budget_s=3,
    load_s=0,
    settle_s=5,
    drop_file_cache=False,
)
FULL = Scale(
    spans=20_000_000,
    logs=20_000_000,
    questions=200,
    budget_s=120,
    load_s=30,
    settle_s=300,
    drop_file_cache=True,
)


@dataclass(slots=True)
class Result:
    """What --json prints. The keys down to `rows` are relied upon; the rest explains them."""

    trace_by_id_p95_ms: float = 0.0
    log_search_p95_ms: float = 0.0
    service_graph_p95_ms: float = 0.0
    bundle_p95_ms: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)

    warm: dict[str, dict[str, float]] = field(default_factory=dict)
    """By question: percentiles in ms, and the server's processor time for each in ms."""
    cold: dict[str, dict[str, float]] = field(default_factory=dict)
    cold_means: str = ""
    under_load: dict[str, dict[str, float]] = field(default_factory=dict)
    """The same questions from two readers while 20,000 spans a second come in."""
    load_spans_per_s: float = 0.0
    complaints: list[str] = field(default_factory=list)
    """Answers that were refused or lacked what is known to be stored; must be empty."""


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


def _moment(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / SECOND_NS, UTC).isoformat()


@dataclass(slots=True)
class Questions:
    """The questions, each asked about something else every time."""

    known: Known
    start_unix_ns: int
    end_unix_ns: int
    incident_id: str
    random: random.Random
    complaints: list[str]

    def trace_by_id(self, client: httpx.Client) -> float:
        """A whole trace with all its columns."""
        trace_id = self.random.choice(self.known.traces)
        return self._timed(client, f"/api/traces/{trace_id}", {}, trace_id)

    def large_trace(self, client: httpx.Client) -> float:
        """The same, of the trace that some random span belongs to."""
        trace_id = self.random.choice(self.known.large_traces)
        return self._timed(client, f"/api/traces/{trace_id}", {}, trace_id)

    def log_search(self, client: httpx.Client) -> float:
        """A rare token within a day of lines."""
        word, at = self.random.choice(self.known.words)
        since = max(self.start_unix_ns, at - self.random.randrange(DAY_NS))
        window = {"since": _moment(since), "until": _moment(since + DAY_NS)}
        return self._timed(client, "/api/logs", {"text": word, "limit": 100, **window}, word)

    def service_graph(self, client: httpx.Client) -> float:
        """Who called whom in some hour."""
        since = self.random.randrange(self.start_unix_ns, self.end_unix_ns - HOUR_NS)
        window = {"since": _moment(since), "until": _moment(since + HOUR_NS)}
        return self._timed(client, "/api/flows", window, "checkout")

    def bundle(self, client: httpx.Client) -> float:
        """The context of an incident, ready to read."""
        path = f"/api/incidents/{self.incident_id}/context"
        return self._timed(client, path, {"format": "json"}, "checkout")

    def _timed(
        self, client: httpx.Client, path: str, parameters: dict[str, Any], expected: str
    ) -> float:
        """Return how long the answer took, in ms, and note what is wrong with it."""
        started = time.perf_counter()
        answer = client.get(path, params=parameters)
        elapsed_ms = (time.perf_counter() - started) * 1e3
        if answer.status_code != 200 or expected not in answer.text:
            self.complaints.append(
                f"{path} {parameters}: {answer.status_code}, {expected!r} is missing;"
                f" {answer.text[:200]!r}"
            )
        return elapsed_ms

    @property
    def all(self) -> dict[str, Callable[[httpx.Client], float]]:
        """The questions by name."""
        return {
            "trace_by_id": self.trace_by_id,
            "log_search": self.log_search,
            "service_graph": self.service_graph,
            "bundle": self.bundle,
            "large_trace": self.large_trace,
        }


def _percentiles(times_ms: list[float]) -> dict[str, float]:
    p50, p95, worst = np.percentile(times_ms, [50, 95, 100]).tolist()
    return {"p50_ms": p50, "p95_ms": p95, "max_ms": worst, "questions": len(times_ms)}


def ask_all(
    questions: Questions, server: RunningServer, times: int, budget_s: float
) -> dict[str, dict[str, float]]:
    """Ask each question so many times, within its budget."""
    figures = {}
    pid = server.process.pid
    for name, ask in questions.all.items():
        before, started = cpu_seconds(pid), time.monotonic()
        times_ms: list[float] = []
        while len(times_ms) < times and time.monotonic() - started < budget_s:
            times_ms.append(ask(server.client))
        cost_ms = (cpu_seconds(pid) - before) * 1e3 / len(times_ms)
        figures[name] = _percentiles(times_ms) | {"cpu_ms": cost_ms}
        progress(
            f"  {name}: p50 {figures[name]['p50_ms']:.1f} ms, p95 {figures[name]['p95_ms']:.1f} ms,"
            f" processor {cost_ms:.1f} ms"
        )
    return figures


def fill(server: RunningServer, spec: Spec, result: Result, known: Known) -> None:
    """Send everything and wait until it is stored."""
    for signal, bodies in (("traces", trace_bodies(spec)), ("logs", log_bodies(spec))):
        total = spec.spans if signal == "traces" else spec.logs
        every = max(1, total // 2000 // 400)
        sent = send(server.otlp_http_url, _counted(_learning(bodies, known, every), total))
        result.rows[signal] = sent.records
        result.complaints += sent.errors[:3]
        progress(f"  {sent.records:,} {signal} in {sent.elapsed_s:.0f} s")
    wait_until(
        lambda: server.get("/api/doctor")["accounting"],
        lambda accounting: accounting["queued"] == 0,
        "all that was sent is stored",
        600.0,
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
        "startsAt": _moment(at_unix_ns),
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


def drop_file_cache() -> bool:
    """Have the system forget file contents; False where that is not allowed."""
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        return False
    return True


def ask_under_load(
    server: RunningServer, questions: Questions, scale: Scale, folder: Path, result: Result
) -> None:
    """Two readers ask everything while 20,000 spans a second come in."""
    now = time.time_ns()
    spec = Spec(
        SEED + 1,
        spans=round(LOAD_SPANS_PER_S * scale.load_s),
        start_unix_ns=now,
        end_unix_ns=now + round(scale.load_s * SECOND_NS),
    )
    file = BodyFile.write(trace_bodies(spec), folder / "load.bin")
    times: dict[str, list[float]] = {name: [] for name in questions.all}
    ended = threading.Event()

    def read() -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
            while not ended.is_set():
                for name, ask in questions.all.items():
                    times[name].append(ask(client))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    sent = send(server.otlp_http_url, file, LOAD_SPANS_PER_S)
    ended.set()
    for reader in readers:
        reader.join()
    result.load_spans_per_s = sent.records / sent.elapsed_s
    result.under_load = {name: _percentiles(values) for name, values in times.items()}
    for name, figures in result.under_load.items():
        progress(f"  {name}: p95 {figures['p95_ms']:.1f} ms")


def measure(scale: Scale, folder: Path) -> Result:
    """Fill a server, then ask it cold, warm and under load."""
    result = Result()
    known = Known()
    now = time.time_ns()
    spec = Spec(SEED, scale.spans, scale.logs, now - 2 * DAY_NS, now)
    progress(f"Filling with {scale.spans:,} spans and {scale.logs:,} log lines of two days…")
    with running_server(folder) as server:
        fill(server, spec, result, known)
        incident_id = open_incident(server, now - 60 * SECOND_NS)
        settle(server.process.pid, idle_ratio=0.1, within_s=scale.settle_s)
    questions = Questions(
        known,
        spec.start_unix_ns,
        spec.end_unix_ns,
        incident_id,
        random.Random(7),
        result.complaints,
    )
    dropped = scale.drop_file_cache and drop_file_cache()
    result.cold_means = "server restarted" + (", file cache dropped" if dropped else "")
    with running_server(folder) as server:
        progress(f"Cold ({result.cold_means})…")
        result.cold = ask_all(questions, server, COLD_QUESTIONS, scale.budget_s)
        progress("Warm…")
        result.warm = ask_all(questions, server, scale.questions, scale.budget_s)
        if scale.load_s:
            progress(f"While {LOAD_SPANS_PER_S:,} spans/s come in…")
            ask_under_load(server, questions, scale, folder, result)
    result.trace_by_id_p95_ms = result.warm["trace_by_id"]["p95_ms"]
    result.log_search_p95_ms = result.warm["log_search"]["p95_ms"]
    result.service_graph_p95_ms = result.warm["service_graph"]["p95_ms"]
    result.bundle_p95_ms = result.warm["bundle"]["p95_ms"]
    result.complaints[:] = result.complaints[:20]
    return result


def draw(result: Result) -> Path:
    """Draw the 95th percentiles beside their bars, and return the picture."""
    limits = {"trace_by_id": 100.0, "log_search": 500.0, "service_graph": 300.0, "bundle": 1000.0}
    return bars(
        "query",
        [
            (f"{title}, p95 in ms", {name: row["p95_ms"] for name, row in figures.items()}, limits)
            for title, figures in (
                ("warm", result.warm),
                ("cold", result.cold),
                ("under load", result.under_load),
            )
            if figures
        ],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="end within a minute")
    parser.add_argument("--data", type=Path, help="folder for files, emptied never; default /tmp")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    if options.data:
        options.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tracepulse-query-", dir=options.data) as folder:
        result = measure(QUICK if options.quick else FULL, Path(folder))
    progress(f"Drawn in {draw(result)}")
    if options.json:
        print(json.dumps(asdict(result)))
        return
    for key, value in asdict(result).items():
        print(f"{key:22} {value:,.1f}" if isinstance(value, float) else f"{key:22} {value}")


if __name__ == "__main__":
    main()
