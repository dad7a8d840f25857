"""A body that does not come to its end holds its room for a bounded time, and no longer."""

import asyncio
from typing import Any

import pytest
from tests.receive.test_otlp_http import FakeSink

from tracepulse.receive import http_requests
from tracepulse.receive.access import Gate
from tracepulse.receive.app import otlp_app
from tracepulse.receive.fair_share import FairShare
from tracepulse.receive.protocols import all_routes
from tracepulse.receive.receiver import IngestCounters
from tracepulse.testing import FakeClock

ROOM_BYTES = 1_000_000


class _Port:
    """The port with little room, asked as a server of ASGI asks."""

    def __init__(self) -> None:
        self.counters, self.shares = IngestCounters(), FairShare(in_memory_bytes=ROOM_BYTES)
        self._app = otlp_app(
            FakeSink(),
            Gate([]),
            FakeClock(),
            self.counters,
            routes=all_routes(),
            shares=self.shares,
        )

    async def post(self, path: str, media_type: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
        """Send the first half of a body that takes all the room; return the answer."""
        sent: list[Any] = []
        parts = [{"type": "http.request", "body": b"{", "more_body": True}]

        async def receive() -> Any:
            if not parts:
                await asyncio.Event().wait()
            return parts.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", media_type), (b"content-length", b"%d" % ROOM_BYTES)]
        scope = {
            "type": "http", "method": "POST", "path": path, "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await self._app(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize(
    ("path", "origin", "media_type"),
    [
        ("/v1/traces", "otlp_http", b"application/json"),
        ("/v1/logs", "otlp_http", b"application/x-protobuf"),
        ("/loki/api/v1/push", "loki", b"application/json"),
        ("/_bulk", "elasticsearch", b"application/x-ndjson"),
        ("/services/collector", "splunk_hec", b"application/json"),
        ("/services/collector/raw", "splunk_hec", b"text/plain"),
        ("/api/v2/spans", "zipkin", b"application/json"),
        ("/api/v1/write", "prometheus", b"application/x-protobuf"),
    ],
)
def test_a_body_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, path: str, origin: str, media_type: bytes
) -> None:
    """It is answered 408 and counted, the connection is not used again, and the room is free."""
    monkeypatch.setattr(http_requests, "BODY_S", 0.02)
    port = _Port()

    status, headers, body = asyncio.run(port.post(path, media_type))

    assert (408, b"close") == (status, headers[b"connection"])
    assert b"0.02 s" in body
    assert {(origin, "408"): 1} == port.counters.answered
    with port.shares.request("somebody else", ROOM_BYTES):
        pass
