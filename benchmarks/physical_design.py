"""
Measure why the tables of spans and log records are laid out as they are.

    python benchmarks/physical_design.py [--quick] [--rows N] [--only REGEX] [--seed N] [--json]

Each line of the answer is the shipped layout with one thing changed: bytes of a row on disk,
processor time of inserting and of merging all parts into one, and of asking, against the shipped
layout of the same run. Times within a run can be compared, if the machine does little else.
All variants of a million rows take an hour; `--rows 120000 --only 'minutes|LZ4'`, those that depend on
how many rows there are, under three minutes on a busy machine.
See docs/decisions/0012-physical-design.md.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import chdb
import numpy as np
from benchmarks.data import Spec, log_bodies, trace_bodies

from tracepulse.journal.framing import frame, frames
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.signals import Signal
from tracepulse.store.load.inserts import Vocabularies, read_segment
from tracepulse.store.settings import (
    LAYOUT_SETTINGS,
    LOAD_SETTINGS,
    TABLE_SETTINGS,
    literal,
)
from tracepulse.store.shapes import pattern_shape_sql

QUICK_ROWS = 50_000
FULL_ROWS = 1_000_000
SEGMENT_ROWS = 25_000
ROWS_A_SECOND = 11.6
"""Of event time: two million in two days, as `ingest.py` has it."""
QUESTIONS = 10
_IDS = ("TraceId", "SpanId", "ParentSpanId")


def _by(minutes: int) -> str:
    return f"intDiv(toUnixTimestamp64Nano(Timestamp), {minutes * 60 * 10**9})"


Setting = int | str


@dataclass(frozen=True, slots=True)
class Variant:
    """The shipped layout, but for some texts of its statement and some settings."""

    name: str
    signal: Signal
    changes: tuple[tuple[str, str], ...] = ()
    """Regular expression and replacement; each must be found."""
    settings: dict[str, Setting] = field(default_factory=dict)


def _order(columns: str) -> tuple[tuple[str, str], ...]:
    return ((r"ORDER BY \([^\n]*\)\n", f"ORDER BY ({columns})\n"),)


def _body(index: str) -> tuple[tuple[str, str], ...]:
    return ((r"    INDEX idx_body [^\n]*\n", index and f"    INDEX idx_body Body TYPE {index},\n"),)


VARIANTS = (
    Variant("shipped", "traces"),
    Variant(
        "lengths of map texts apart",
        "traces",
        settings={"propagate_types_serialization_versions_to_nested_types": 1},
    ),
    Variant(
        "order of the exporter",
        "traces",
        _order("ServiceName, SpanName, toDateTime(Timestamp), Timestamp"),
    ),
    Variant(
        "order by resource too",
        "traces",
        _order(f"{_by(10)}, ServiceName, SpanName, ResourceText, Timestamp"),
    ),
    Variant("order by trace", "traces", _order(f"{_by(10)}, TraceId, Timestamp")),
    *(
        Variant(f"by {n} minutes", "traces", _order(f"{_by(n)}, ServiceName, SpanName, Timestamp"))
        for n in (60, 20, 5)
    ),
    Variant(
        "LZ4 until merged",
        "traces",
        (
            (r" CODEC\(ZSTD\(1\)\)", ""),
            (r", ZSTD\(1\)\)", ", Default)"),
            (
                r"\nSETTINGS",
                "\nTTL toDateTime(ReceivedAt) + INTERVAL 1 SECOND RECOMPRESS CODEC(ZSTD(1))\nSETTINGS",
            ),
        ),
    ),
    Variant("blocks of 1 MiB", "traces", settings={"min_compress_block_size": 1 << 20}),
    Variant("fresh parts wide", "traces", settings={"min_level_for_wide_part": 0}),
    Variant(
        "small merges by row",
        "traces",
        settings={"vertical_merge_algorithm_min_rows_to_activate": 131_072},
    ),
    Variant("no batch queue", "traces", settings={"merge_use_batch_sorting_queue": 0}),
    Variant("statistics", "traces", settings={"auto_statistics_types": "basic, uniq_v2"}),
    Variant(
        "Timestamp by Delta",
        "traces",
        ((r"CODEC\(T64, ZSTD\(1\)\),\n    TraceId", "CODEC(Delta(8), ZSTD(1)),\n    TraceId"),),
    ),
    Variant(
        "scopes as String", "traces", ((r"(Scope\w+) LowCardinality\(String\)", r"\1 String"),)
    ),
    Variant("ZSTD(3)", "traces", ((r"ZSTD\(1\)", "ZSTD(3)"),)),
    Variant("granules of 1024 rows", "traces", settings={"index_granularity": 1024}),
    Variant(
        "32 buckets a map",
        "traces",
        settings={
            "map_serialization_version": "with_buckets",
            "map_buckets_strategy": "constant",
            "map_buckets_min_avg_size": 0,
            "max_buckets_in_map": 32,
        },
    ),
    Variant("shipped", "logs"),
    Variant("order of the exporter", "logs", _order("ServiceName, TimestampTime, Timestamp")),
    *(
        Variant(f"by {n} minutes", "logs", _order(f"{_by(n)}, ServiceName, Timestamp"))
        for n in (60, 5)
    ),
    Variant("no index of words", "logs", _body("")),
    Variant("32 KiB for 8 granules", "logs", _body("tokenbf_v1(32768, 3, 0) GRANULARITY 8")),
    Variant("8 KiB a granule", "logs", _body("tokenbf_v1(8192, 3, 0) GRANULARITY 1")),
    Variant("text index", "logs", _body("text(tokenizer = splitByNonAlpha)")),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one variant cost; per row unless said otherwise."""

    signal: str
    variant: str
    bytes: float
    bytes_without_ids: float
    bytes_unmerged: float
    index_bytes: float
    insert_us: float
    merge_us: float
    question_ms: float
    """Processor time of a trace by id with all columns, or of a search for a rare word."""
    columns: dict[str, float]


class Lab:
    """Prepared blocks, and an engine to try them in."""

    def __init__(self, folder: Path, rows: int, seed: int) -> None:
        """Generate the data and write it as the loader's blocks."""
        self._folder = folder
        self._connection: Any = chdb.connect(str(folder / "engine"))  # type: ignore[no-untyped-call]
        spec = Spec(seed, rows, rows)
        spec = Spec(
            seed, rows, rows, end_unix_ns=spec.start_unix_ns + round(rows / ROWS_A_SECOND * 1e9)
        )
        self._blocks: dict[str, list[Path]] = {"traces": [], "logs": []}
        self._columns: dict[str, str] = {}
        for signal, bodies in (("traces", trace_bodies(spec)), ("logs", log_bodies(spec))):
            waiting, held = [], 0
            for body in bodies:
                admitted = admit(body.payload, body.signal, SERVER_LIMITS)
                waiting.append(
                    frame(admitted.body, Receipt(body.last_unix_ns, "otlp_http", "loopback", ""))
                )
                held += body.records
                if held >= SEGMENT_ROWS:
                    self._write(body.signal, b"".join(waiting))
                    waiting, held = [], 0
            if waiting:
                self._write("traces" if signal == "traces" else "logs", b"".join(waiting))

    def _write(self, signal: Signal, data: bytes) -> None:
        read = read_segment(data, list(frames(data)), signal)
        everything = np.ones(len(read.keys.keys), np.bool_)
        number = len(self._blocks[signal])
        for load in read.loads(f"{1_790_000_000_000 + number:013d}-1", everything, Vocabularies()):
            for insert in load.inserts:
                if insert.table == f"otel_{signal}":
                    path = self._folder / f"{signal}-{len(self._blocks[signal])}.native"
                    path.write_bytes(b"".join(insert.build()))
                    self._blocks[signal].append(path)
                    self._columns[signal] = ", ".join(f"`{name}`" for name in insert.columns)

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        answer = str(self._connection.query(sql, "JSONEachRow"))
        return [json.loads(line) for line in answer.splitlines() if line]

    def measure(self, variant: Variant) -> Figures:
        """Fill a table of this layout, merge it, ask it, and drop it."""
        signal = variant.signal
        for statement in (create_statement(variant), *later_columns(signal)):
            self._connection.query(statement)
        self._connection.query("SYSTEM STOP MERGES variant")
        settings = ", ".join(f"{name}={value}" for name, value in LOAD_SETTINGS.items())
        started = time.process_time()
        for path in self._blocks[signal]:
            self._connection.query(
                f"INSERT INTO variant ({self._columns[signal]}) SELECT * FROM"
                f" file({literal(str(path))}, 'Native') SETTINGS {settings}"
            )
        inserted = time.process_time()
        unmerged = self._size()
        self._connection.query("SYSTEM START MERGES variant")
        before = time.process_time()
        self._connection.query("OPTIMIZE TABLE variant FINAL")
        merged = time.process_time()
        size = self._size()
        found = self._rows(
            "SELECT column, sum(column_bytes_on_disk) AS bytes FROM system.parts_columns"
            " WHERE active AND table = 'variant' GROUP BY column ORDER BY bytes DESC"
        )
        rows = int(size["rows"])
        columns = {each["column"]: int(each["bytes"]) / rows for each in found}
        question_ms = self._ask(signal)
        self._connection.query("DROP TABLE variant SYNC")
        ids = sum(columns.get(name, 0.0) for name in _IDS)
        return Figures(
            signal=signal,
            variant=variant.name,
            bytes=int(size["bytes"]) / rows,
            bytes_without_ids=int(size["bytes"]) / rows - ids,
            bytes_unmerged=int(unmerged["bytes"]) / rows,
            index_bytes=int(size["indexes"]) / rows,
            insert_us=(inserted - started) / rows * 1e6,
            merge_us=(merged - before) / rows * 1e6,
            question_ms=question_ms,
            columns={name: value for name, value in columns.items() if value >= 0.05},
        )

    def _size(self) -> dict[str, Any]:
        return self._rows(
            "SELECT sum(rows) AS rows, sum(bytes_on_disk) AS bytes,"
            " sum(secondary_indices_compressed_bytes) AS indexes"
            " FROM system.parts WHERE active AND table = 'variant'"
        )[0]

    def _ask(self, signal: Signal) -> float:
        questions = list(self._questions(signal))
        started = time.process_time()
        for question in questions:
            self._connection.query(f"{question} SETTINGS use_query_condition_cache=0", "Null")
        return (time.process_time() - started) / len(questions) * 1e3

    def _questions(self, signal: Signal) -> Iterator[str]:
        if signal == "traces":
            ids = self._rows(
                f"SELECT DISTINCT TraceId AS id FROM variant ORDER BY id LIMIT {QUESTIONS}"
            )
            for row in ids:
                yield f"SELECT *, ResourceAttributes FROM variant WHERE TraceId = '{row['id']}'"
            return
        lines = self._rows(
            f"SELECT Body FROM variant WHERE match(Body, '[0-9]{{6}}')"
            f" ORDER BY cityHash64(Body) LIMIT {QUESTIONS}"
        )
        words = chain.from_iterable(re.findall(r"[A-Za-z0-9]+", row["Body"]) for row in lines)
        rare = [word for word in words if sum(map(str.isdigit, word)) >= 6]
        for word in rare[:QUESTIONS]:
            yield (
                "SELECT Timestamp, Body, LogAttributes, ResourceAttributes FROM variant"
                f" WHERE hasToken(Body, '{word}') ORDER BY Timestamp DESC LIMIT 100"
            )


def create_statement(variant: Variant) -> str:
    """Return the statement that makes a variant's table."""
    text = files("tracepulse.store.schema").joinpath("0001_telemetry.sql").read_text()
    table = f"otel_{variant.signal}"
    statement = next(each for each in text.split("\n--\n") if f"EXISTS {table}\n" in each)
    statement = statement[statement.index("CREATE") :].replace(table, "variant", 1)
    for pattern, replacement in variant.changes:
        statement, changed = re.subn(pattern, replacement, statement)
        if not changed:
            raise ValueError(f"{variant.name}: nothing in the schema matches {pattern}")
    settings: dict[str, Setting] = {**TABLE_SETTINGS, **LAYOUT_SETTINGS, **variant.settings}
    clause = ", ".join(
        f"{name} = {literal(value) if isinstance(value, str) else value}"
        for name, value in settings.items()
    )
    return re.sub(r"@\w+_settings", lambda _: clause, statement).replace("@engine", "MergeTree")


def later_columns(signal: Signal) -> tuple[str, ...]:
    """Return the statements that add to a variant's table what came after its first migration."""
    found = []
    for file in sorted(files("tracepulse.store.schema").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".sql"):
            for statement in file.read_text().split("\n--\n"):
                statement = re.sub(r"^--.*\n", "", statement, flags=re.MULTILINE).strip()
                if statement.startswith(f"ALTER TABLE otel_{signal}\n"):
                    text = statement.replace(f"otel_{signal}", "variant", 1)
                    found.append(text.replace("@pattern_shape", pattern_shape_sql()))
    return tuple(found)


def _show(all_figures: list[Figures]) -> None:
    print(
        f"{'':28} {'bytes':>6} {'no ids':>6} {'fresh':>6} {'index':>6}"
        f" {'insert':>7} {'merge':>7} {'ask':>7}"
    )
    shipped: dict[str, Figures] = {}
    for each in all_figures:
        base = shipped.setdefault(each.signal, each)
        print(
            f"{each.signal + ': ' + each.variant:28} {each.bytes:6.1f} {each.bytes_without_ids:6.1f}"
            f" {each.bytes_unmerged:6.1f} {each.index_bytes:6.2f}"
            f" {each.insert_us / base.insert_us:6.2f}x {each.merge_us / base.merge_us:6.2f}x"
            f" {each.question_ms / base.question_ms:6.2f}x"
        )
    for signal, base in shipped.items():
        print(
            f"{signal}, shipped: insert {base.insert_us:.2f} us, merge {base.merge_us:.2f} us a row,"
            f" a question {base.question_ms:.1f} ms of processor time;",
            ", ".join(f"{name} {value:.2f}" for name, value in base.columns.items()),
        )


def main() -> None:
    """Measure every variant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", type=int, default=0, help="of each signal")
    parser.add_argument(
        "--only", default="", help="regular expression; shipped ones are measured too"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows of each signal")
    parser.add_argument("--data", type=Path, help="folder for files, emptied never; default /tmp")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chosen = [
        each for each in VARIANTS if each.name == "shipped" or re.search(options.only, each.name)
    ]
    rows = options.rows or (QUICK_ROWS if options.quick else FULL_ROWS)
    if options.data:
        options.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tracepulse-design-", dir=options.data) as folder:
        lab = Lab(Path(folder), rows, options.seed)
        lab.measure(VARIANTS[0])  # the first insert of a process pays for its start
        figures = [lab.measure(variant) for variant in chosen]
    if options.json:
        print(json.dumps({"rows": rows, "variants": [asdict(each) for each in figures]}))
    else:
        _show(figures)


if __name__ == "__main__":
    main()
