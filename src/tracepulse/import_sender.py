"""Sending OTLP requests to a server's OTLP port, several at a time, patient when it is full."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tracepulse.errors import OperatorError, Unavailable
from tracepulse.receive.http_requests import is_loopback
from tracepulse.receive.signals import Signal

__all__ = ["ImportRefused", "Outcome", "Sender"]

_AT_ONCE = 4
_PATIENCE_S = 600.0
"""A server that has been full for ten minutes will not soon have room."""
_FULL = (429, 502, 503, 504)
_MAX_NOTES = 100
_RESPONSES: dict[str, tuple[Any, str]] = {
    "traces": (trace_service_pb2.ExportTraceServiceResponse, "rejected_spans"),
    "logs": (logs_service_pb2.ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (metrics_service_pb2.ExportMetricsServiceResponse, "rejected_data_points"),
}


class ImportRefused(OperatorError):
    """The server will not take any of it: a key or the data set's name is at fault."""


@dataclass(slots=True)
class Outcome:
    """What became of the records that were sent."""

    accepted: dict[str, int] = field(default_factory=dict)
    """Records by signal."""
    rejected: int = 0
    """Records that the server refused, each batch otherwise kept."""
    reasons: list[str] = field(default_factory=list)
    """The server's words for those; the first hundred."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Whole batches that it would not take: where they stood, and why; the first hundred."""


class Sender:
    """Sends batches; `finish` returns what became of them."""

    def __init__(
        self,
        otlp_url: str,
        data_set: str,
        api_key: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare to send to the OTLP port at a URL."""
        self._url = otlp_url.rstrip("/")
        headers = {"content-type": "application/x-protobuf", "x-tracepulse-data-set": data_set}
        if api_key:
            headers["x-api-key"] = api_key
        # A proxy from the environment has no business between two programs of one machine.
        near = is_loopback(urlsplit(otlp_url).hostname or "")
        self._client = httpx.Client(headers=headers, timeout=120, trust_env=not near)
        self._sleep = sleep
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="send")
        self._under_way: deque[Future[None]] = deque()
        self._outcome = Outcome()

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def send(self, signal: Signal, body: bytes, records: int, source: str) -> None:
        """
        Send a batch, now or soon.

        Raises:
            Unavailable: nobody answers, or there was no room for too long.
            ImportRefused: the server takes none of it.
        """
        while len(self._under_way) >= 2 * _AT_ONCE:
            self._under_way.popleft().result()
        self._under_way.append(self._pool.submit(self._send, signal, body, records, source))

    def finish(self) -> Outcome:
        """Return what became of everything; raises as `send` does."""
        while self._under_way:
            self._under_way.popleft().result()
        return self._outcome

    def _send(self, signal: Signal, body: bytes, records: int, source: str) -> None:
        waited_s = 0.0
        while True:
            response = self._post(signal, body)
            if response.status_code not in _FULL:
                break
            pause_s = _retry_after_s(response)
            if waited_s + pause_s > _PATIENCE_S:
                raise Unavailable(f"{self._url} has had no room for {waited_s:.0f} s; stopped")
            self._sleep(pause_s)
            waited_s += pause_s
        if response.status_code == 200:
            self._count(signal, records, response.content)
            return
        reason = _refusal(response)
        if response.status_code in (401, 403, 404, 405):
            raise ImportRefused(f"{self._url} takes none of it: {reason}")
        if len(self._outcome.refused) < _MAX_NOTES:
            self._outcome.refused.append((source, reason))
        self._outcome.rejected += records

    def _post(self, signal: Signal, body: bytes) -> httpx.Response:
        try:
            return self._client.post(f"{self._url}/v1/{signal}", content=body)
        except httpx.ConnectError as error:
            raise Unavailable(
                f"no TracePulse server takes OTLP at {self._url} ({error});"
                " start one with `tracepulse serve`, or name its OTLP port with --otlp-url"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"{self._url} stopped answering ({error or type(error).__name__});"
                " some of the files may be imported already"
            ) from error

    def _count(self, signal: Signal, records: int, content: bytes) -> None:
        response_class, name = _RESPONSES[signal]
        rejected = 0
        try:
            partial = response_class.FromString(content).partial_success
            rejected = int(getattr(partial, name))
            if partial.error_message and len(self._outcome.reasons) < _MAX_NOTES:
                if partial.error_message not in self._outcome.reasons:
                    self._outcome.reasons.append(partial.error_message)
        except DecodeError:
            raise Unavailable(
                f"{self._url} does not answer as OTLP does; check --otlp-url"
            ) from None
        self._outcome.rejected += rejected
        accepted = self._outcome.accepted
        accepted[signal] = accepted.get(signal, 0) + records - rejected


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return min(max(float(text), 0.1), 60.0) if text.isdigit() else 1.0


def _refusal(response: httpx.Response) -> str:
    try:
        message = Status.FromString(response.content).message
    except DecodeError:
        message = ""
    return message or f"status {response.status_code}"
