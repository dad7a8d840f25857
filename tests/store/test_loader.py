"""Segments into tables and roll-ups exactly once, whatever happens in between."""

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from tests.otlp_requests import SECOND, log, logs, metrics, span, traces
from tests.store.segments import framed, load_all, rows, write_segment

from tracepulse.errors import EngineError, Overloaded, Unavailable
from tracepulse.journal.framing import frame
from tracepulse.journal.journal import Journal, JournalLimits
from tracepulse.journal.segment import Segment
from tracepulse.model.question import Window
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS, live_window
from tracepulse.receive.signals import Signal
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.engine import Engine, Parameter, QueryLimits
from tracepulse.store.load.loader import Loader
from tracepulse.store.migrate import ROLLUPS, migrate, rollup_select
from tracepulse.store.queries.telemetry import Telemetry

LIMITS = JournalLimits(seal_after_s=0.0, pace_s=0.0, min_free_bytes=1, keep_stored_s=0)
T = 1_790_000_000 * SECOND

_SUMS = {
    "span_bins": "sum(Calls), sum(Errors), sum(Refused),"
    " toUnixTimestamp64Nano(min(FirstError)), toUnixTimestamp64Nano(min(FirstRefused))",
    "span_minutes": "sum(Calls), sum(Errors), sum(DurationSumNs),"
    " arraySort(mapKeys(sumMap(DurationBuckets))), arraySum(mapValues(sumMap(DurationBuckets)))",
    "log_bins": "sum(Lines), toUnixTimestamp64Nano(min(FirstLine))",
}
_MARKER = {
    "span_bins": "SpanKind = 'segment'",
    "span_minutes": "SpanKind = 'segment'",
    "log_bins": "SeverityNumber = 255",
}
_KEYS = {
    "span_bins": "toUnixTimestamp(Bin), ServiceName, SpanName, SpanKind, IsRoot",
    "span_minutes": "toUnixTimestamp(Minute), ServiceName, SpanName, SpanKind",
    "log_bins": "toUnixTimestamp(Bin), ServiceName, SeverityNumber, Shape, Trust",
}


class Killed(BaseException):
    """The process ends here, as far as the loader can tell."""


@dataclass
class Between:
    """An engine that lets something happen before its n-th call; counts them."""

    engine: Engine
    stop_before: int = -1
    failure: Callable[[], BaseException] = Killed
    refuses: bytes = b""
    """A block that holds this text is refused."""
    refusal: type[Exception] = EngineError
    calls: int = 0

    @property
    def name(self) -> str:
        """The engine's."""
        return self.engine.name

    def _step(self) -> None:
        if self.calls == self.stop_before:
            self.stop_before = -1
            raise self.failure()
        self.calls += 1

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        limits: QueryLimits | None = None,
    ) -> pa.Table:
        """As the engine."""
        self._step()
        return self.engine.query(sql, parameters, limits)

    def execute(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """As the engine."""
        self._step()
        self.engine.execute(sql, parameters)

    def insert(
        self, table: str, columns: Sequence[str], block: Iterable[bytes | memoryview]
    ) -> int:
        """As the engine."""
        self._step()
        data = b"".join(block)
        if self.refuses and self.refuses in data:
            raise self.refusal("Code: 1. DB::Exception: refused by the test")
        return self.engine.insert(table, columns, [data])

    def table_engine(self, aggregating: bool = False) -> str:
        """As the engine."""
        return self.engine.table_engine(aggregating)

    def close(self) -> None:
        """Leave it open for others."""


def _is_exact(engine: Engine, data_set: str) -> None:
    """Assert that each roll-up is what its rows say now."""
    for rollup in (each for fed in ROLLUPS.values() for each in fed):
        both = [
            rows(
                engine,
                f"SELECT {_KEYS[rollup]}, {_SUMS[rollup]} FROM {source}"
                f" WHERE DataSet = {{data_set:String}} GROUP BY {_KEYS[rollup]}"
                f" ORDER BY {_KEYS[rollup]}",
                data_set=data_set,
            )
            for source in (
                f"({rollup_select(rollup)})",
                f"(SELECT * FROM {rollup} WHERE NOT ({_MARKER[rollup]}))",
            )
        ]
        assert both[0] == both[1], rollup


def _span_ids(engine: Engine, data_set: str) -> list[int]:
    found = rows(
        engine,
        "SELECT SpanId AS id FROM otel_traces WHERE DataSet = {data_set:String} ORDER BY id",
        data_set=data_set,
    )
    return [int(row["id"], 16) for row in found]


def _requests(count: int, start: int = T) -> list[Any]:
    """Return requests of one span each, some failed, over several bins and minutes."""
    return [
        traces(
            span(span_id=n, start=start + n * 20 * SECOND, error=n % 3 == 0), service=f"s{n % 2}"
        )
        for n in range(1, count + 1)
    ]


def _crash_and_load(engine: Engine, folder: Path, run: str) -> Loader:
    """Start as after a crash, and load all that waits."""
    journal = Journal(folder / "journal", run, LIMITS)
    loader = Loader(engine, journal, folder / "aside")
    try:
        while (segment := journal.next_sealed(0)) is not None:
            loader.load(segment)
    finally:
        journal.seal_all()
    assert 0 == journal.status().waiting_records
    return loader


def _segment(
    folder: Path, segment_id: str, requests: list[Any], data_set: str, signal: Signal = "traces"
) -> None:
    (folder / "journal").mkdir(exist_ok=True)
    write_segment(folder / "journal", segment_id, signal, requests, data_set)


# -- once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loaded",
    [
        (),
        ("otel_traces",),
        ("otel_traces", "span_bins"),
        ("otel_traces", "span_bins", "span_minutes"),
    ],
    ids=len,
)
def test_a_suspect_segment_is_settled(
    engine: ChdbEngine, tmp_path: Path, loaded: tuple[str, ...]
) -> None:
    """Whatever an earlier process had loaded of it, in the end it is there once, rolled up."""
    data_set = f"suspect-{len(loaded)}"
    other = write_segment(tmp_path, f"{data_set}-other", "traces", _requests(3), data_set)
    load_all(engine, other)  # shares bins with the segment, and must not suffer
    requests = _requests(5, T + 5 * SECOND)
    if loaded:
        part = write_segment(tmp_path, data_set, "traces", requests, data_set)
        load_all(engine, part, loaded)
    _segment(tmp_path, data_set, requests, data_set)
    _crash_and_load(engine, tmp_path, f"later-{len(loaded)}")
    assert sorted([1, 2, 3, 1, 2, 3, 4, 5]) == _span_ids(engine, data_set)
    _is_exact(engine, data_set)


def test_rows_that_were_lost_from_a_table_are_put_back(engine: ChdbEngine, tmp_path: Path) -> None:
    """A suspect segment of which the engine lost a part is loaded again, and counted once."""
    load_all(engine, write_segment(tmp_path, "lost", "traces", _requests(5), "lost"))
    engine.execute(
        "ALTER TABLE otel_traces DELETE WHERE DataSet = 'lost' AND ServiceName = 's1'"
        " SETTINGS mutations_sync = 2"
    )
    assert [2, 4] == _span_ids(engine, "lost")
    _segment(tmp_path, "lost", _requests(5), "lost")
    loader = _crash_and_load(engine, tmp_path, "lost-later")
    assert [1, 2, 3, 4, 5] == _span_ids(engine, "lost")
    _is_exact(engine, "lost")
    assert 1 == loader.status().repaired_segments


def test_the_same_repair_twice_leaves_the_same_rows(engine: ChdbEngine, tmp_path: Path) -> None:
    """A rebuild that comes to the rows of an earlier one is written all the same."""
    for turn in range(3):
        folder = tmp_path / str(turn)
        folder.mkdir()
        _segment(folder, "again", _requests(5), "again")
        _crash_and_load(engine, folder, f"again-{turn}")
        assert [1, 2, 3, 4, 5] == _span_ids(engine, "again")
        _is_exact(engine, "again")


@pytest.mark.parametrize("step", range(7))
def test_a_kill_between_statements_loses_and_doubles_nothing(
    engine: ChdbEngine, tmp_path: Path, step: int
) -> None:
    """A recovery that is killed before its n-th statement is made good by the next one."""
    data_set, start = f"kill-{step}", T + step * 600 * SECOND
    _segment(tmp_path, data_set, _requests(4, start), data_set)
    with contextlib.suppress(Killed):
        _crash_and_load(Between(engine, stop_before=step), tmp_path, f"{data_set}-first")
    _crash_and_load(engine, tmp_path, f"{data_set}-second")
    assert [1, 2, 3, 4] == _span_ids(engine, data_set)
    _is_exact(engine, data_set)


def test_the_kill_test_sees_loss(engine: ChdbEngine, tmp_path: Path) -> None:
    """The control: rows taken away behind the loader's back, or doubled, are noticed."""
    segment = write_segment(tmp_path, "control", "traces", _requests(4), "control")
    load_all(engine, segment)
    load_all(engine, segment)
    assert [1, 2, 3, 4] != _span_ids(engine, "control")
    engine.execute(
        "ALTER TABLE otel_traces DELETE WHERE DataSet = 'control' SETTINGS mutations_sync = 2"
    )
    with pytest.raises(AssertionError, match="span_bins"):
        _is_exact(engine, "control")


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_suspect_logs_and_metrics_are_settled(
    engine: ChdbEngine, tmp_path: Path, signal: Signal
) -> None:
    """Every table of a signal is counted."""
    kinds = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    requests: list[Any] = [logs(log(f"line {n}", at=T + n, severity=17)) for n in range(4)]
    if signal == "metrics":
        requests = []
        for turn in range(2):
            made = [Metric(name=kind) for kind in kinds]
            for each in made:
                points = getattr(each, each.name).data_points
                points.add(time_unix_nano=T + turn)
                points.add(time_unix_nano=T + turn)
            requests.append(metrics(made))
    data_set = f"suspect-{signal}"
    some = ("otel_logs", "otel_metrics_gauge", "otel_metrics_summary")
    load_all(engine, write_segment(tmp_path, data_set, signal, requests, data_set), some)
    _segment(tmp_path, data_set, requests, data_set, signal)
    _crash_and_load(engine, tmp_path, f"{data_set}-later")
    tables = {"otel_logs": 4} if signal == "logs" else {f"otel_metrics_{kind}": 4 for kind in kinds}
    for table, expected in tables.items():
        (found,) = rows(
            engine, f"SELECT count() AS n FROM {table} WHERE DataSet = {{d:String}}", d=data_set
        )
        assert expected == found["n"], table
    _is_exact(engine, data_set)


# -- what was sent twice ---------------------------------------------------------------------------


def test_spans_that_come_again_are_stored_once(engine: ChdbEngine, tmp_path: Path) -> None:
    """In the same segment or a later one, in the same request or another."""
    spans = [span(span_id=n, start=T + n) for n in range(1, 6)]
    _segment(tmp_path, "again-1", [traces(*spans[:3]), traces(*spans[1:3])], "repeated")
    _segment(tmp_path, "again-2", [traces(*spans[2:]), traces(*spans[:1])], "repeated")
    _segment(tmp_path, "again-3", [traces(*spans)], "another")
    loader = _crash_and_load(engine, tmp_path, "again-later")
    assert [1, 2, 3, 4, 5] == _span_ids(engine, "repeated")
    assert [1, 2, 3, 4, 5] == _span_ids(engine, "another")
    _is_exact(engine, "repeated")
    assert (10, 4) == (loader.status().stored_records, loader.status().deduplicated_records)


@pytest.mark.parametrize("step", range(5))
def test_a_kill_amid_repetitions_changes_nothing(
    engine: ChdbEngine, tmp_path: Path, step: int
) -> None:
    """What was a repetition before the kill is one after it, though memory is gone."""
    data_set = f"amid-{step}"
    spans = [span(span_id=n, start=T + n) for n in range(1, 5)]
    _segment(tmp_path, f"{data_set}-1", [traces(*spans[:3])], data_set)
    _segment(tmp_path, f"{data_set}-2", [traces(*spans)], data_set)
    with contextlib.suppress(Killed):
        # The first segment takes six calls.
        _crash_and_load(Between(engine, stop_before=6 + step), tmp_path, f"{data_set}-first")
    _crash_and_load(engine, tmp_path, f"{data_set}-second")
    assert [1, 2, 3, 4] == _span_ids(engine, data_set)
    _is_exact(engine, data_set)


def test_spans_whose_time_was_moved_are_known_again(engine: ChdbEngine, tmp_path: Path) -> None:
    """The door moves an impossible start to one that depends on when the request came."""
    far = T + 400 * 86_400 * SECOND
    request = traces(*(span(span_id=n, start=far + n) for n in (1, 2)))
    for turn, received in enumerate((T, T + 5 * SECOND)):
        admitted = admit(
            request.SerializeToString(), "traces", SERVER_LIMITS, live_window(received, 30)
        )
        receipt = Receipt(received, "otlp_http", "loopback", "moved")
        path = tmp_path / "journal" / f"moved-{turn}.traces.sealed"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(frame(admitted.body, receipt))
    loader = _crash_and_load(engine, tmp_path, "moved-later")
    assert [1, 2] == _span_ids(engine, "moved")
    assert 2 == loader.status().deduplicated_records


def test_equal_lines_that_may_be_two_events_are_both_stored(
    engine: ChdbEngine, tmp_path: Path
) -> None:
    """A request of logs is a repetition when it is equal to the byte and its lines have instants."""
    timed, timeless = logs(log("timed", at=T)), logs(log("timeless", at=0))
    other = logs(log("timed", at=T), log("more", at=T))
    _segment(tmp_path, "equal", [timed, timed, timeless, timeless, other], "equal", "logs")
    loader = _crash_and_load(engine, tmp_path, "equal-later")
    found = rows(engine, "SELECT Body FROM otel_logs WHERE DataSet = 'equal' ORDER BY Body")
    assert ["more", "timed", "timed", "timeless", "timeless"] == [row["Body"] for row in found]
    assert 1 == loader.status().deduplicated_records


@pytest.mark.parametrize(
    ("origin", "times", "stored"),
    [
        ("loki", (T + 1, T + 2), 2),
        ("elasticsearch", (T, T + 1), 2),
        ("splunk_hec", (T + 1, 0), 4),  # one without an instant
        ("splunk_hec", (T, T), 4),  # whole seconds
        ("syslog", (T + 1, T + 2), 4),
        ("files", (T + 1, T + 2), 4),
    ],
)
def test_what_senders_of_other_protocols_try_again_is_stored_once(
    engine: ChdbEngine, tmp_path: Path, origin: str, times: tuple[int, ...], stored: int
) -> None:
    """An equal request of a protocol whose senders try again is a repetition, where times are fine."""
    data_set = f"again-{origin}-{stored}-{times[0] % SECOND}"
    body = logs(*(log("line", at=at) for at in times)).SerializeToString()
    request = frame(body, Receipt(T, origin, "loopback", data_set))
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / f"{data_set}.logs.sealed").write_bytes(request * 2)
    _crash_and_load(engine, tmp_path, f"{data_set}-later")
    found = rows(engine, f"SELECT Body FROM otel_logs WHERE DataSet = '{data_set}'")
    assert stored == len(found)


# -- what the engine refuses -----------------------------------------------------------------------


def test_a_refused_message_is_set_aside_alone(engine: ChdbEngine, tmp_path: Path) -> None:
    """The others of its segment are loaded; it is kept with the reason, and counted."""
    requests = _requests(7)
    requests[4].resource_spans[0].resource.attributes[0].value.string_value = "poison"
    _segment(tmp_path, "refused", requests, "refused")
    loader = _crash_and_load(Between(engine, refuses=b"poison"), tmp_path, "refused-later")
    assert [1, 2, 3, 4, 6, 7] == _span_ids(engine, "refused")
    _is_exact(engine, "refused")
    (note,) = (tmp_path / "aside").glob("*.json")
    assert {
        "signal": "traces",
        "records": 1,
        "reason": "Code: 1. DB::Exception: refused by the test",
    } == json.loads(note.read_text())
    (kept,) = (tmp_path / "aside").glob("*.message")
    assert framed(requests[4], "traces", "refused") == kept.read_bytes()
    status = loader.status()
    assert (6, 1, 1) == (
        status.stored_records,
        status.set_aside_messages,
        status.set_aside_records,
    )


def test_refused_messages_of_several_data_sets_are_each_kept(
    engine: ChdbEngine, tmp_path: Path
) -> None:
    """Units of one segment are refused one by one, and what is left of one displaces no other."""
    requests = _requests(6)
    for number in (0, 2, 4):
        resource = requests[number].resource_spans[0].resource
        resource.attributes[0].value.string_value = "poison"
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "several.traces.sealed").write_bytes(
        b"".join(
            framed(each, "traces", f"several-{number // 2}") for number, each in enumerate(requests)
        )
    )
    _crash_and_load(Between(engine, refuses=b"poison"), tmp_path, "several-later")
    assert [[2], [4], [6]] == [_span_ids(engine, f"several-{n}") for n in range(3)]
    assert {framed(requests[n], "traces", f"several-{n // 2}") for n in (0, 2, 4)} == {
        path.read_bytes() for path in (tmp_path / "aside").glob("*.message")
    }


@pytest.mark.parametrize("fault", [MemoryError, ValueError])
def test_a_fault_that_nobody_thought_of_does_not_end_loading(
    engine: ChdbEngine, tmp_path: Path, fault: type[Exception]
) -> None:
    """The message that it comes with is set aside like one that the engine refuses."""
    data_set = f"fault-{fault.__name__}"
    requests = _requests(3)
    requests[1].resource_spans[0].resource.attributes[0].value.string_value = "poison"
    _segment(tmp_path, data_set, requests, data_set)
    between = Between(engine, refuses=b"poison", refusal=fault)
    loader = _crash_and_load(between, tmp_path, f"{data_set}-later")
    assert [1, 3] == _span_ids(engine, data_set)
    _is_exact(engine, data_set)
    assert 1 == loader.status().set_aside_messages


def test_a_kill_while_a_segment_is_halved_doubles_nothing(
    engine: ChdbEngine, tmp_path: Path
) -> None:
    """Halves that lie beside their whole segment after a crash are not loaded with it."""
    requests = _requests(4)
    _segment(tmp_path, "halved", requests, "halved")
    _segment(tmp_path, "halved-0a", requests[:2], "halved")
    _segment(tmp_path, "halved-0b", requests[2:], "halved")
    _crash_and_load(engine, tmp_path, "halved-later")
    assert [1, 2, 3, 4] == _span_ids(engine, "halved")
    _is_exact(engine, "halved")


@pytest.mark.parametrize("failure", [Overloaded, Unavailable])
@pytest.mark.parametrize("step", [1, 3])
def test_a_passing_lack_of_room_sets_nothing_aside(
    engine: ChdbEngine,
    tmp_path: Path,
    failure: type[Exception],
    step: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk or a server away is waited out, and the segment loaded then."""
    monkeypatch.setattr("tracepulse.store.load.loader._RETRY_S", 0.01)
    data_set = f"room-{step}-{failure.__name__}"
    _segment(tmp_path, data_set, _requests(3), data_set)
    between = Between(engine, stop_before=step, failure=lambda: failure("no room"))
    loader = _crash_and_load(between, tmp_path, f"{data_set}-later")
    assert [1, 2, 3] == _span_ids(engine, data_set)
    _is_exact(engine, data_set)
    assert ("", 0) == (loader.status().last_error, loader.status().set_aside_messages)


def test_a_segment_that_is_gone_does_not_end_loading(engine: ChdbEngine, tmp_path: Path) -> None:
    """It is said to be gone, and what comes after it is loaded."""
    journal = Journal(tmp_path / "journal", "gone", LIMITS)
    loader = Loader(engine, journal, tmp_path / "aside")
    loader.load(Segment("gone-00000001", "traces", tmp_path / "gone-00000001.traces.sealed"))
    assert "gone-00000001 is gone" in loader.status().last_error
    journal.seal_all()
    _segment(tmp_path, "after", _requests(2), "after")
    _crash_and_load(engine, tmp_path, "after-later")
    assert [1, 2] == _span_ids(engine, "after")


# -- time ------------------------------------------------------------------------------------------


def test_150_days_in_one_request_load(engine: ChdbEngine, tmp_path: Path) -> None:
    """Parts follow the day of receipt, so event times cannot make too many of them."""
    day = 86_400 * SECOND
    spans = [span(span_id=n, start=T - n * day) for n in range(1, 151)]
    _segment(tmp_path, "days", [traces(*spans)], "days")
    _crash_and_load(engine, tmp_path, "days-later")
    assert list(range(1, 151)) == _span_ids(engine, "days")
    _is_exact(engine, "days")


def test_the_first_and_last_instants_are_kept(engine: ChdbEngine, tmp_path: Path) -> None:
    """1970 and 2262 come back as they are, are found, and are not counted among today's."""
    last = 2**63 - 1
    instants = (0, 1, T, 2**32 * SECOND, 2**32 * SECOND + T % SECOND, last)
    spans = [
        span(trace=n + 2**100, span_id=n, start=at, duration=0) for n, at in enumerate(instants, 1)
    ]
    records = [log(f"n{n}", at=at) for n, at in enumerate(instants) if at]
    _segment(tmp_path, "ends", [traces(*spans)], "ends")
    _segment(tmp_path, "ends-logs", [logs(*records)], "ends", "logs")
    _crash_and_load(engine, tmp_path, "ends-later")
    telemetry = Telemetry(engine)
    for n, at in enumerate(instants, 1):
        detail = telemetry.trace(f"{n + 2**100:032x}")
        assert detail is not None
        assert [at] == list(detail.spans.start_unix_ns)
    _is_exact(engine, "ends")
    bins = telemetry.span_bins(Window(T - 3600 * SECOND, T + 3600 * SECOND), "ends")
    assert 1 == int(bins.calls.sum())
    found = rows(
        engine,
        "SELECT toUnixTimestamp64Nano(Timestamp) AS at FROM otel_logs"
        " WHERE DataSet = 'ends' ORDER BY at",
    )
    assert [at for at in instants if at] == [row["at"] for row in found]


def test_the_first_error_survives_merges(engine: ChdbEngine, tmp_path: Path) -> None:
    """Bins with and without errors are merged into one that still knows when the first came."""
    for n, error in enumerate((True, False, False)):
        item = span(span_id=n + 1, start=T + n, error=error)
        load_all(engine, write_segment(tmp_path, f"first-{n}", "traces", [traces(item)], "first"))
    for _ in range(2):
        bins = Telemetry(engine).span_bins(Window(T - SECOND, T + 10 * SECOND), "first")
        assert ([3], [1], [T]) == (
            list(bins.calls),
            list(bins.errors),
            list(bins.first_error_unix_ns),
        )
        engine.execute("OPTIMIZE TABLE span_bins FINAL")


def test_migrations_run_once(engine: ChdbEngine) -> None:
    """A second start finds nothing to do."""
    assert () == migrate(engine)


def test_tables_of_a_newer_version_are_refused(engine: ChdbEngine) -> None:
    """A migration that is not known here ends the start, and changes nothing."""
    engine.execute("INSERT INTO tracepulse_migrations (Name) VALUES ('9999_future.sql')")
    try:
        with pytest.raises(Unavailable, match=r"newer version.*9999_future"):
            migrate(engine)
    finally:
        engine.execute(
            "ALTER TABLE tracepulse_migrations DELETE WHERE Name = '9999_future.sql'"
            " SETTINGS mutations_sync = 2"
        )
    assert () == migrate(engine)


def _heavy_logs(records: int) -> Any:
    request = logs(*(log(f"line {n}", at=T + n) for n in range(records)))
    scope = request.resource_logs[0].scope_logs[0].scope
    for n in range(60):
        scope.attributes.add(key=f"k{n}").value.string_value = "x" * 4000
    return request


def test_what_would_become_too_large_in_the_tables_is_loaded_in_pieces(
    engine: ChdbEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scope's attributes stand in every row: a request of 1 KiB can ask for gigabytes."""
    monkeypatch.setattr("tracepulse.store.load.loader._MOST_SHARED_BYTES", 8_000_000)
    requests = [_heavy_logs(20), _heavy_logs(21), _heavy_logs(200)]
    _segment(tmp_path, "heavy", requests, "heavy", "logs")
    loader = _crash_and_load(engine, tmp_path, "heavy-later")
    found = rows(engine, "SELECT count() AS n FROM otel_logs WHERE DataSet = 'heavy'")
    assert [{"n": 41}] == found
    assert (1, 200) == (loader.status().set_aside_messages, loader.status().set_aside_records)


def test_what_was_set_aside_is_no_repetition_of_itself(engine: ChdbEngine, tmp_path: Path) -> None:
    """It is not in the tables, so the same loader stores it when it comes again."""
    requests = [traces(span(span_id=1, name="poison", start=T + 77))]
    between = Between(engine, refuses=b"poison")
    journal = Journal(tmp_path / "journal", "twice-run", LIMITS)
    loader = Loader(between, journal, tmp_path / "aside")
    for n, refuses in enumerate((b"poison", b"")):
        between.refuses = refuses
        loader.load(write_segment(tmp_path / "journal", f"twice-{n}", "traces", requests, "twice"))
    journal.seal_all()
    assert 1 == loader.status().set_aside_records
    assert [1] == _span_ids(engine, "twice")
