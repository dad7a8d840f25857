"""Shapes of log records: compiled, as the engine works them out, and as they are written down plainly."""

import random
from pathlib import Path

import numpy as np
import pytest
from tests.otlp_requests import SECOND, log, logs
from tests.store.segments import load_all, rows, write_segment

from tracepulse.model.log_shape import shape_of
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.load.pattern_shapes import pattern_shapes
from tracepulse.store.load.texts import bytes_at
from tracepulse.store.shapes import pattern_shape_sql

T = 1_790_000_000 * SECOND
PIECES = (
    "failed", "a", "x1", " ", "  ", "'", '"', '\\"', "ä", "€", "😀", "<*>", "\t", "/api/v1/users/17",
    "/a", "/b_c", "id=9f3a", "-", "@", "\\", "{}", "[7]", "0", "::1", ":", "ab:cd:", "1f:", "é9",
    "no", "\x00", '{"message": "x 1 y"', '"msg":', '"log" : "', '{"', '": ', " at foo(",
    "Traceback (most recent call last)", "\n", "\r\n", ' File "x", line 3', 'msg="', "level=info ",
    'message="hi 7"', "k=", "_-12", "blk_", "abc12", "abc123", "ab1_", "dead:beef:1:2:3:4",
)  # fmt: skip
LONG = (
    "x" * 999 + "é1", "é" * 1200, "{" + '"a":"b",' * 300, 'a=1 msg="' + "x" * 1100 + '"',
    "/ab" * 400 + " 1", "",
)  # fmt: skip


def random_bodies(count: int, seed: int) -> list[str]:
    """Return lines put together from what a mask may stumble over, and some long ones."""
    chosen = random.Random(seed)
    made = [
        "".join(chosen.choice(PIECES) for _ in range(chosen.randrange(14))) for _ in range(count)
    ]
    return [*made, *LONG]


@pytest.mark.parametrize("seed", [1, 2])
def test_compiled_shapes_are_those_that_are_written_down(seed: int) -> None:
    """For lines put together at random, long ones among them."""
    bodies = random_bodies(5_000, seed)
    encoded = [body.encode() for body in bodies]
    lengths = np.array([len(each) for each in encoded], np.int64)
    places = ((np.cumsum(lengths) - lengths) << 24) | lengths
    text, found = pattern_shapes(np.frombuffer(b"".join(encoded) + bytes(16), np.uint8), places)
    assert [shape_of(body) for body in bodies] == [
        bytes_at(text, place).decode() for place in found.tolist()
    ]


def test_the_engine_works_out_the_same_shapes_and_ids(engine: ChdbEngine, tmp_path: Path) -> None:
    """What the loader stored as ids is what the engine makes of the bodies it holds."""
    bodies = random_bodies(400, 3)
    records = [log(body, at=T + n) for n, body in enumerate(bodies)]
    load_all(engine, write_segment(tmp_path, "patterns", "logs", [logs(*records)], "patterns"))
    found = rows(
        engine,
        f"SELECT Body, {pattern_shape_sql()} AS shape, ShapeId, sipHash64(shape) AS id"
        " FROM otel_logs WHERE DataSet = 'patterns' ORDER BY Timestamp",
    )
    assert bodies == [row["Body"] for row in found]
    assert [shape_of(body) for body in bodies] == [row["shape"] for row in found]
    assert [row["id"] for row in found] == [row["ShapeId"] for row in found]
