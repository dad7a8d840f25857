"""
Measure answers: a trace by id, a log search, the service graph, a context bundle.

    python benchmarks/query.py [--quick] [--data DIR] [--json]

A real server is filled over OTLP/HTTP and asked through REST, each question about something else.
Cold answers are the first ones of a server that was just started (in the long form with the
system's file cache dropped, where root allows); warm ones come after. Needs Linux.

With --data the folder is kept: the next run asks what it holds, and fills nothing.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import numpy as np
from benchmarks.data import Spec, trace_bodies
from benchmarks.figures import bars
from benchmarks.otlp_client import BodyFile, progress, send
from benchmarks.process_tree import cpu_seconds
from benchmarks.query_data import (
    DAY_NS,
    HOUR_NS,
    SECOND_NS,
    SEED,
    Filled,
    filled,
    moment,
    open_incident,
    wait_for_edges,
)
from tests.running_server import RunningServer, running_server

LOAD_SPANS_PER_S = 20_000
COLD_QUESTIONS = 5
REUSE_S = 5.1
"""What was read for an incident is used again for so long (investigate.py)."""


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
    budget_s=4,
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
class Questions:
    """The questions, each asked about something else every time."""

    filled: Filled
    random: random.Random
    complaints: list[str]

    def trace_by_id(self, client: httpx.Client) -> float:
        """A whole trace with all its columns."""
        trace_id = self.random.choice(self.filled.known.traces)
        return self._timed(client, f"/api/traces/{trace_id}", {}, trace_id)

    def large_trace(self, client: httpx.Client) -> float:
        """The same, of the trace that some random span belongs to."""
        trace_id = self.random.choice(self.filled.known.large_traces)
        return self._timed(client, f"/api/traces/{trace_id}", {}, trace_id)

    def log_search(self, client: httpx.Client) -> float:
        """A rare word within a day of lines."""
        return self._search(client, "word")

    def log_text_search(self, client: httpx.Client) -> float:
        """The same as a text anywhere in a line, in any case: every line is read."""
        return self._search(client, "text")

    def _search(self, client: httpx.Client, how: str) -> float:
        word, at = self.random.choice(self.filled.known.words)
        since = max(self.filled.start_unix_ns, at - self.random.randrange(DAY_NS))
        window = {"since": moment(since), "until": moment(since + DAY_NS)}
        return self._timed(client, "/api/logs", {how: word, "limit": 100, **window}, word)

    def service_graph(self, client: httpx.Client) -> float:
        """Who called whom in some hour."""
        since = self.random.randrange(self.filled.start_unix_ns, self.filled.end_unix_ns - HOUR_NS)
        window = {"since": moment(since), "until": moment(since + HOUR_NS)}
        return self._timed(client, "/api/flows", window, "checkout")

    def bundle(self, client: httpx.Client) -> float:
        """The context of an incident, read anew: what was read is used again for some seconds."""
        time.sleep(REUSE_S)
        return self.bundle_again(client)

    def bundle_again(self, client: httpx.Client) -> float:
        """The same, asked for again at once."""
        path = f"/api/incidents/{self.filled.incident_id}/context"
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
            "bundle_again": self.bundle_again,
            "large_trace": self.large_trace,
            "log_text_search": self.log_text_search,
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
    # Bundles are read anew every few seconds here too, and in between used again.
    asked = {name: ask for name, ask in questions.all.items() if name != "bundle"}
    times: dict[str, list[float]] = {name: [] for name in asked}
    ended = threading.Event()

    def read() -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
            while not ended.is_set():
                for name, ask in asked.items():
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
    found = filled(folder, scale.spans, scale.logs, scale.settle_s)
    result = Result(rows=found.rows, complaints=list(found.complaints))
    questions = Questions(found, random.Random(7), result.complaints)
    if not found.incident_id:
        with running_server(folder) as server:
            found.incident_id = open_incident(server, found.end_unix_ns - 60 * SECOND_NS)
            wait_for_edges(server, found, scale.settle_s)
        found.write(folder)
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
    parser.add_argument("--data", type=Path, help="folder that is filled once and kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    scale = QUICK if options.quick else FULL
    if options.data:
        folder = options.data / f"{scale.spans}-spans-{scale.logs}-lines"
        folder.mkdir(parents=True, exist_ok=True)
        result = measure(scale, folder)
    else:
        with tempfile.TemporaryDirectory(prefix="tracepulse-query-") as made:
            result = measure(scale, Path(made))
    progress(f"Drawn in {draw(result)}")
    if options.json:
        print(json.dumps(asdict(result)))
        return
    for key, value in asdict(result).items():
        print(f"{key:22} {value:,.1f}" if isinstance(value, float) else f"{key:22} {value}")


if __name__ == "__main__":
    main()
