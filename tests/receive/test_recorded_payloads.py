"""Recorded payloads and logs of other systems: each file gives what it holds, nothing else."""

import csv
import json
import lzma
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.data_sets.shared_data import shared_data

from tracepulse.receive.import_files import FileImport, ImportSettings
from tracepulse.receive.json_files import json_kind

REFERENCE_NS = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 10**9

SYSTEMS = {
    # system: first instant, levels found, start of the first message
    "Apache": ("2005-12-04T04:47:44", {"notice", "error"}, "workerEnv.init() ok"),
    "BGL": ("2005-06-03T22:42:50", {"INFO", "FATAL", "ERROR", "WARNING", "SEVERE"}, "instruction"),
    "HDFS": ("2008-11-09T20:36:15", {"INFO", "WARN"}, "PacketResponder 1"),
    "HPC": ("2004-02-26T14:12:22", {""}, "1 Component State Change"),
    "Hadoop": ("2015-10-18T18:01:47", {"INFO", "WARN", "ERROR", "FATAL"}, "Created MRAppMaster"),
    "Mac": ("2023-07-01T09:00:55", {"", "WARNING", "ERROR"}, "IOThunderboltSwitch"),
    "OpenSSH": ("2023-12-10T06:55:46", {"", "error", "fatal"}, "reverse mapping"),
    "Proxifier": ("2023-10-30T16:49:06", {""}, "proxy.cse.cuhk.edu.hk:5070 open"),
    "Spark": ("2017-06-09T20:10:40", {"INFO"}, "Registered signal handlers"),
    "Windows": ("2016-09-28T04:30:30", {"Info"}, "CBS    Loaded Servicing Stack"),
}


def _json(path: Path) -> Any:
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rb") as file:
        return json.load(file)


def _payloads(*patterns: str) -> list[Path]:
    root = shared_data("payloads")
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def _spans_held(value: Any) -> Iterator[tuple[str, int | None]]:
    """Yield id and start (ns, where it is a number) of each span, found by shape alone."""
    if isinstance(value, list):
        for item in value:
            yield from _spans_held(item)
    elif isinstance(value, dict):
        span_id = value.get("spanId", value.get("spanID", value.get("id")))
        start = value.get("startTimeUnixNano", value.get("startTime", value.get("timestamp")))
        if span_id is not None:
            unit_ns = 1 if "startTimeUnixNano" in value else 1000
            known = isinstance(start, int) or (unit_ns == 1 and isinstance(start, str))
            yield str(span_id), int(start or 0) * unit_ns if known else None
        else:
            for key, item in value.items():
                if key not in ("references", "links", "process", "attributes"):
                    yield from _spans_held(item)


def _spans_read(path: Path) -> Iterator[tuple[str, int]]:
    for batch in FileImport([path]):
        for resource in batch.message.resource_spans:  # type: ignore[union-attr]
            for scope in resource.scope_spans:
                for span in scope.spans:
                    yield span.span_id.hex(), span.start_time_unix_nano


def test_every_recorded_trace_keeps_its_spans_ids_and_times() -> None:
    """Jaeger, Zipkin and OTLP payloads come out with the spans, ids and starts that they hold."""
    checked = 0
    for path in _payloads("zipkin-v2/*", "jaeger/*", "jaeger-deathstarbench/*", "otlp/trace*"):
        value = _json(path)
        if json_kind(value) not in ("zipkin", "jaeger", "otlp_json"):
            continue
        held, read = list(_spans_held(value)), list(_spans_read(path))
        assert len(held) == len(read), path
        starts = Counter(start for _, start in held if start)
        assert starts <= Counter(start for _, start in read), path
        hexed = [name.lower() for name, _ in held if not name.endswith("=") and len(name) == 16]
        assert Counter(hexed) <= Counter(name for name, _ in read), path
        checked += len(read)
    assert checked


def test_every_recorded_payload_is_telemetry_or_said_not_to_be() -> None:
    """Queries and answers of stores lie among the traces: they are reported, never guessed at."""
    run = FileImport([shared_data("payloads")])
    held = {batch.source.split(" ")[0] for batch in run}
    skipped = {item.path for item in run.report.skipped}
    assert not held & skipped
    assert held | skipped == {file.path for file in run.report.files}
    reasons = {item.reason.split(":")[0].split(";")[0] for item in run.report.skipped}
    assert reasons <= {"JSON of no known kind", "text without times, levels or fields"}


def test_recorded_otlp_logs_and_metrics_keep_their_counts() -> None:
    """The examples of the protocol come out with the records and points that they hold."""
    for name, counts in (
        ("logs", {"logs": 1}), ("events", {"logs": 1}), ("metrics", {"metrics": 4}),
    ):  # fmt: skip
        run = FileImport([shared_data("payloads") / "otlp" / f"{name}.json"])
        list(run)
        assert counts == run.report.files[0].records


@pytest.mark.parametrize("system", SYSTEMS)
def test_recorded_logs(system: str) -> None:
    """Every line is kept, with its time, its level, and a message that the line ends with."""
    path = shared_data("loghub") / system / f"{system}_2k.log.xz"
    run = FileImport([path], ImportSettings(reference_unix_ns=REFERENCE_NS))
    records = [
        record
        for batch in run
        for resource in batch.message.resource_logs  # type: ignore[union-attr]
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    (file,) = run.report.files
    assert 2000 == file.lines == len(records) + file.folded + file.blank
    first, levels, message = SYSTEMS[system]
    seconds = records[0].time_unix_nano // 10**9
    assert first == datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    assert {record.severity_text for record in records} <= levels
    assert records[0].body.string_value.startswith(message)
    # Syslog's time of the day may go back by a second; no file spans more than three years.
    times = [record.time_unix_nano for record in records]
    assert max(times) - min(times) < 3 * 366 * 86_400 * 10**9
    with lzma.open(path, "rt", encoding="utf-8", errors="replace", newline="\n") as lines:
        for line, record in zip(lines, records, strict=True):
            assert line.rstrip("\r\n").endswith(record.body.string_value)


@pytest.mark.parametrize("system", SYSTEMS)
def test_messages_of_recorded_logs_hold_the_content(system: str) -> None:
    """What the data set's authors call a line's content is never cut into by the header."""
    folder = shared_data("loghub") / system
    run = FileImport([folder / f"{system}_2k.log.xz"])
    bodies = [
        record.body.string_value
        for batch in run
        for resource in batch.message.resource_logs  # type: ignore[union-attr]
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    with lzma.open(folder / f"{system}_2k.log_structured.csv.xz", "rt", encoding="utf-8") as file:
        contents = [row["Content"].strip() for row in csv.DictReader(file)]
    cut = [
        (body, content)
        for body, content in zip(bodies, contents, strict=True)
        if not body.strip().endswith(content)
    ]
    assert len(cut) <= 0.02 * len(contents), cut[:3]
