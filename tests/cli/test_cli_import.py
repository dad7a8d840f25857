"""`tracepulse import` against an OTLP port: what arrives, what is reported, and patience."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.deliver.served import served

from tracepulse.cli import main
from tracepulse.clock import SystemClock
from tracepulse.import_sender import Sender
from tracepulse.receive.access import ApiKey, Gate, Scope, key_hash
from tracepulse.receive.admission import Receipt
from tracepulse.receive.app import otlp_app
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.signals import Signal

LINES = "".join(f"2026-11-21T09:47:{i:02d}Z ERROR session {i} expired\n" for i in range(60))


@dataclass(slots=True)
class Kept:
    """A sink that keeps what it is given."""

    taken: list[tuple[str, Receipt, int]] = field(default_factory=list)

    async def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> None:
        """See `Sink.append`."""
        self.taken.append((signal, receipt, records))


def port(sink: Kept, keys: tuple[ApiKey, ...] = ()) -> Any:
    """Return the server's own OTLP application over a sink."""
    return otlp_app(sink, Gate(keys), SystemClock(), IngestCounters())


@contextmanager
def scripted(*answers: Response) -> Iterator[tuple[str, list[bytes]]]:
    """Serve these answers one after the other, then the last one for ever; give what was sent."""
    sent: list[bytes] = []

    async def answer(request: Request) -> Response:
        sent.append(await request.body())
        return answers[min(len(sent), len(answers)) - 1]

    app = Starlette(routes=[Route("/v1/{signal}", answer, methods=["POST"])])
    with served(app) as address:
        yield address, sent


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command; return exit status, output and complaints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tracepulse", "import", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    output, complaints = capsys.readouterr()
    return int(ended.value.code or 0), output, complaints


def test_a_log_file_arrives_in_its_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line is accepted under the name given, and reported."""
    (tmp_path / "session.log").write_text(LINES)
    sink = Kept()
    with served(port(sink)) as address:
        status, output, _ = run(
            capsys, str(tmp_path), "--data-set", "old", "--otlp-url", address, "--strict"
        )
    assert 0 == status
    assert "Data set 'old': 60 log records accepted from 1 file." in output
    assert {"old"} == {receipt.data_set for _, receipt, _ in sink.taken}
    assert 60 == sum(records for _, _, records in sink.taken)


def test_what_is_skipped_is_reported_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is imported; --strict makes the exit status 1."""
    (tmp_path / "session.log").write_text(LINES)
    (tmp_path / "picture.bin").write_bytes(bytes(range(256)) * 10)
    arguments = (str(tmp_path), "--data-set", "old")
    with served(port(Kept())) as address:
        lenient = run(capsys, *arguments, "--otlp-url", address)
        strict = run(capsys, *arguments, "--otlp-url", address, "--strict", "--json")
    assert 0 == lenient[0]
    assert "picture.bin: binary of no known kind" in lenient[1]
    report = json.loads(strict[1])
    assert (1, 1, {"logs": 60}) == (strict[0], report["skipped_count"], report["accepted"])


def test_a_full_server_is_waited_for() -> None:
    """503 and 429 are tried again after the time that the server names."""
    slept: list[float] = []
    full = Response(status_code=503, headers={"retry-after": "7"})
    busy = Response(status_code=429)
    body = ExportLogsServiceRequest().SerializeToString()
    with (
        scripted(full, busy, Response(b"")) as (address, sent),
        Sender(address, "old", sleep=slept.append) as sender,
    ):
        sender.send("logs", body, 5, "a.log")
        outcome = sender.finish()
    assert ([7.0, 1.0], 3, {"logs": 5}) == (slept, len(sent), outcome.accepted)


def test_rejected_records_are_counted_with_the_servers_words() -> None:
    """Partial success: the batch counts less what was rejected."""
    reply = ExportLogsServiceResponse()
    reply.partial_success.rejected_log_records = 2
    reply.partial_success.error_message = "2 rejected: an instant after the year 2262"
    with (
        scripted(Response(reply.SerializeToString())) as (address, _),
        Sender(address, "old") as sender,
    ):
        sender.send("logs", b"", 5, "a.log")
        outcome = sender.finish()
    assert ({"logs": 3}, 2, ["2 rejected: an instant after the year 2262"]) == (
        outcome.accepted,
        outcome.rejected,
        outcome.reasons,
    )


def test_a_refused_batch_does_not_stop_the_others() -> None:
    """A batch that is too large is named with its place; the next ones go on."""
    with (
        scripted(Response(status_code=413), Response(b"")) as (address, _),
        Sender(address, "old") as sender,
    ):
        sender.send("logs", b"", 5, "a.log to line 5")
        sender.finish()
        sender.send("logs", b"", 4, "a.log to line 9")
        outcome = sender.finish()
    assert ({"logs": 4}, 5, [("a.log to line 5", "status 413")]) == (
        outcome.accepted,
        outcome.rejected,
        outcome.refused,
    )


@pytest.mark.parametrize("key", [None, "secret-ingest"])
def test_a_server_with_keys_wants_one_that_may_import(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
) -> None:
    """One line, exit status 2, and nothing arrives."""
    monkeypatch.delenv("TRACEPULSE_API_KEY", raising=False)
    if key:
        monkeypatch.setenv("TRACEPULSE_API_KEY", key)
    (tmp_path / "session.log").write_text(LINES)
    sink = Kept()
    keys = (ApiKey("key_1", "shop", Scope.INGEST, key_hash("secret-ingest")),)
    with served(port(sink, keys)) as address:
        status, _, complaints = run(
            capsys, str(tmp_path), "--data-set", "old", "--otlp-url", address
        )
    assert (2, 1, []) == (status, complaints.count("\n"), sink.taken)
    assert "takes none of it" in complaints


def test_without_a_server_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody listens on port 9."""
    (tmp_path / "session.log").write_text(LINES)
    status, output, complaints = run(
        capsys, str(tmp_path), "--data-set", "old", "--otlp-url", "http://127.0.0.1:9"
    )
    assert (2, "", 1) == (status, output, complaints.count("\n"))
    assert "tracepulse serve" in complaints


@pytest.mark.parametrize("name", ["bad name", "", "é", "x" * 101])
def test_a_name_that_no_data_set_can_have(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name is refused before anything is read or sent."""
    file = tmp_path / "x.log"
    file.write_text("2026-01-01 00:00:00 INFO hello\n")
    status, output, complaints = run(capsys, str(file), "--data-set", name)
    assert (2, "", True) == (status, output, "--data-set" in complaints)
