"""Requests meant to do harm: each is answered as OTLP says, and nothing grows."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.receive.hostile import JSON, Case, Sent, bombs, call, corpus, mutants

from tracepulse.receive.access import Gate
from tracepulse.receive.admission import Receipt
from tracepulse.receive.app import otlp_app
from tracepulse.receive.limits import SERVER_LIMITS, live_window
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.signals import REQUEST_TYPES, Signal
from tracepulse.receive.wire import Fault, scan
from tracepulse.testing import FakeClock

NOW = FakeClock().unix_ns
WINDOW = live_window(NOW, 30)
SHORT, LONG = 4_000, 1_000_000
GROWTH_BYTES = 24 * 1024 * 1024
BOMB_GROWTH_BYTES = 64 * 1024 * 1024


@dataclass
class CheckingSink:
    """Looks at each request as whoever loads it would."""

    records: int = 0
    mended: int = 0
    kept: Counter[str] = field(default_factory=Counter)

    async def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> None:
        """Fail where the promises of `admission.py` are not kept."""
        found = scan(body, signal, SERVER_LIMITS, WINDOW)
        assert (records, Fault(0), Fault(0)) == (found.records, found.faults, found.owner_faults)
        REQUEST_TYPES[signal]().ParseFromString(body)
        self.records += records
        self.mended += sum(count for _, count in receipt.mended)
        self.kept[signal] += 1


def _app(sink: CheckingSink) -> Any:
    return otlp_app(sink, Gate(), FakeClock(), IngestCounters())


def _told(content: bytes, headers: dict[str, str], message: Any) -> Any:
    """Read an answer, which is of the request's format."""
    if headers["content-type"] == JSON:
        return Parse(content, message)
    message.ParseFromString(content)
    return message


@pytest.mark.parametrize("case", list(corpus()), ids=lambda case: case.name)
def test_each_case_is_answered_as_it_says(case: Case) -> None:
    """A refusal carries a Status with a reason; anything else says how many were left out."""
    sink = CheckingSink()
    status, headers, content = asyncio.run(call(_app(sink), case.sent))
    assert case.status == status
    if status != 200:
        assert _told(content, headers, Status()).message
        assert 0 == sink.records
        return
    told = _told(content, headers, ExportTraceServiceResponse()).partial_success
    got = {"kept": sink.records, "rejected": told.rejected_spans, "mended": sink.mended}
    assert case.outcome == {name: got[name] for name in case.outcome}


def _resident_bytes() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


async def _send_mutants(count: int, seed: int) -> tuple[Counter[int], int]:
    """Send so many; return the answers by status, and by how much memory grew after the first."""
    app = _app(CheckingSink())
    answered: Counter[int] = Counter()
    warm = 0
    for index, sent in enumerate(islice(mutants(seed, NOW), count)):
        if index == min(20_000, count // 2):
            warm = _resident_bytes()
        status, _, _ = await call(app, sent)
        assert status in (200, 400, 413, 415), (status, sent)
        answered[status] += 1
    return answered, _resident_bytes() - warm


def test_mutated_requests_never_fail_the_server() -> None:
    """What comes of good requests by a few changes is taken, in part at least, or refused."""
    answered, _ = asyncio.run(_send_mutants(SHORT, seed=3))
    assert answered[200] > SHORT // 10
    assert answered[400] > SHORT // 10


@pytest.mark.slow
def test_a_million_mutated_requests_never_fail_the_server(capsys: Any) -> None:
    """The long form: no crash, no answer of 5xx, no growth of memory."""
    answered, grown = asyncio.run(_send_mutants(LONG, seed=20261122))
    with capsys.disabled():
        told = ", ".join(f"{count:,} of {status}" for status, count in sorted(answered.items()))
        sys.stdout.write(
            f"\n{LONG:,} mutated requests: {told}; memory grew by {grown / 2**20:.1f} MiB\n"
        )
    assert grown < GROWTH_BYTES


_MEASURE = r"""
import asyncio, json, re, sys
from pathlib import Path
from tests.receive.hostile import Sent, call
from tests.receive.test_hostile_requests import CheckingSink, _app
from tracepulse.receive.wire import warm_up

name, signal, headers, path = sys.argv[1:]
sent = Sent(signal, json.loads(headers), open(path, "rb").read())
good = Sent("traces", {"content-type": "application/json"}, b"{}")
app = _app(CheckingSink())
warm_up()
asyncio.run(call(app, good))
Path("/proc/self/clear_refs").write_text("5")  # the peak is what is in use now

def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])

before = peak()
status, _, _ = asyncio.run(call(app, sent))
print(status, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", list(bombs()))
def test_a_bomb_is_refused_in_little_memory(name: str, tmp_path: Path, capsys: Any) -> None:
    """In a process of its own, whose peak is counted."""
    status, grown = _detonate(bombs()[name](), tmp_path)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {status}, memory grew by {grown / 2**20:.1f} MiB\n")
    assert status in (200, 400, 413)
    assert grown <= BOMB_GROWTH_BYTES


def _detonate(sent: Sent, folder: Path) -> tuple[int, int]:
    """Send a bomb to a process; return the status and the growth of its peak in bytes."""
    file = folder / "bomb"
    file.write_bytes(sent.body)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, "", sent.signal, json.dumps(sent.headers), str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        timeout=120,
    )
    status, kib = done.stdout.split()
    return int(status), int(kib) * 1024
