"""Senders of numbered records, and a reader beside them."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from tests.faults.ledger import Ledger, Signal
from tests.faults.server_process import Server
from tests.otlp_requests import SECOND, attributes, log, logs, metrics, span, traces

__all__ = ["Writer", "body_of", "writing"]

HEADERS = {"content-type": "application/x-protobuf"}
_DAY_S = 86_400
DATA_SETS = ("", "", "first", "second")
"""Live telemetry as a rule, and imports in between, so that a segment holds several data sets."""


def body_of(
    signal: Signal,
    names: list[str],
    at_unix_ns: int,
    days: tuple[int, ...] = (0,),
    pad_bytes: int = 0,
) -> bytes:
    """Return a request whose records have these names, and lie so many days back in turn."""
    pad: dict[str, Any] = {"pad": os.urandom(pad_bytes // 2).hex()} if pad_bytes else {}
    ago = [at_unix_ns - days[n % len(days)] * _DAY_S * SECOND for n in range(len(names))]
    match signal:
        case "logs":
            lines = [log(name, at=at, severity=17) for name, at in zip(names, ago, strict=True)]
            return logs(*lines).SerializeToString()
        case "metrics":
            points = [
                NumberDataPoint(
                    attributes=attributes({"number": name}), time_unix_nano=at, as_int=1
                )
                for name, at in zip(names, ago, strict=True)
            ]
            return metrics([Metric(name="m", gauge=Gauge(data_points=points))]).SerializeToString()
        case "traces":
            return traces(
                *[
                    span(_number(name), _number(name) % 2**63 + 1, start=at, number=name, **pad)
                    for name, at in zip(names, ago, strict=True)
                ]
            ).SerializeToString()


def _number(name: str) -> int:
    """Return an id that no other record has."""
    return random.Random(name).getrandbits(120) + 1


@dataclass(slots=True)
class Writer:
    """Posts numbered records until it is stopped or nobody answers, and notes what it was told."""

    signal: Signal
    first: int
    ledger: Ledger = field(default_factory=Ledger)
    stopped: threading.Event = field(default_factory=threading.Event)
    batch: int = 10
    resend: bool = False
    """Send each request a second time, as a sender does that missed the answer."""
    closing: bool = False
    """From now on nothing counts as acknowledged."""
    pad_bytes: int = 0
    """Of noise that does not compress, with each span."""
    statuses: dict[int, int] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)
    """Refusals that do not say when to come back."""

    def write(self, url: str) -> None:
        """Post until stopped or until the server is gone."""
        number = self.first
        with httpx.Client(timeout=30) as client:
            while not self.stopped.is_set():
                names = [f"{self.signal}-{number + n}" for n in range(self.batch)]
                data_set = DATA_SETS[number // self.batch % len(DATA_SETS)]
                number += self.batch
                self.stopped.wait(0.01)  # the harness shares the processor with the server
                if not self.post(client, url, names, data_set):
                    return

    def post(self, client: httpx.Client, url: str, names: list[str], data_set: str = "") -> bool:
        """Post some records and note the answers; False when nobody answers."""
        now = time.time_ns() // SECOND * SECOND - 3600 * SECOND
        days = (0, 1, 40, 400) if data_set else (0,)
        body = body_of(self.signal, names, now, days, self.pad_bytes)
        headers = HEADERS | ({"x-tracepulse-data-set": data_set} if data_set else {})
        self.ledger.note(self.signal, names, acknowledged=False)
        for _ in range(2 if self.resend else 1):
            try:
                answer = client.post(f"{url}/v1/{self.signal}", content=body, headers=headers)
            except httpx.TransportError:
                return False
            if self.closing:
                return False
            self._note(answer, names)
        return True

    def _note(self, answer: httpx.Response, names: list[str]) -> None:
        status = answer.status_code
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            self.ledger.note(self.signal, names, acknowledged=True)
        elif status not in (429, 503) or not answer.headers.get("retry-after"):
            self.unexplained.append(f"{status} {answer.text[:200]}")
        else:
            self.stopped.wait(0.05)


def _read(server: Server, stopped: threading.Event, wrong: list[str]) -> None:
    """Ask this and that; anything but an answer or a passing refusal is wrong."""
    paths = ("/api/overview", "/api/logs?service=shop", "/api/services", "/api/doctor")
    with httpx.Client(base_url=server.api, timeout=60) as client:
        turn = 0
        while not stopped.is_set():
            try:
                answer = client.get(paths[turn % len(paths)])
            except httpx.TransportError:
                return
            if answer.status_code >= 500 and answer.status_code != 503:
                wrong.append(
                    f"{paths[turn % len(paths)]}: {answer.status_code} {answer.text[:200]}"
                )
            turn += 1
            stopped.wait(0.05)


@contextmanager
def writing(server: Server, writers: list[Writer], readers: int = 1) -> Iterator[list[str]]:
    """Let writers and readers work meanwhile; gives what readers found wrong."""
    wrong: list[str] = []
    stopped = threading.Event()
    threads = [threading.Thread(target=each.write, args=(server.otlp,)) for each in writers]
    threads += [
        threading.Thread(target=_read, args=(server, stopped, wrong)) for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stopped.set()
        for writer in writers:
            writer.stopped.set()
        for thread in threads:
            thread.join(60)
