"""
How many of the true edges the flow graph has, and how many that are not true.

    python benchmarks/flows.py [--quick] [--data DIR] [--seed 7] [--json]

Each part writes telemetry into an empty store, as it would come from outside, and asks for the graph:

  spans              recorded traces (--data) against the call graph recorded beside them, and made-up
                     systems (benchmarks/generator/call_systems.py)
  access_logs        Istio's default access logs, written of recorded and of made-up calls by
                     benchmarks/generator/istio_lines.py, with the sidecar's pod as their only resource
  plain_logs         log lines without traces, spans and request ids
  half_instrumented  systems where some services send no spans

Each has `precision` and `recall`: the mean over its systems, and `worst_decile` of both. The last line is
one JSON object.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from benchmarks.flow_systems import (
    Edges,
    NezhaCase,
    bench,
    line_requests,
    nezha_truth,
    score,
    service_lines,
    span_requests,
    summary,
)
from benchmarks.flows_plain_logs import plain_logs
from benchmarks.generator.call_systems import MadeSystem, made_system
from benchmarks.generator.istio_lines import Mesh

from tracepulse.model.flow_graph import FlowGraph

Part = Callable[[bool, Path | None, int], dict[str, Any]]
GATEWAY = "istio-ingressgateway"
NO_DATA = "no recorded data there; set TRACEPULSE_DATA or --data to the folder that has `nezha`"


def spans(quick: bool, data: Path | None, seed: int) -> dict[str, Any]:
    """Return how the graph of spans fares: recorded traces, and made-up systems."""
    with bench() as store:
        scores = []
        for number in range(6 if quick else 30):
            system = made_system(seed * 1_000 + number)
            shuffled = list(system.spans)
            random.Random(seed).shuffle(shuffled)
            store.load(f"made-{number}", "traces", span_requests(shuffled))
            scores.append(score(_called(store.graph(f"made-{number}")), system.walked))
        made_up: dict[str, Any] = _whole(scores)
        found: dict[str, Any] = {"made_up": made_up}
        if data is None or not (data / "nezha").is_dir():
            return made_up | found | {"recorded": {"skipped": NO_DATA}}
        cases = _cases(data, quick)
        for case in cases:
            store.load("nezha", "traces", span_requests(case.spans()))
        edges = _called(store.graph("nezha"))
        recorded = score(edges, nezha_truth(data))
        held = {(c.caller, c.callee) for case in cases for c in case.calls() if c.caller}
        recorded["of_edges_in_the_traces"] = score(edges, held)
        recorded["cases"] = len(cases)
        return summary([*scores, recorded]) | {"recorded": recorded} | found


def access_logs(quick: bool, data: Path | None, seed: int) -> dict[str, Any]:
    """Return how the graph of access logs alone fares."""
    with bench() as store:
        scores = []
        for number in range(6 if quick else 30):
            system = made_system(seed * 1_000 + 500 + number)
            mesh = Mesh(seed + number, mtls=number % 3 != 0)
            store.load(f"lines-{number}", "logs", line_requests(mesh.lines(system.calls)))
            walked = {(call.caller, call.callee) for call in system.calls}
            scores.append(score(_called(store.graph(f"lines-{number}")), walked))
        made_up: dict[str, Any] = _whole(scores)
        found: dict[str, Any] = {"made_up": made_up}
        if data is None or not (data / "nezha").is_dir():
            return made_up | found | {"recorded": {"skipped": NO_DATA}}
        mesh = Mesh(seed)
        true: Edges = set()
        for case in _cases(data, quick):
            calls = list(case.calls())
            true |= {(call.caller, call.callee) for call in calls if call.caller}
            store.load("nezha-lines", "logs", line_requests(mesh.lines(calls)))
        recorded = score(_called(store.graph("nezha-lines")), true)
        return summary([*scores, recorded]) | {"recorded": recorded} | found


def half_instrumented(quick: bool, data: Path | None, seed: int) -> dict[str, Any]:
    """
    Return how the graph fares where a third of the services send no spans.

    `known_by` says what there is beside the others' spans: nothing, lines of services that have a log and
    no more, or access logs of a mesh. True is what at least one end of could tell; `of_all_edges` counts
    those between two silent ones as well.
    """
    del data
    with bench() as store:
        parts: dict[str, list[dict[str, Any]]] = {"spans": [], "and_logs": [], "and_a_mesh": []}
        everything: list[dict[str, Any]] = []
        for number in range(9 if quick else 45):
            system = made_system(seed * 1_000 + 700 + number, silent_share=0.35)
            told = {edge for edge in system.walked if _is_told(edge, system)}
            for part, scores in parts.items():
                name = f"half-{part}-{number}"
                store.load(name, "traces", span_requests(system.spans))
                if part == "and_logs":
                    store.load(name, "logs", service_lines(system))
                if part == "and_a_mesh":
                    lines = Mesh(seed + number).lines(system.calls)
                    store.load(name, "logs", line_requests(lines))
                called = _called(store.graph(name))
                scores.append(score(called, told | (called & system.walked)))
                scores[-1]["trace_is"] = system.silent_way
                everything.append(score(called, system.walked))
        every = [each for scores in parts.values() for each in scores]
        return summary(every) | {
            "known_by": {part: _whole(scores) for part, scores in parts.items()},
            "trace_is": {
                way: summary([each for each in every if each["trace_is"] == way])
                for way in ("traced", "headers", "anew")
            },
            "of_all_edges": summary(everything),
        }


def _is_told(edge: tuple[str, str], system: MadeSystem) -> bool:
    """Tell whether an end of an edge sends spans; from queues only who reads could tell."""
    caller, callee = edge
    if caller in system.topics:
        return callee not in system.silent
    return not {caller, callee} <= system.silent


def _called(graph: FlowGraph) -> Edges:
    """Return the graph's edges but for those from outside and past a queue that stands between."""
    return {
        (edge.caller, edge.callee)
        for edge in graph.edges
        if edge.caller not in ("", GATEWAY) and not edge.via
    }


def _whole(scores: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the summary of some systems, and what is wrong in the worst of them."""
    worst = min(scores, key=lambda each: each["precision"] + each["recall"])
    return summary(scores) | {"worst": worst}


def _cases(data: Path, quick: bool) -> list[NezhaCase]:
    folders = sorted((data / "nezha").glob("*/online-boutique-*/traces"))
    return [NezhaCase(each.parent) for each in (folders[::6] if quick else folders)]


PARTS: dict[str, Part] = {
    "spans": spans,
    "access_logs": access_logs,
    "plain_logs": plain_logs,
    "half_instrumented": half_instrumented,
}


def data_folder(asked: str | None) -> Path | None:
    """Return the folder with recorded data: as asked, as tests find it, or None."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    found = Path(asked or os.environ.get("TRACEPULSE_DATA") or beside)
    return found if found.is_dir() else None


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the parts and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument(
        "--quick", action="store_true", help="fewer systems, a part of the recordings"
    )
    parser.add_argument("--data", help="folder with recorded data")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="these parts alone")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    chosen = parser.parse_args(arguments)
    data = data_folder(chosen.data)
    found: dict[str, Any] = {}
    for name, part in PARTS.items():
        if chosen.only and name not in chosen.only:
            continue
        found[name] = part(chosen.quick, data, chosen.seed)
        if not chosen.json:
            print(f"{name}: {json.dumps(found[name], indent=2)}")
    print(json.dumps(found))
    return found


if __name__ == "__main__":
    main()
