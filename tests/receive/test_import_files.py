"""Files and folders imported by what they hold, with every omission reported."""

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.receive.otlp_messages import messages

from tracepulse.errors import BadSetting
from tracepulse.receive import import_files
from tracepulse.receive.import_files import FileImport, ImportedBatch, ImportSettings
from tracepulse.receive.log_sources import service_of_path
from tracepulse.receive.otlp_json import read_otlp_json
from tracepulse.receive.otlp_json_text import write_otlp_json
from tracepulse.receive.signals import REQUEST_TYPES, ExportRequest, Signal, record_count
from tracepulse.receive.split_requests import split_request

SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "name": "get",
    "startTimeUnixNano": "1544712660000000000",
    "endTimeUnixNano": "1544712661000000000",
}
TRACES = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN, SPAN]}]}]}
LOGS = {
    "resourceLogs": [
        {"scopeLogs": [{"logRecords": [{"timeUnixNano": "7", "body": {"stringValue": "b"}}]}]}
    ]
}
POINT = {"timeUnixNano": "7", "asDouble": 1.5}
METRICS = {
    "resourceMetrics": [
        {"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [POINT] * 3}}]}]}
    ]
}
REQUESTS: dict[Signal, tuple[dict[str, Any], int]] = {
    "traces": (TRACES, 2),
    "logs": (LOGS, 1),
    "metrics": (METRICS, 3),
}
ZIPKIN = [{"traceId": "1", "id": "2", "timestamp": 1531282088548312}]
JAEGER = {
    "data": [
        {
            "spans": [
                {"traceID": "1", "spanID": "2", "operationName": "a", "startTime": 1, "duration": 1}
            ]
        }
    ]
}
LOG = "2024-03-04 05:06:07 INFO a\n2024-03-04 05:06:08 ERROR b\n\tat c\n"


def _message(signal: Signal) -> ExportRequest:
    return read_otlp_json(json.dumps(REQUESTS[signal][0]).encode(), signal)


def _imported(path: Path, **settings_: Any) -> tuple[list[ImportedBatch], FileImport]:
    run = FileImport([path], ImportSettings(**settings_))
    return list(run), run


def _counts(path: Path) -> dict[Signal, int]:
    return _imported(path)[1].report.files[0].records


def _framed(framing: str, data: bytes) -> bytes:
    if framing == "varint":
        return (
            bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) + data
            if len(data) > 127
            else (bytes([len(data)]) + data)
        )
    return (len(data).to_bytes(4, "big") if framing == "uint32" else b"") + data


@pytest.mark.parametrize("framing", ["bare", "varint", "uint32"])
@pytest.mark.parametrize("signal", REQUESTS)
def test_protobuf_of_each_signal_in_each_framing(
    tmp_path: Path, signal: Signal, framing: str
) -> None:
    """The signal is told from the records; two messages after each other are both read."""
    file = tmp_path / "data"
    data = _message(signal).SerializeToString()
    file.write_bytes(_framed(framing, data) * 2)
    batches, run = _imported(file)
    assert {signal: 2 * REQUESTS[signal][1]} == run.report.files[0].records
    assert "otlp_protobuf" == run.report.files[0].kind
    assert [] == run.report.skipped
    assert data * (2 if framing == "bare" else 1) == batches[0].message.SerializeToString()


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("value", "kind", "records"),
    [
        (TRACES, "otlp_json", {"traces": 2}),
        ([TRACES, LOGS], "otlp_json", {"traces": 2, "logs": 1}),
        (METRICS, "otlp_json", {"metrics": 3}),
        (ZIPKIN, "zipkin", {"traces": 1}),
        (JAEGER, "jaeger", {"traces": 1}),
        ([{"time": 1709528767, "msg": "a"}, {"time": 1709528768, "msg": "b"}], "log", {"logs": 2}),
    ],
)
def test_json_documents(
    tmp_path: Path, value: Any, kind: str, records: dict[str, int], indent: int | None
) -> None:
    """A document is known by its shape, on one line or on many."""
    file = tmp_path / "data"
    file.write_text(json.dumps(value, indent=indent))
    report = _imported(file)[1].report
    assert (kind, records, []) == (
        report.files[0].kind, report.files[0].records, report.skipped,
    )  # fmt: skip


def test_json_lines_of_mixed_signals_with_a_bad_one(tmp_path: Path) -> None:
    """A bad line is reported with its number, and the lines after it are read."""
    file = tmp_path / "data.jsonl"
    bad = '{"resourceSpans": [{"scopeSpans": 5}]}'
    lines = [json.dumps(TRACES), "", bad, json.dumps(LOGS), "{", json.dumps(METRICS)]
    file.write_text("\n".join(lines) + "\n")
    report = _imported(file)[1].report
    assert {"traces": 2, "logs": 1, "metrics": 3} == report.files[0].records
    assert [3, 5] == [skipped.line for skipped in report.skipped]
    assert report.skipped[0].reason.startswith("resourceSpans[0].scopeSpans: a number")


@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        ("gz", gzip.compress),
        ("zst", zstandard.compress),
        ("xz", lzma.compress),
        ("bz2", bz2.compress),
        ("misnamed", gzip.compress),
    ],
)
def test_compressed_files(tmp_path: Path, ending: str, pack: Any) -> None:
    """Compression is told from the first bytes, and several members in a row are one file."""
    file = tmp_path / f"cart.log.{ending}"
    file.write_bytes(pack(LOG.encode()) * 2)
    assert {"logs": 4} == _counts(file)


def test_a_damaged_compressed_file_gives_what_it_can(tmp_path: Path) -> None:
    """What was read before the damage is imported and the damage reported; later files are read."""
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(LOG.encode() * 20_000)[:-2000])
    (tmp_path / "b.log").write_text(LOG)
    report = _imported(tmp_path)[1].report
    assert 10_000 < report.files[0].records["logs"] < 40_000
    assert {"logs": 2} == report.files[1].records
    assert "cannot be read further" in report.skipped[0].reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        ("ab".encode("utf-16"), "text in UTF-16"),
        (bytes(range(256)) * 10, "binary of no known kind"),
        (b'{"a": 1}', "JSON of no known kind"),
        (b'{"a":\n1}', "JSON of no known kind"),
        (b"Dear reader,\nthis is a letter.\n", "text without times"),
        (b"Name,Count,Sum\na,1,2\n2024-03-04 05:06:07,2,2\n", "a table of values"),
        (b'{"resourceSpans": [', "body is not JSON"),
    ],
)
def test_what_is_not_telemetry_is_skipped_with_its_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    """In a folder, files of other kinds are passed over, and each is said why."""
    (tmp_path / "file").write_bytes(content)
    report = _imported(tmp_path)[1].report
    assert [reason] == [skipped.reason[: len(reason)] for skipped in report.skipped]
    assert {} == report.files[0].records


def test_a_plain_text_that_is_named_itself_is_imported(tmp_path: Path) -> None:
    """Who names a file means it: its lines become records, dated by its last change."""
    file = tmp_path / "notes"
    file.write_text("Dear reader,\nthis is a letter.\n")
    (batch,), _ = _imported(file)
    assert 2 == batch.records


def test_folders_are_walked_in_sorted_order(tmp_path: Path) -> None:
    """Files come folder by folder in order of name; hidden ones are reported, links left."""
    for name in ("b/2.log", "b/1.log", "a/z.log", "c.log", ".hidden.log"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(LOG)
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    report = _imported(tmp_path)[1].report
    names = [str(Path(file.path).relative_to(tmp_path)) for file in report.files]
    assert ["c.log", "a/z.log", "b/1.log", "b/2.log"] == names
    assert [(".hidden.log", "hidden, or not a regular file")] == [
        (Path(skipped.path).name, skipped.reason) for skipped in report.skipped
    ]


def test_a_missing_path_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """A path that does not exist is the operator's error, in one line."""
    with pytest.raises(BadSetting, match="no such file or folder"):
        FileImport([tmp_path / "gone"])


def test_progress_reaches_the_size_of_all_files(tmp_path: Path) -> None:
    """Progress counts bytes on disk, never goes back, and ends at the total."""
    for name in "ab":
        (tmp_path / f"{name}.log.gz").write_bytes(gzip.compress(LOG.encode() * 9000))
    seen: list[tuple[int, int, str]] = []
    run = FileImport(
        [tmp_path], on_progress=lambda done, total, name: seen.append((done, total, name))
    )
    batches = list(run)
    done = [step[0] for step in seen]
    assert sorted(done) == done
    assert run.total_bytes == done[-1] == seen[-1][1]
    assert [batch.bytes_read for batch in batches] == sorted(b.bytes_read for b in batches)


def test_a_document_too_large_to_decode_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A JSON document past the limit is reported with what to do, not read into memory."""
    monkeypatch.setattr(import_files, "MAX_DOCUMENT_BYTES", 1000)
    (tmp_path / "a.json").write_text(json.dumps([TRACES] * 100, indent=1))
    (tmp_path / "b.json").write_text(json.dumps(TRACES))
    report = _imported(tmp_path)[1].report
    assert {"traces": 2} == report.files[1].records
    assert "write one value to a line" in report.skipped[0].reason


def test_log_lines_are_of_a_service_and_a_file(tmp_path: Path) -> None:
    """The resource names the file, and the service that its name suggests or the caller gives."""
    file = tmp_path / "checkout-2024-03-04.log.1"
    file.write_text(LOG)
    for given_name, expected in (("", "checkout"), ("pay", "pay")):
        (batch,), _ = _imported(file, service=given_name)
        attributes = batch.message.resource_logs[0].resource.attributes  # type: ignore[union-attr]
        assert [
            ("service.name", expected),
            ("log.file.path", str(file)),
            ("log.file.name", file.name),
        ] == [(a.key, a.value.string_value) for a in attributes]


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("logs/checkout.log", "checkout"),
        ("logs/checkout-2024-05-01.log.gz", "checkout"),
        ("logs/checkout.log.3", "checkout"),
        ("logs/api-server.log", "api-server"),
        ("logs/cart_stderr.log", "cart"),
        ("cart/error.log", "cart"),
        ("logs/error.log", ""),
    ],
)
def test_the_service_of_a_path(path: str, service: str) -> None:
    """The file's name names the service, or else its folder, unless both say nothing."""
    assert service == service_of_path(Path(path))


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(REQUESTS)), st.data(), st.integers(1, 400), st.integers(1, 3))
def test_a_split_request_holds_the_same_records(
    signal: Signal, data: st.DataObject, max_bytes: int, max_records: int
) -> None:
    """Parts hold the records in order under their own resource and scope, few at a time."""
    owners, scopes, records = _PARTS[signal]

    def flat(message: Any) -> list[tuple[str, ...]]:
        return [
            (str(owner.resource), owner.schema_url, str(scope.scope), scope.schema_url, str(record))
            for owner in getattr(message, owners)
            for scope in getattr(owner, scopes)
            for record in getattr(scope, records)
        ]

    message: Any = data.draw(messages(REQUEST_TYPES[signal], 5))
    parts = list(split_request(message, max_bytes, max_records))
    assert flat(message) == [row for part in parts for row in flat(part)]
    assert all(len(flat(part)) <= max_records for part in parts)


_PARTS = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
}


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=300)
    | st.sampled_from(sorted(REQUESTS)).flatmap(
        lambda signal: st.tuples(
            st.sampled_from([b"", b"\n", b"\x00\x00\x00\x20", b"["]),
            st.sampled_from(
                [_message(signal).SerializeToString(), write_otlp_json(_message(signal))]
            ),
            st.integers(0, 300),
        ).map(lambda parts: parts[0] + parts[1][: parts[2]])
    )
)
def test_any_file_is_read_or_reported(tmp_path: Path, content: bytes) -> None:
    """Whatever a file holds, whole or broken off, importing it raises nothing."""
    file = tmp_path / "data"
    file.write_bytes(content)
    batches, run = _imported(file)
    assert (
        sum(batch.records for batch in batches)
        == sum(run.report.files[0].records.values())
        == sum(record_count(batch.message) for batch in batches)
    )
    assert batches or run.report.skipped or not any(run.report.files[0].records.values())
