"""Sends generated bodies over OTLP/HTTP as fast as they are taken, or at a given pace."""

import gzip
import http.client
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.data import Body
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

__all__ = ["BodyFile", "Sent", "progress", "send", "within"]

CONNECTIONS = 4
_GZIP_MAGIC = b"\x1f\x8b"
"""No protobuf message begins so."""
_BEGAN_S = time.monotonic()
_RETRYABLE = {429, 502, 503, 504}


@dataclass(slots=True)
class Sent:
    """What came of sending."""

    records: int = 0
    requests: int = 0
    payload_bytes: int = 0
    retries: int = 0
    """Times the server asked to come back later."""
    elapsed_s: float = 0.0
    errors: list[str] = field(default_factory=list)
    """What the server said where it refused for good."""
    latencies_s: list[float] = field(default_factory=list)
    """From the first byte of a request to the end of its answer, for each that was accepted."""
    behind_s: float = 0.0
    """By how much the last request was late, when there was a pace to keep."""


def progress(text: str) -> None:
    """Show what is going on and since when this program runs, apart from the results."""
    print(f"{time.monotonic() - _BEGAN_S:6.1f} s  {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class BodyFile:
    """
    Bodies written to disk before anything is measured, read back one by one.

    So the work of generating them is not done while a server is at work, and memory stays small.
    """

    path: Path
    bodies: tuple[Body, ...]
    """Without their payloads."""
    ends: tuple[int, ...]
    """Where each payload ends in the file."""

    @classmethod
    def write(cls, bodies: Iterable[Body], path: Path, packed: bool = False) -> "BodyFile":
        """
        Write all bodies.

        `packed` is with gzip at its usual level, as Collectors send; SDKs send plain bytes unless
        told otherwise.
        """
        facts: list[Body] = []
        ends: list[int] = []
        with path.open("wb") as file:
            for body in bodies:
                file.write(gzip.compress(body.payload, 6, mtime=0) if packed else body.payload)
                facts.append(replace(body, payload=b""))
                ends.append(file.tell())
        return cls(path, tuple(facts), tuple(ends))

    @property
    def records(self) -> int:
        """How many records there are in all."""
        return sum(body.records for body in self.bodies)

    def __iter__(self) -> Iterator[Body]:
        start = 0
        with self.path.open("rb") as file:
            for body, end in zip(self.bodies, self.ends, strict=True):
                yield replace(body, payload=file.read(end - start))
                start = end


class _Sender(threading.Thread):
    """One connection, kept open."""

    def __init__(
        self,
        url: str,
        work: "queue.Queue[tuple[float, Body] | None]",
        acknowledged: Callable[[Body, float], None] | None,
    ) -> None:
        super().__init__(daemon=True)
        self.sent = Sent()
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        self._work = work
        self._acknowledged = acknowledged

    def run(self) -> None:
        while (item := self._work.get()) is not None:
            due, body = item
            delay = due - time.monotonic()
            if delay > 0:
                time.sleep(delay)
            try:
                self._post(body)
            except OSError as error:
                self.sent.errors.append(repr(error))
            if due:
                self.sent.behind_s = max(0.0, time.monotonic() - due)
        self._connection.close()

    def _post(self, body: Body) -> None:
        headers = {"content-type": "application/x-protobuf"}
        if body.payload.startswith(_GZIP_MAGIC):
            headers["content-encoding"] = "gzip"
        began_unix_s, began = time.time(), time.perf_counter()
        while True:
            self._connection.request("POST", f"/v1/{body.signal}", body.payload, headers)
            answer = self._connection.getresponse()
            text = answer.read()
            if answer.status not in _RETRYABLE:
                break
            self.sent.retries += 1
            time.sleep(float(answer.headers.get("retry-after", "1")))
        if answer.status != 200 or _rejected(text):
            self.sent.errors.append(f"{answer.status} {text[:200]!r}")
            return
        self.sent.latencies_s.append(time.perf_counter() - began)
        if self._acknowledged is not None:
            self._acknowledged(body, began_unix_s)
        self.sent.records += body.records
        self.sent.requests += 1
        self.sent.payload_bytes += len(body.payload)


def _rejected(answer: bytes) -> int:
    """Return how many records an answer says were not taken; the three kinds agree in layout."""
    return ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans


def within(bodies: Iterable[Body], seconds: float) -> Iterator[Body]:
    """Yield bodies until so much time has passed since the first was asked for."""
    give_up = time.monotonic() + seconds
    for body in bodies:
        if time.monotonic() > give_up:
            return
        yield body


def send(
    url: str,
    bodies: Iterable[Body],
    records_per_second: float = 0.0,
    acknowledged: Callable[[Body, float], None] | None = None,
) -> Sent:
    """
    Post all bodies over a few connections and return once the last is answered.

    Args:
        url: of the OTLP/HTTP port, without a path.
        bodies: taken when there is room, so there may be more than memory holds.
        records_per_second: the pace; 0 is as fast as the server answers.
        acknowledged: called for each body after its 2xx with the Unix time at which its request
            began, from several threads.

    """
    work: queue.Queue[tuple[float, Body] | None] = queue.Queue(CONNECTIONS)
    senders = [_Sender(url, work, acknowledged) for _ in range(CONNECTIONS)]
    started = time.monotonic()
    for sender in senders:
        sender.start()
    records = 0
    for body in bodies:
        due = started + records / records_per_second if records_per_second else 0.0
        records += body.records
        work.put((due, body))
    for _ in senders:
        work.put(None)
    for sender in senders:
        sender.join()
    total = Sent(elapsed_s=time.monotonic() - started)
    for sender in senders:
        total.records += sender.sent.records
        total.requests += sender.sent.requests
        total.payload_bytes += sender.sent.payload_bytes
        total.retries += sender.sent.retries
        total.errors += sender.sent.errors
        total.latencies_s += sender.sent.latencies_s
        total.behind_s = max(total.behind_s, sender.sent.behind_s)
    return total
