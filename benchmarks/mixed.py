"""
Measure how much taking in and asking harm each other.

    python benchmarks/mixed.py [--quick] [--json] [--data DIR] [--seed N]

While 20,000 spans a second come in, two readers ask what `benchmarks/query.py` asks, without a
pause: a trace by id, a log search, the service graph, an incident's bundle. Each side is also run
alone, in turns with both together, so that what else the machine does falls on all alike. A machine
that cannot take 20,000 spans a second with one core to spare gets half of what it can take, which is
then said. Needs Linux.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import numpy as np
from benchmarks.data import Body, Spec, trace_bodies
from benchmarks.figures import bars
from benchmarks.measured_server import measured_server, wait_stored
from benchmarks.otlp_client import BodyFile, progress, send, within
from benchmarks.process_tree import settle
from benchmarks.query import Questions
from benchmarks.query_data import (
    DAY_NS,
    SECOND_NS,
    Filled,
    Known,
    fill,
    open_incident,
    wait_for_edges,
)
from tests.running_server import RunningServer

SEED = 20261124
SPANS_PER_S = 20_000
SPANS_PER_REQUEST = 500
"""About what an SDK's batch holds."""
READERS = 2
ASKED = ("trace_by_id", "log_search", "service_graph", "bundle")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is stored, and how long each turn lasts."""

    records: int
    rounds: int
    turn_s: float
    settle_s: float


QUICK = Scale(records=60_000, rounds=1, turn_s=5, settle_s=3)
FULL = Scale(records=2_000_000, rounds=5, turn_s=15, settle_s=60)


@dataclass(slots=True)
class Result:
    """What --json prints. The first two keys are relied upon; the rest explains them."""

    ingest_p99_ratio: float = 0.0
    """99th percentile of a request's time with readers over that without."""
    query_p95_ratio: float = 0.0
    """95th percentile of an answer's time with spans coming in over that without: the worst
    question's."""

    spans_per_second: float = 0.0
    """What was asked for."""
    sent_spans_per_second: dict[str, float] = field(default_factory=dict)
    """What was really sent, alone and mixed."""
    ingest_p99_ms: dict[str, float] = field(default_factory=dict)
    query_p95_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    """By question, alone and mixed."""
    answers: dict[str, dict[str, int]] = field(default_factory=dict)
    retries: int = 0
    """Times the server asked to come back later."""
    complaints: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Times:
    """What was seen in the turns of one kind."""

    requests_s: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    answers_ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in ASKED})


def _send(server: RunningServer, file: BodyFile, times: _Times, result: Result, s: float) -> None:
    sent = send(server.otlp_http_url, within(file, s), result.spans_per_second)
    times.requests_s += sent.latencies_s
    times.rates.append(sent.records / sent.elapsed_s)
    result.retries += sent.retries
    result.complaints += sent.errors[:3]


@contextmanager
def _readers(server: RunningServer, questions: Questions, times: _Times) -> Iterator[None]:
    """Ask without a pause while the block runs."""
    ended = threading.Event()

    def read() -> None:
        asks = {name: ask for name, ask in questions.all.items() if name in ASKED}
        with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
            while not ended.is_set():
                for name, ask in asks.items():
                    times.answers_ms[name].append(ask(client))

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _live_bodies(seed: int, seconds: float, spans_per_s: float) -> Iterator[Body]:
    now = time.time_ns()
    spec = Spec(
        seed,
        spans=round(seconds * spans_per_s),
        start_unix_ns=now,
        end_unix_ns=now + round(seconds * SECOND_NS),
    )
    return trace_bodies(spec, SPANS_PER_REQUEST)


def take_turns(
    server: RunningServer,
    questions: Questions,
    scale: Scale,
    seed: int,
    folder: Path,
    result: Result,
) -> tuple[_Times, _Times]:
    """Run each side alone and both together, several times; return alone and mixed."""
    alone, mixed = _Times(), _Times()
    for number in range(scale.rounds):
        for times in (alone, mixed):
            seed += 1
            bodies = _live_bodies(seed, scale.turn_s, result.spans_per_second)
            file = BodyFile.write(bodies, folder / "turn.bin")
            if times is alone:
                with _readers(server, questions, alone):
                    time.sleep(scale.turn_s)
                _send(server, file, alone, result, 2 * scale.turn_s)
            else:
                with _readers(server, questions, mixed):
                    _send(server, file, mixed, result, 2 * scale.turn_s)
            wait_stored(server)
        progress(f"  round {number + 1} of {scale.rounds}")
    return alone, mixed


def _ratio(mixed: float, alone: float) -> float:
    return mixed / alone if alone else float("nan")


def measure(scale: Scale, seed: int, folder: Path) -> Result:
    """Fill a server and let both sides at it."""
    result = Result()
    now = time.time_ns()
    spec = Spec(seed, scale.records, scale.records, now - 2 * DAY_NS, now)
    filled = Filled(Known(), {}, spec.start_unix_ns, spec.end_unix_ns, "", [])
    progress(f"Filling with {scale.records:,} spans and log lines of two days…")
    next(trace_bodies(Spec(seed, 10)))  # the generator is compiled at its first use
    with measured_server(folder / "server") as server:
        started = time.monotonic()
        fill(server, spec, filled)
        can_take = 2 * scale.records / (time.monotonic() - started)
        result.spans_per_second = min(float(SPANS_PER_S), round(can_take / 2, -2))
        filled.incident_id = open_incident(server, now - 60 * SECOND_NS)
        settle(server.process.pid, idle_ratio=0.1, within_s=scale.settle_s)
        wait_for_edges(server, filled, scale.settle_s)
        questions = Questions(filled, random.Random(seed), filled.complaints)
        for ask in questions.all.values():
            ask(server.client)  # the first answer of each kind is not what is compared
        progress(f"In turns at {result.spans_per_second:,.0f} spans/s…")
        alone, mixed = take_turns(server, questions, scale, seed, folder, result)
    result.complaints += filled.complaints[:20]
    for name, times in (("alone", alone), ("mixed", mixed)):
        result.sent_spans_per_second[name] = float(np.mean(times.rates))
        result.ingest_p99_ms[name] = float(np.percentile(times.requests_s, 99)) * 1e3
        for question, answers in times.answers_ms.items():
            p95 = float(np.percentile(answers, 95))
            result.query_p95_ms.setdefault(question, {})[name] = p95
            result.answers.setdefault(question, {})[name] = len(answers)
    result.ingest_p99_ratio = _ratio(result.ingest_p99_ms["mixed"], result.ingest_p99_ms["alone"])
    result.query_p95_ratio = max(
        _ratio(figures["mixed"], figures["alone"]) for figures in result.query_p95_ms.values()
    )
    return result


def draw(result: Result) -> Path:
    """Draw both sides, alone and together, and return the picture."""
    answers = {
        f"{question}, {name}": value
        for question, figures in result.query_p95_ms.items()
        for name, value in figures.items()
    }
    ratios = {"ingest p99": result.ingest_p99_ratio, "query p95": result.query_p95_ratio}
    return bars(
        "mixed",
        [
            ("with the other side over alone", ratios, dict.fromkeys(ratios, 2.0)),
            ("request p99, ms", result.ingest_p99_ms, {}),
            ("answer p95, ms", answers, {}),
        ],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="end within a minute")
    parser.add_argument("--data", type=Path, help="folder for files, emptied never; default /tmp")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    if options.data:
        options.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tracepulse-mixed-", dir=options.data) as folder:
        result = measure(QUICK if options.quick else FULL, options.seed, Path(folder))
    progress(f"Drawn in {draw(result)}")
    if options.json:
        print(json.dumps(asdict(result)))
        return
    for key, value in asdict(result).items():
        print(f"{key:22} {value:,.2f}" if isinstance(value, float) else f"{key:22} {value}")


if __name__ == "__main__":
    main()
