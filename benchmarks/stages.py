"""
Show where the server's processor time goes: by thread and by stage, at work and nearly idle.

    python benchmarks/stages.py [--quick] [--json] [--data DIR] [--seed N]

For maintainers; it asserts nothing. Figures are microseconds of processor time per record for the
throughput of spans and of log lines, and milliseconds per second for a server that has nothing to
do, and one that gets one span, one log line and one data point a second. Needs Linux, for /proc.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.data import Spec, log_bodies, trace_bodies
from benchmarks.idle_load import send_idle_load
from benchmarks.measured_server import measured_server, wait_stored
from benchmarks.otlp_client import BodyFile, send
from benchmarks.process_tree import cpu_seconds, settle
from benchmarks.stage_server import STAGES, read_stages
from benchmarks.thread_cpu import ThreadWatch
from tests.running_server import ROOT, RunningServer

SECOND_NS = 1_000_000_000
SEED = 20261122


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    records: int
    idle_s: int
    settle_s: float


QUICK = Scale(records=100_000, idle_s=12, settle_s=6)
FULL = Scale(records=1_000_000, idle_s=60, settle_s=60)


@dataclass(slots=True)
class Phase:
    """What one phase cost."""

    what: str
    units: float
    """Records, or seconds where nothing or little was sent."""
    unit: str
    cpu_s: float = 0.0
    elapsed_s: float = 0.0
    drained: bool = True
    threads: dict[str, float] = field(default_factory=dict)
    """Processor time per unit, by name of thread, in µs per record or ms per second."""
    stages: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Calls per unit (per 1,000 records), time of the calling thread per unit, elapsed per unit."""


class _Stages:
    """Reads the stop-watches of a server."""

    def __init__(self, server: RunningServer, path: Path) -> None:
        self.server = server
        self._path = path

    @contextmanager
    def phase(self, what: str, units: float, unit: str) -> Iterator[Phase]:
        """Measure what happens in the block."""
        found = Phase(what, units, unit)
        pid = self.server.process.pid
        before, cpu_before, started = read_stages(self._path), cpu_seconds(pid), time.monotonic()
        with ThreadWatch(pid) as threads:
            yield found
        found.elapsed_s = time.monotonic() - started
        found.cpu_s = cpu_seconds(pid) - cpu_before
        if unit == "second":
            found.units = found.elapsed_s
        scale = (1e3 if unit == "second" else 1e6) / found.units
        seen = threads.seconds()
        found.threads = {name: spent * scale for name, spent in seen.items()}
        found.threads["(threads that ended)"] = max(0.0, found.cpu_s - sum(seen.values())) * scale
        after = read_stages(self._path)
        for name, _ in STAGES:
            calls, cpu, wall = (b - a for a, b in zip(before[name], after[name], strict=True))
            if calls:
                per_unit = calls * (1.0 if unit == "second" else 1e3) / found.units
                found.stages[name] = (per_unit, cpu * scale, wall * scale)


def measure(scale: Scale, seed: int, folder: Path) -> list[Phase]:
    """Run the four phases."""
    now = time.time_ns()
    spec = Spec(seed, scale.records, scale.records, now - 2 * 86_400 * SECOND_NS, now)
    files = {
        "spans": BodyFile.write(trace_bodies(spec), folder / "traces.bin"),
        "log lines": BodyFile.write(log_bodies(spec), folder / "logs.bin"),
    }
    warm = BodyFile.write(
        trace_bodies(Spec(seed + 1, 10_000, 0, now - SECOND_NS, now)), folder / "warm.bin"
    )
    watched = folder / "stages"
    environment = {
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "TRACEPULSE_STAGES": str(watched),
    }
    phases = []
    with measured_server(folder, environment, "benchmarks.stage_server") as server:
        stages = _Stages(server, watched)
        settle(server.process.pid, idle_ratio=0.1, within_s=scale.settle_s * 2)
        with stages.phase("nothing at all", scale.idle_s, "second") as phase:
            time.sleep(scale.idle_s / 2)
        phases.append(phase)
        show(phase)
        send(server.otlp_http_url, warm)
        wait_stored(server)
        settle(server.process.pid, idle_ratio=0.1, within_s=scale.settle_s)
        what = "one span, line and point a second"
        with stages.phase(what, scale.idle_s, "second") as phase:
            send_idle_load(server.otlp_http_url, scale.idle_s, seed)
        phases.append(phase)
        show(phase)
        for what, file in files.items():
            with stages.phase(what, scale.records, "record") as phase:
                send(server.otlp_http_url, file)
                wait_stored(server)
                phase.drained = settle(server.process.pid, idle_ratio=0.15, within_s=scale.settle_s)
            phases.append(phase)
            show(phase)
    return phases


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(phase: Phase) -> None:
    """Print a phase as a table."""
    per = "ms per second" if phase.unit == "second" else "µs per record"
    factor = 1e3 if phase.unit == "second" else 1e6
    _print(
        f"\n{phase.what}: {phase.cpu_s * factor / phase.units:.2f} {per} of processor time"
        f" ({phase.cpu_s:.2f} s within {phase.elapsed_s:.1f} s"
        f"{'' if phase.drained else ', merges not drained'})"
    )
    _print(f"  {'thread':34}{per:>16}")
    for name, spent in sorted(phase.threads.items(), key=lambda item: -item[1]):
        if spent >= 0.01:
            _print(f"  {name:34}{spent:16.2f}")
    counted = "calls/s" if phase.unit == "second" else "calls/1,000"
    _print(f"  {'stage':34}{per:>16}{'on the clock':>16}{counted:>14}")
    for name, (calls, cpu, wall) in phase.stages.items():
        _print(f"  {name:34}{cpu:16.2f}{wall:16.2f}{calls:14.2f}")


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
    with tempfile.TemporaryDirectory(prefix="tracepulse-stages-", dir=options.data) as folder:
        phases = measure(QUICK if options.quick else FULL, options.seed, Path(folder))
    if options.json:
        print(json.dumps({phase.what: asdict(phase) for phase in phases}))


if __name__ == "__main__":
    main()
