"""A log line is known by one id everywhere: lists, triggers' bins, findings; and old tables follow."""

import json
import subprocess
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.otlp_requests import SECOND, log, logs
from tests.store.segments import framed, load_all, write_segment

from tracepulse.context.template_names import TemplateNames
from tracepulse.journal.segment import Segment
from tracepulse.log_patterns import log_patterns, pattern_minutes
from tracepulse.model.findings import Window as FindingsWindow
from tracepulse.model.question import Window
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.queries.telemetry import Telemetry

T = 1_791_000_000 * SECOND
MINUTE = 60 * SECOND


def test_bins_findings_and_lists_bear_the_same_ids(engine: ChdbEngine, tmp_path: Path) -> None:
    """Lines of several shapes and one template are one series and one finding, under its id."""
    bodies = [
        f"no stock of {word}, order {n}" for n, word in enumerate(("tea", "rice", "salt") * 6)
    ]
    bodies = [each.replace("of ", "of item=") for each in bodies]
    now = time.time_ns()  # roll-ups of live telemetry keep three days
    begin = now // MINUTE * MINUTE - MINUTE
    records = [log(body, at=begin + n * SECOND, severity=17) for n, body in enumerate(bodies)]
    path = tmp_path / "one-id.logs.sealed"
    path.write_bytes(framed(logs(*records), "logs", received_unix_ns=now))
    load_all(engine, Segment("one-id", "logs", path))
    telemetry = Telemetry(engine)
    names = TemplateNames(telemetry)
    window = Window(begin, begin + MINUTE)
    (listed,) = log_patterns(telemetry, window, "shop")
    assert 3 == len(listed.shapes)
    bins = names.bins(telemetry.log_bins(window))
    assert {(listed.template_id, listed.text)} == set(
        zip(bins.template_id.tolist(), bins.template.tolist(), strict=True)
    )
    (found,) = names.changes(FindingsWindow(begin - MINUTE, begin, begin + MINUTE), 10)
    assert (listed.template_id, listed.text, 18) == (
        found.template_id,
        found.template,
        found.count_after,
    )
    assert bodies == list(found.examples)
    engine.execute("ALTER TABLE otel_logs DELETE WHERE DataSet = '' SETTINGS mutations_sync = 2")
    engine.execute("ALTER TABLE log_bins DELETE WHERE DataSet = '' SETTINGS mutations_sync = 2")
    engine.execute("ALTER TABLE log_shapes DELETE WHERE DataSet = '' SETTINGS mutations_sync = 2")


_BODY = st.one_of(
    st.builds("took {} ms".format, st.integers(0, 999)),
    st.builds("user={} came".format, st.sampled_from(["ann", "bob", "eve"])),
    st.text(max_size=30),
    st.just("boom\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)"),
    st.just("\tat a.B.c(B.java:1)"),
    st.builds('{{"msg": "job {} done"}}'.format, st.integers(0, 99)),
)
_RECORD = st.tuples(_BODY, st.integers(0, 5 * MINUTE - 1), st.integers(0, 24))
_turn = iter(range(10**6))


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lives=st.lists(st.lists(_RECORD, min_size=1, max_size=12), min_size=1, max_size=3))
def test_minutes_add_up_whatever_is_loaded(
    engine: ChdbEngine,
    tmp_path: Path,
    lives: list[list[tuple[str, int, int]]],
) -> None:
    """Over random lines, each list loaded after a start of its own, every line counts once."""
    data_set = f"sum{next(_turn)}-{tmp_path.name}"
    for n, life in enumerate(lives):
        records = [log(body, at=T + at, severity=level) for body, at, level in life]
        name = f"{data_set}-{n}"
        load_all(engine, write_segment(tmp_path, name, "logs", [logs(*records)], data_set))
    telemetry = Telemetry(engine)
    window = Window(T, T + 5 * MINUTE)
    found = log_patterns(telemetry, window, data_set=data_set)
    by_minute = [
        each.lines
        for pattern in found
        for each in pattern_minutes(telemetry, pattern, window, data_set)
    ]
    assert sum(map(len, lives)) == sum(each.lines for each in found) == sum(by_minute)


def test_rows_of_an_older_version_are_counted_without_text(tmp_path: Path) -> None:
    """Of lines stored before shapes were kept the number is told, and detection counts by shape."""
    program = Path(__file__).with_name("older_tables.py")
    done = subprocess.run(  # one process holds one data folder
        [sys.executable, str(program), str(tmp_path / "engine")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert {
        "patterns": [[5, "", ""]],
        "bins": [["order <*> lost", 5]],
        "again": [["order <*> lost", 5]],
    } == json.loads(done.stdout)
