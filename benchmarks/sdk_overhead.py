"""
Measure what the SDKs cost their hosts: each call, a thousand events a second, memory, size.

    python benchmarks/sdk_overhead.py [--quick] [--json] [--data DIR] [--only python|js]

Each figure comes from a process of its own, beside OpenTelemetry's SDK doing the same: a log record with
the same three attributes, its place in the code, to the same kind of server in a third process.
Node and the browser are measured by `sdk/js/bench`, which prints one line of JSON each.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SDK = ROOT / "sdk" / "python" / "src"
JS = ROOT / "sdk" / "js" / "bench"
BURST = 500
"""Calls without a pause: fewer than the queue holds."""
RATE = 1000
"""Events a second of the long measurement."""

Log = Callable[[str, dict[str, Any]], Any]


def percentile(sorted_values: list[int], ratio: float) -> float:
    """Return a percentile of sorted nanoseconds, in microseconds."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * ratio))] / 1e3


# --- in the process that is measured


def debugqueue_log(url: str) -> tuple[Log, Callable[[], Any]]:
    """Return the SDK's call and its flush."""
    from debugqueue import DebugQueue

    DebugQueue.configure(endpoint=url, service="bench")
    return DebugQueue.log, lambda: DebugQueue.flush(30)


def opentelemetry_log(url: str) -> tuple[Log, Callable[[], Any]]:
    """Return OpenTelemetry's way to the same record: its handler behind `logging`."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider()
    exporter = OTLPLogExporter(endpoint=f"{url}/v1/logs", compression=Compression.Gzip)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = logging.getLogger("bench")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(LoggingHandler(logger_provider=provider))
    return (
        lambda tag, details: logger.info(tag, extra=details),
        lambda: provider.force_flush(30_000),
    )


def nothing_log(_url: str) -> tuple[Log, Callable[[], Any]]:
    """Return a call that does nothing: what the loops themselves cost."""
    return (lambda tag, details: None), (lambda: None)


SUBJECTS = {
    "debugqueue": debugqueue_log,
    "opentelemetry": opentelemetry_log,
    "nothing": nothing_log,
}


def details_of(number: int) -> dict[str, Any]:
    """Return the small details of an event."""
    return {"details": "timeout", "user.id": f"u{number}", "attempt": number % 5}


def time_calls(log: Log, flush: Callable[[], Any], calls: int) -> dict[str, float]:
    """Time each call, in bursts, with the queue emptied between them."""
    times: list[int] = []
    after_pause: list[int] = []
    clock = time.perf_counter_ns
    for start in range(0, calls, BURST):
        for number in range(start, start + BURST):
            details = details_of(number)
            began = clock()
            log("SESSION_DROP", details)
            took = clock() - began
            (after_pause if number == start else times).append(took)
        flush()
        time.sleep(0.02)
    times.sort()
    after_pause.sort()
    return {
        "median_us": percentile(times, 0.5),
        "p99_us": percentile(times, 0.99),
        "p999_us": percentile(times, 0.999),
        "worst_us": percentile(times, 1.0),
        "after_pause_median_us": percentile(after_pause, 0.5),
    }


def core_share(log: Log, flush: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Log at a steady rate, ten events every ten milliseconds, and return the share of a core used."""
    for number in range(RATE):
        log("SESSION_DROP", details_of(number))
    flush()
    began, cpu = time.perf_counter(), time.process_time()
    due, number = began, 0
    while due < began + seconds:
        for _ in range(10):
            log("SESSION_DROP", details_of(number))
            number += 1
        due += 10 / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
    flush()
    took = time.perf_counter() - began
    return {"core_ratio": (time.process_time() - cpu) / took, "events_per_second": number / took}


def rss_kib() -> int:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def subject(name: str, url: str, calls: int, seconds: float) -> dict[str, float]:
    """Measure one subject in this process."""
    rss, began = rss_kib(), time.perf_counter()
    log, flush = SUBJECTS[name](url)
    imported_ms = (time.perf_counter() - began) * 1e3
    for number in range(BURST):
        log("WARM", details_of(number))
    flush()
    found = {"import_ms": imported_ms, **time_calls(log, flush, calls)}
    found |= core_share(log, flush, seconds)
    return found | {"rss_mib": (rss_kib() - rss) / 1024}


# --- in the process that measures


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def measured(name: str, url: str, calls: int, seconds: float) -> dict[str, float]:
    """Measure a subject in a process of its own."""
    command = [sys.executable, __file__, "--subject", name, "--url", url]
    command += ["--calls", str(calls), "--seconds", str(seconds)]
    path = os.pathsep.join([str(SDK), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def python_figures(quick: bool) -> dict[str, float]:
    """Return the Python SDK's figures, OpenTelemetry's, and what the measuring itself costs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    calls, seconds = (8_000, 2.5) if quick else (100_000, 60.0)
    ours, theirs, bare = (measured(name, url, calls, seconds) for name in SUBJECTS)
    server.shutdown()
    figures = {}
    for prefix, found in (("python_", ours), ("opentelemetry_python_", theirs)):
        for key in ("median_us", "p99_us", "p999_us", "worst_us", "after_pause_median_us"):
            figures[f"{prefix}log_{key}"] = found[key]
        figures[f"{prefix}core_ratio"] = found["core_ratio"] - bare["core_ratio"]
        figures[f"{prefix}rss_mib"] = found["rss_mib"]
        figures[f"{prefix}import_ms"] = found["import_ms"]
    figures["nothing_python_core_ratio"] = bare["core_ratio"]
    figures["nothing_python_log_median_us"] = bare["median_us"]
    return figures


def javascript_figures(quick: bool) -> tuple[dict[str, Any], list[str]]:
    """Return what `sdk/js/bench` prints, and which of its scripts could not run."""
    figures: dict[str, Any] = {}
    missing = []
    for script in ("node.mjs", "size.mjs"):
        command = ["node", str(JS / script), "--json", *(["--quick"] if quick else [])]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
            figures |= json.loads(done.stdout.splitlines()[-1])
        except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
            missing.append(f"sdk/js/bench/{script}: {type(error).__name__}")
    return figures, missing


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a minute instead of five")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, help="as for every benchmark; this one writes nothing")
    parser.add_argument("--only", choices=("python", "js"))
    parser.add_argument("--subject", choices=tuple(SUBJECTS), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.subject:
        print(json.dumps(subject(chosen.subject, chosen.url, chosen.calls, chosen.seconds)))
        return
    figures: dict[str, Any] = {}
    missing: list[str] = []
    if chosen.only != "js":
        figures |= python_figures(chosen.quick)
    if chosen.only != "python":
        found, missing = javascript_figures(chosen.quick)
        figures |= found
    figures = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
    if chosen.json:
        print(json.dumps({**figures, "missing": missing}))
        return
    for key, value in figures.items():
        print(f"{key:45} {value}")
    for each in missing:
        print(f"not measured: {each}")


if __name__ == "__main__":
    main()
