"""The Nezha converter: its own small case, and the recorded ones."""

import json
import lzma
from pathlib import Path

from tests.data_sets.nezha import case_requests, write_case
from tests.data_sets.shared_data import shared_data

from tracepulse.receive.import_files import FileImport
from tracepulse.receive.signals import record_count

TRACE, SPAN, CHILD = "0087f677c0a2cf3f80a551987167911b", "ee744a66e6efcb2e", "a23660ca2e7cc4c8"
POD = "frontend-579b9bff58-t2dbm"
TRACES = f"""\
TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration
{TRACE},{SPAN},root,{POD},Recv.,1661140374351773094,1661140374362982609,11209
{TRACE},{CHILD},{SPAN},{POD},GetProduct,1661140374351910124,1661140374357482580,5572
"""
LOG = {"log": json.dumps({"message": "m", "severity": "warning"}) + "\n", "stream": "stdout"}
LOGS = f"""\
Timestamp,TimeUnixNano,Node,PodName,Container,TraceID,SpanID,Log
t,1661261299494014780,n,{POD},server,{TRACE},{SPAN},"{
    json.dumps({**LOG, "time": "2022-08-23T13:28:19.49Z"}).replace('"', '""')
}"
"""
METRICS = f"""\
### {POD}_metric.csv
Time,TimeStamp,PodName,CpuUsageRate(%),SyscallRead
t,1661140279,{POD},9.4,524
### front_service.csv
Time,TimeStamp,ServiceName,LatencyP50(s)
t,1661140279,frontend,0.5
"""


def _write_small_case(folder: Path) -> Path:
    for name, text in (
        ("traces/0.csv.xz", TRACES), ("logs/0.csv.xz", LOGS), ("metrics.csv.xz", METRICS),
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with lzma.open(folder / name, "wt", encoding="utf-8") as file:
            file.write(text)
    return folder


def test_a_case_is_converted_whole(tmp_path: Path) -> None:
    """Spans keep ids, parents and times; logs their trace, text and level; metrics their pod."""
    traces, logs, metrics = (m for _, m in case_requests(_write_small_case(tmp_path)))
    (group,) = traces.resource_spans  # type: ignore[union-attr]
    names = [(a.key, a.value.string_value) for a in group.resource.attributes]
    assert [("service.name", "frontend"), ("k8s.pod.name", POD)] == names
    root, child = group.scope_spans[0].spans
    assert (TRACE, SPAN, "") == (
        root.trace_id.hex(), root.span_id.hex(), root.parent_span_id.hex(),
    )  # fmt: skip
    assert (SPAN, 1661140374357482580) == (child.parent_span_id.hex(), child.end_time_unix_nano)
    (record,) = logs.resource_logs[0].scope_logs[0].log_records  # type: ignore[union-attr]
    assert ("m", 13, TRACE) == (
        record.body.string_value, record.severity_number, record.trace_id.hex(),
    )  # fmt: skip
    points = [
        (owner.resource.attributes[0].value.string_value, m.name, m.unit, p.as_double)
        for owner in metrics.resource_metrics  # type: ignore[union-attr]
        for m in owner.scope_metrics[0].metrics
        for p in m.gauge.data_points
    ]
    assert [
        ("frontend", "CpuUsageRate", "%", 9.4),
        ("frontend", "SyscallRead", "", 524.0),
        ("frontend", "LatencyP50", "s", 0.5),
    ] == points


def test_written_files_import_the_same(tmp_path: Path) -> None:
    """Files in either form come back through the importer with the same records."""
    case = _write_small_case(tmp_path / "case")
    for protobuf in (False, True):
        written = write_case(case, tmp_path / str(protobuf), protobuf=protobuf)
        run = FileImport(written)
        list(run)
        assert [{"traces": 2}, {"logs": 1}, {"metrics": 3}] == [f.records for f in run.report.files]


def test_a_recorded_case_keeps_every_row() -> None:
    """Each row of a recorded case's traces and logs is one span or record."""
    case = shared_data("nezha") / "cases" / "train-ticket-0129-0843"
    read = {"traces": 0, "logs": 0, "metrics": 0}
    for signal, message in case_requests(case):
        read[signal] += record_count(message)
    for signal in ("traces", "logs"):
        rows = 0
        for path in case.glob(f"{signal}/*.csv.xz"):
            with lzma.open(path, "rb") as file:
                rows += sum(1 for line in file) - 1
        assert rows == read[signal]
    assert read["metrics"] > 0
