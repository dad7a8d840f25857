"""What loading works out itself is what the engine would work out: numbers as text, shapes, roll-ups."""

import random
import struct
from pathlib import Path

import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.otlp_requests import SECOND, log, logs, span, traces
from tests.store.segments import load_all, rows, write_segment

from tracepulse.model.question import AttributeFilter, LogQuestion, Window
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.engine import Engine
from tracepulse.store.load.duplicates import Duplicates, Keys
from tracepulse.store.load.rollup_blocks import OTHER, Vocabulary
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.shapes import pattern_shape_sql

T = 1_790_000_000 * SECOND
_PIECES = (
    "failed", "a", "x1", " ", "  ", "'", '"', "'quoted 1'", '"two words"', "ä", "€", "😀", "<*>",
    "\t", "/api/v1/users/17", "id=9f3a", "-", "@", "\\", "{}", "[7]", "0", "::1", "é9", "no", "\x00",
)  # fmt: skip


def _doubles() -> list[float]:
    chosen = random.Random(4)
    special = [0.0, -0.0, 1.0, -1.5, 0.1, 1e-6, 9.99e-7, 1e15, 1e16, 123456789012345680000.0]
    special += [1e21, 1.5e22, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf")]
    bits = (struct.unpack("<d", chosen.randbytes(8))[0] for _ in range(3000))
    scaled = (round(chosen.uniform(-1000, 1000), chosen.randrange(12)) for _ in range(500))
    return [*special, float("nan"), *bits, *scaled]


def test_doubles_are_written_as_the_engine_writes_them(engine: ChdbEngine, tmp_path: Path) -> None:
    """The shortest digits that mean the same number, plain or with an exponent."""
    numbers = _doubles()
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for at, number in enumerate(numbers, 1):
        scope.log_records.add(time_unix_nano=at).body.double_value = number
    load_all(engine, write_segment(tmp_path, "doubles", "logs", [request], "doubles"))
    found = rows(engine, "SELECT Body FROM otel_logs WHERE DataSet = 'doubles' ORDER BY Timestamp")
    bits = [struct.unpack("<q", struct.pack("<d", each))[0] for each in numbers]
    wanted = rows(
        engine,
        "SELECT arrayJoin(arrayMap(b -> toString(reinterpretAsFloat64(b)), {bits:Array(Int64)}))"
        " AS text",
        bits=bits,
    )
    assert [row["text"] for row in wanted] == [row["Body"] for row in found]


def test_shapes_are_those_of_the_engine(engine: ChdbEngine, tmp_path: Path) -> None:
    """For lines put together at random from what a mask may stumble over, long ones among them."""
    chosen = random.Random(5)
    bodies = [
        "".join(chosen.choice(_PIECES) for _ in range(chosen.randrange(30))) for _ in range(400)
    ]
    bodies += ["first 1\nsecond 2", "\r\n", "'", "x" * 299 + "é1", "é" * 350, '"' + "y" * 400 + '"']
    records = [log(body, at=T + n, severity=17) for n, body in enumerate(bodies)]
    load_all(engine, write_segment(tmp_path, "shapes", "logs", [logs(*records)], "shapes"))
    kept = rows(
        engine,
        "SELECT Shape, sum(Lines) AS n FROM log_bins WHERE DataSet = 'shapes'"
        " AND SeverityNumber = 17 GROUP BY Shape ORDER BY Shape",
    )
    wanted = rows(
        engine,
        f"SELECT {pattern_shape_sql()} AS Shape, count() AS n FROM otel_logs WHERE DataSet = 'shapes'"
        " GROUP BY Shape ORDER BY Shape",
    )
    assert wanted == kept


def test_resources_come_back_as_they_were_and_are_found(any_engine: Engine, tmp_path: Path) -> None:
    """Keys and values that JSON must escape, that look like JSON, or that contain each other."""
    texts = ('"', "\\", '\\"', "a", 'a"', "a\\", '","a":"a', "\x00\x1f\n\t\x7f", "é😀/", "{}", "1")
    resources = [{"service.name": "s", key: value} for key in texts for value in texts]
    resources.append({"service.name": "s", "a": "first", "b": "a"})
    requests = [
        logs(log(str(n), at=T + n), service="s", **{k: v for k, v in resource.items() if v != "s"})
        for n, resource in enumerate(resources)
    ]
    load_all(any_engine, write_segment(tmp_path, "resources", "logs", requests, "resources"))
    found = rows(
        any_engine,
        "SELECT ResourceAttributes AS map FROM otel_logs WHERE DataSet = 'resources'"
        " ORDER BY Timestamp",
    )
    assert resources == [dict(row["map"]) for row in found]
    for n, resource in enumerate(resources):
        asked = tuple(AttributeFilter(*pair) for pair in resource.items())
        question = LogQuestion(Window(T, T + SECOND), attributes=asked, data_set="resources")
        records = Telemetry(any_engine).search_logs(question)
        assert [str(n)] == [each.body for each in records]


def test_names_past_the_bound_are_counted_together() -> None:
    """Services and names that were there first keep their own; the rest is one."""
    names = Vocabulary(services=2, names_per_service=2)
    for service in (b"a", b"b"):
        assert [(True, True), (True, True), (True, False), (True, True)] == [
            names.is_known(service, name) for name in (b"1", b"2", b"3", b"1")
        ]
    assert (False, False) == names.is_known(b"c", b"1")


def test_ids_in_names_do_not_make_a_roll_up_grow(engine: ChdbEngine, tmp_path: Path) -> None:
    """7,000 operations of one service: 5,000 are counted as themselves, no call is lost."""
    spans = [span(span_id=n, start=T + n, name=f"GET /{n}", kind=2) for n in range(1, 7_001)]
    segment = write_segment(tmp_path, "many", "traces", [traces(*spans)], "many")
    load_all(engine, segment)
    bins = Telemetry(engine).span_bins(Window(T, T + SECOND), "many")
    calls = dict(zip(bins.operation, bins.calls, strict=True))
    assert (5_001, 2_000, 7_000) == (len(calls), calls[OTHER], sum(calls.values()))
    (found,) = rows(
        engine, "SELECT uniqExact(SpanName) AS n FROM otel_traces WHERE DataSet = 'many'"
    )
    assert 7_000 == found["n"]


def _keys(first: int, count: int, at_s: float = 1.0) -> Keys:
    return Keys(np.arange(first, first + count, dtype=np.uint64) * 2 + 1, int(at_s * SECOND))


def test_what_was_remembered_is_known_for_the_window() -> None:
    """A key is known for ten minutes and forgotten after twice that."""
    duplicates = Duplicates(window_s=600)
    duplicates.remember(_keys(0, 5000))
    for at_s in (100.0, 599.0, 605.0, 1100.0):
        duplicates.remember(_keys(int(at_s) * 10_000, 5000, at_s))
        assert not duplicates.new_ones(_keys(0, 5000)).any()
        assert duplicates.new_ones(_keys(10**9, 5000)).all()
    duplicates.remember(_keys(30_000_000, 1, 1300.0))
    assert duplicates.new_ones(_keys(0, 5000)).all()


def test_memory_is_bounded_by_the_number_of_keys() -> None:
    """Past the bound the older half is forgotten, never the younger."""
    duplicates = Duplicates(most_keys=4000)
    for turn in range(10):
        duplicates.remember(_keys(turn * 1000, 1000))
    assert not duplicates.new_ones(_keys(9000, 1000)).any()
    assert duplicates.new_ones(_keys(0, 1000)).all()
