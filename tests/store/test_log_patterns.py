"""Log patterns over the real engine: counts, ids and examples, whatever the order and the restarts."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from tests.otlp_requests import SECOND, log, logs
from tests.store.segments import load_all, write_segment

from tracepulse.errors import NotFound
from tracepulse.journal.framing import frames
from tracepulse.log_patterns import log_pattern, log_patterns, pattern_minutes
from tracepulse.model.question import Window
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.load.inserts import Vocabularies, read_segment
from tracepulse.store.load.shape_rows import SeenShapes
from tracepulse.store.queries.telemetry import Telemetry

T = 1_790_000_040 * SECOND
MINUTE = 60 * SECOND
WINDOW = Window(T, T + 10 * MINUTE)


def _records() -> list[LogRecord]:
    chosen = random.Random(9)
    bodies = [f"took {chosen.randrange(10**6)} ms for /a/b/{n % 7}" for n in range(120)]
    bodies += [f"door opened for user {name} now" for name in ("ann", "bob", "eve") * 10]
    bodies += ["cache is full"] * 20
    bodies += [f"java.io.IOException: code {n}\n\tat a.B.c(B.java:{n})" for n in range(15)]
    return [
        log(body, at=T + chosen.randrange(10 * MINUTE), severity=9 + n % 9)
        for n, body in enumerate(bodies)
    ]


def _load_in_one_life(
    engine: ChdbEngine, folder: Path, data_set: str, parts: Sequence[Sequence[LogRecord]]
) -> None:
    known = Vocabularies()
    for n, part in enumerate(parts):
        segment = write_segment(folder, f"{data_set}{n}", "logs", [logs(*part)], data_set)
        data = segment.path.read_bytes()
        read = read_segment(data, list(frames(data)), "logs")
        every = np.ones(len(read.keys.keys), np.bool_)
        for load in read.loads(segment.segment_id, every, known):
            for insert in load.inserts:
                engine.insert(insert.table, insert.columns, insert.build())


def test_patterns_are_the_same_in_any_order_and_over_restarts(
    engine: ChdbEngine, tmp_path: Path
) -> None:
    """One segment; many in another order; many with a start in between: ids, counts, examples."""
    records = _records()
    load_all(engine, write_segment(tmp_path, "p-once", "logs", [logs(*records)], "p-once"))
    shuffled = random.Random(3).sample(records, len(records))
    parts = [shuffled[n : n + 25] for n in range(0, len(shuffled), 25)]
    _load_in_one_life(engine, tmp_path, "p-life", parts)
    for n, part in enumerate(parts[::-1]):
        name = f"p-again{n}"
        load_all(engine, write_segment(tmp_path, name, "logs", [logs(*part)], "p-again"))
    telemetry = Telemetry(engine)
    once, life, again = (
        log_patterns(telemetry, WINDOW, data_set=name) for name in ("p-once", "p-life", "p-again")
    )
    assert [
        ("took <*> ms for <*>", 120),
        ("door opened for user <*> now", 30),
        ("cache is full", 20),
        ("java.io.IOException: code <*>", 15),
    ] == [(each.text, each.lines) for each in once]
    assert (("ann", "bob", "eve"),) == once[1].parameters
    assert once == life
    assert once == again


def test_counts_by_minute_add_up_to_the_lines(engine: ChdbEngine, tmp_path: Path) -> None:
    """For each pattern and for all of them, and each minute holds what was written in it."""
    records = _records()
    load_all(engine, write_segment(tmp_path, "p-min", "logs", [logs(*records)], "p-min"))
    telemetry = Telemetry(engine)
    found = log_patterns(telemetry, WINDOW, "shop", "p-min")
    minutes: Counter[int] = Counter()
    for pattern in found:
        by_minute = pattern_minutes(telemetry, pattern, WINDOW, "p-min")
        assert pattern.lines == sum(each.lines for each in by_minute)
        minutes.update({each.start_unix_ns: each.lines for each in by_minute})
    assert len(records) == sum(each.lines for each in found)
    assert Counter(each.time_unix_nano // MINUTE * MINUTE for each in records) == minutes


def test_a_shape_finds_its_template_by_its_own_id(engine: ChdbEngine, tmp_path: Path) -> None:
    """So an id that was known before its template was taken up into another still leads there."""
    load_all(engine, write_segment(tmp_path, "p-id", "logs", [logs(*_records())], "p-id"))
    telemetry = Telemetry(engine)
    door = log_patterns(telemetry, WINDOW, "shop", "p-id")[1]
    assert 3 == len(door.shapes)
    assert {door} == {
        log_pattern(telemetry, shape, WINDOW, "shop", "p-id") for shape in door.shapes
    }
    with pytest.raises(NotFound, match="no lines of template 12ab"):
        log_pattern(telemetry, "12ab", WINDOW, "shop", "p-id")


def test_shapes_beyond_the_bound_are_counted_without_text(
    engine: ChdbEngine, tmp_path: Path
) -> None:
    """A flood of kinds of lines costs texts, never counts."""
    words = [f"{a}{b} is gone" for a in "bcdfghjk" for b in "aeiou"]
    records = [log(body, at=T + n) for n, body in enumerate(words)]
    segment = write_segment(tmp_path, "p-flood", "logs", [logs(*records)], "p-flood")
    data = segment.path.read_bytes()
    read = read_segment(data, list(frames(data)), "logs")
    every = np.ones(len(read.keys.keys), np.bool_)
    few = Vocabularies(seen_shapes=SeenShapes(most=4))
    for load in read.loads(segment.segment_id, every, few):
        for insert in load.inserts:
            engine.insert(insert.table, insert.columns, insert.build())
    found = log_patterns(Telemetry(engine), WINDOW, data_set="p-flood")
    assert len(words) == sum(each.lines for each in found)
    assert [len(words) - 4] == [each.lines for each in found if not each.template_id]
