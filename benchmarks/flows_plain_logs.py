"""
Flows from plain log lines, their traces, spans and request ids taken away: precision and recall.

    python benchmarks/flows_plain_logs.py [--quick] [--data DIR] [--seed 7] [--shop LOGS] [--json]

Made-up systems (benchmarks/generator/plain_systems.py) hold business keys only; how sure an edge must be
is not asked. `by_kind`, `by_clocks` and `by_class` show where it is hard. `shop` is the demo shop, run for a minute or
read from LOGS, once as it writes and once without the ids in brackets that all its services share.
`nezha` is Train Ticket's recorded logs against the calls in its recorded traces, ids of both taken out.
"""

import argparse
import csv
import json
import lzma
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from benchmarks.flow_systems import Edges, NezhaCase, score, summary
from benchmarks.generator.plain_systems import plain_system
from examples.shop.errors import ShopError
from examples.shop.shop import Shop

from tracepulse.derive.log_graph import log_graph, record_graph
from tracepulse.derive.log_tokens import log_lines
from tracepulse.model.log import LogRecord

__all__ = ["plain_logs"]

SYSTEMS, QUICK_SYSTEMS = 40, 8
SHOP_S = 60
SHOP_EDGES: Edges = {
    ("gateway", "session"),
    ("gateway", "checkout"),
    ("gateway", "catalogue"),
    ("gateway", "fulfilment"),
    ("checkout", "session"),
    ("checkout", "catalogue"),
    ("checkout", "payment"),
    ("checkout", "fulfilment"),
    ("fulfilment", "catalogue"),
}
"""As the spans of the shop have them (examples/shop/README.md)."""
_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (\w+) (\w+) (.*)", re.DOTALL)
_SHARED_ID = re.compile(r"\[?req-[0-9a-f]+\]?")
_TRACED_IDS = re.compile(r"(TraceID|SpanID): ?\w+")


def plain_logs(quick: bool, data: Path | None, seed: int) -> dict[str, Any]:
    """
    Return precision and recall of the edges that log lines alone show.

    Args:
        quick: fewer systems, and no shop.
        data: the folder with recorded data; None where there is none.
        seed: of what is made up.

    """
    found = _made_up(QUICK_SYSTEMS if quick else SYSTEMS, seed)
    found["shop"] = {"skipped": "not in the quick run"} if quick else _run_shop()
    found["nezha"] = _nezha(data, quick)
    return found


def _made_up(count: int, seed: int) -> dict[str, Any]:
    scores, lines, spent_s = [], 0, 0.0
    by_class: dict[str, list[bool]] = {}
    for number in range(count):
        system = plain_system(seed * 1_000 + number)
        columns = log_lines(system.records)
        if number == 0:
            log_graph(columns)  # compiles
        begun = time.thread_time()
        graph = log_graph(columns)
        spent_s += time.thread_time() - begun
        lines += len(system.records)
        one = score({(edge.caller, edge.callee) for edge in graph.edges}, set(system.edges))
        one["kind"] = system.kind
        one["clocks"] = (
            "apart" if max(map(abs, system.offsets_ns.values())) > 5_000_000 else "right"
        )
        scores.append(one)
        hit = {(edge.caller, edge.callee) for edge in graph.edges}
        for edge, kind in sorted(system.classes.items()):
            by_class.setdefault(kind, []).append(edge in hit)
    return summary(scores) | {
        "by_kind": _by(scores, "kind"),
        "by_clocks": _by(scores, "clocks"),
        "by_class": {
            kind: {"edges": len(hits), "recall": round(mean(hits), 4)}
            for kind, hits in sorted(by_class.items())
        },
        "lines": lines,
        "us_per_line": round(spent_s / lines * 1e6, 2),
        "found_nothing": sum(not each["recall"] for each in scores),
    }


def _by(scores: list[dict[str, Any]], name: str) -> dict[str, dict[str, float]]:
    return {
        value: {
            part: round(mean(each[part] for each in scores if each[name] == value), 4)
            for part in ("precision", "recall")
        }
        for value in sorted({each[name] for each in scores})
    }


def _run_shop() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Shop(Path(folder) / "shop", telemetry="logs") as shop:
                time.sleep(SHOP_S)
                return shop_scores(shop.logs_dir)
        except ShopError as fault:
            return {"skipped": str(fault)}


def shop_scores(logs: Path) -> dict[str, Any]:
    """Return how the shop's log files fare, as they are and without the id of each request."""
    rows = list(_shop_records(logs))
    there = {record.service for record in rows}
    true = {edge for edge in SHOP_EDGES if set(edge) <= there}
    stripped = [
        LogRecord(**{**_fields(record), "body": _SHARED_ID.sub("", record.body)}) for record in rows
    ]
    parts = {"as_written": rows, "business_keys_only": stripped}
    return {name: score(_edges(records), true) for name, records in parts.items()}


def _fields(record: LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in LogRecord.__slots__}


def _edges(records: list[LogRecord]) -> Edges:
    return {(edge.caller, edge.callee) for edge in record_graph(records).edges}


def _record(time_unix_ns: int, service: str, body: str, host: str) -> LogRecord:
    return LogRecord(
        time_unix_ns, service, "", 9, body, "", "", {}, {"host.name": host}, "loopback"
    )


def _shop_records(logs: Path) -> Iterator[LogRecord]:
    for path in sorted(logs.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            plain = _LINE.match(line)
            if plain:
                at = datetime.strptime(plain[1], "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC)
                yield _record(round(at.timestamp() * 1_000) * 1_000_000, plain[3], plain[4], "one")
            elif line.startswith("["):  # the proxy's access log
                stamp, _, rest = line[1:].partition("] ")
                at = datetime.fromisoformat(stamp)
                yield _record(round(at.timestamp() * 1_000) * 1_000_000, path.stem, rest, "one")


def _nezha(data: Path | None, quick: bool) -> dict[str, Any]:
    if data is None or not (data / "nezha").is_dir():
        return {"skipped": "no recorded data: set TRACEPULSE_DATA or --data to a folder with nezha"}
    cases = [
        folder
        for folder in sorted((data / "nezha" / "cases").glob("train-ticket-*"))
        if any(folder.glob("logs/*.csv.xz"))
    ][: 2 if quick else None]
    records, true = [], set()
    for folder in cases:
        records += list(_nezha_records(folder))
        calls = NezhaCase(folder).calls()
        true |= {(call.caller, call.callee) for call in calls if call.caller}
    writing = {record.service for record in records}
    fared = score(_edges(records), true)
    visible = {edge for edge in true if set(edge) <= writing}
    return fared | {
        "cases": len(cases),
        "lines": len(records),
        "of_services_that_log": score(_edges(records), visible),
    }


def _nezha_records(folder: Path) -> Iterator[LogRecord]:
    for path in sorted(folder.glob("logs/*.csv.xz")):
        with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                try:
                    body = str(json.loads(row["Log"])["log"])
                except (ValueError, KeyError):
                    body = row["Log"]
                yield _record(
                    int(row["TimeUnixNano"]),
                    row["PodName"].rsplit("-", 2)[0],
                    _TRACED_IDS.sub("", body),
                    row["Node"],
                )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", type=Path, default=os.environ.get("TRACEPULSE_DATA"))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--shop", type=Path, help="a folder of the shop's log files")
    options = parser.parse_args()
    found = plain_logs(
        options.quick or options.shop is not None,
        Path(options.data) if options.data else None,
        options.seed,
    )
    if options.shop is not None:
        found["shop"] = shop_scores(options.shop)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
