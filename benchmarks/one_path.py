"""
How long the path of one trace takes to answer, with what its siblings show.

    python benchmarks/one_path.py [--quick] [--seed N] [--json]

Traces of 50 spans over eight services, of one route among ten, are stored in an engine of its own;
the endpoint is asked in this process for some of them, without HTTP's way there and back.
`p95_ms` is wall time, `p95_cpu_ms` that of all threads of the process.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from starlette.testclient import TestClient  # noqa: E402
from tests.deliver.watched import S, attributes, keep, services  # noqa: E402

from tracepulse.deliver.api.app import api_app  # noqa: E402
from tracepulse.store.chdb import ChdbEngine  # noqa: E402
from tracepulse.store.migrate import migrate  # noqa: E402

SPANS, ROUTES = 50, 10
START_UNIX_NS = 1_850_000_000 * S


def _trace(source: random.Random, number: int) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Return a trace's id and its spans with their services: each calls some of the next, in turn."""
    trace_id = f"{source.getrandbits(128):032x}"
    start = START_UNIX_NS + number * S // 4
    spans: list[tuple[str, dict[str, Any]]] = []
    ids = [f"{source.getrandbits(64):016x}" for _ in range(SPANS)]
    length = 10**9
    for place in range(SPANS):
        parent = (place - 1) // 3 if place else None
        depth = 0
        above = place
        while above:
            above, depth = (above - 1) // 3, depth + 1
        share = length // 4**depth
        turn = (place - 1) % 3
        begun = (
            start if parent is None else int(spans[parent][1]["startTimeUnixNano"]) + share * turn
        )
        begun += source.randrange(share // 10) if place else 0
        kind = 2 if depth % 2 == 0 else 3
        told = {
            "traceId": trace_id,
            "spanId": ids[place],
            "parentSpanId": "" if parent is None else ids[parent],
            "name": f"route {number % ROUTES}" if not place else f"operation {place}",
            "kind": kind,
            "startTimeUnixNano": str(begun),
            "endTimeUnixNano": str(begun + share * 9 // 10),
            "attributes": attributes(
                {"http.request.method": "GET", "server.address": f"service-{place % 8}"}
            ),
        }
        spans.append((f"service-{(depth + kind) // 2}", told))
    return trace_id, spans


def _requests(count: int, seed: int) -> tuple[list[str], list[tuple[Any, Any]]]:
    """Return the ids of traces, and requests of 100 traces each."""
    source = random.Random(seed)
    ids, requests = [], []
    for begin in range(0, count, 100):
        by_service: dict[str, list[dict[str, Any]]] = {}
        for number in range(begin, min(begin + 100, count)):
            trace_id, spans = _trace(source, number)
            ids.append(trace_id)
            for service, told in spans:
                by_service.setdefault(service, []).append(told)
        resources = [
            {
                "resource": {
                    "attributes": attributes({"service.name": name, "host.name": f"host-{name}"})
                },
                "scopeSpans": [{"spans": members}],
            }
            for name, members in sorted(by_service.items())
        ]
        requests.append(("traces", {"resourceSpans": resources}))
    return ids, requests


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3,000 traces instead of 20,000")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="as for every benchmark; this one writes nothing")
    chosen = parser.parse_args()
    ids, requests = _requests(3_000 if chosen.quick else 20_000, chosen.seed)
    walls, cpus, learned = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        engine = ChdbEngine(Path(folder) / "store")
        migrate(engine)
        keep(engine, Path(folder), requests)
        given = services(engine, Path(folder))
        with TestClient(api_app(given)) as client:
            for trace_id in ids[-40 * ROUTES :: ROUTES]:
                wall, cpu = time.perf_counter(), time.process_time()
                answer = client.get(f"/api/traces/{trace_id}/path").raise_for_status().json()
                walls.append((time.perf_counter() - wall) * 1e3)
                cpus.append((time.process_time() - cpu) * 1e3)
                learned.append(answer["learned_from"])
        given.state.close()
        engine.close()
    walls, cpus = walls[1:], cpus[1:]
    figures = {
        "spans_per_trace": SPANS,
        "traces": len(ids),
        "learned_from": min(learned),
        "p50_ms": round(statistics.median(walls), 1),
        "p95_ms": round(sorted(walls)[int(len(walls) * 0.95)], 1),
        "p95_cpu_ms": round(sorted(cpus)[int(len(cpus) * 0.95)], 1),
    }
    print(json.dumps(figures) if chosen.json else json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
