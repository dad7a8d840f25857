"""The port on which other protocols are taken, with what lies behind it, for tests of receivers."""

from collections import Counter
from typing import Any

from starlette.testclient import TestClient
from tests.receive.sent_records import sent_records
from tests.receive.test_otlp_http import FakeSink

from tracepulse.receive.access import ApiKey, Gate, Scope, key_hash
from tracepulse.receive.app import otlp_app
from tracepulse.receive.protocols import all_routes
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.signals import Signal, new_request
from tracepulse.testing import FakeClock

__all__ = ["ProtocolPort"]

_RETENTION_DAYS = 36_500
"""Recorded payloads are of any age."""


def _key(given: str | Scope) -> ApiKey:
    if isinstance(given, Scope):
        return ApiKey(given.value, given.value, given, key_hash(f"key-{given.value}"))
    return ApiKey(given, given, Scope.INGEST, key_hash(given))


class ProtocolPort:
    """What senders of every protocol see, without a socket."""

    def __init__(
        self,
        *keys: str | Scope,
        host: str = "127.0.0.1",
        origins: tuple[str, ...] = (),
    ) -> None:
        """Open it with these keys of scope ingest, and a key `key-SCOPE` of each scope given."""
        self.sink, self.counters = FakeSink(), IngestCounters()
        self.clock = FakeClock()
        app = otlp_app(
            self.sink,
            Gate([_key(each) for each in keys]),
            self.clock,
            self.counters,
            origins,
            _RETENTION_DAYS,
            all_routes(),
        )
        self.client = TestClient(app, client=(host, 1))

    def send(self, method: str, path: str, content: bytes = b"", **headers: str) -> Any:
        """Send a request; names of headers are written with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: Any = self.client.request(method, path, content=content, headers=given)
        return answer

    def post(self, path: str, content: bytes = b"", **headers: str) -> Any:
        """Send a POST."""
        return self.send("POST", path, content, **headers)

    def kept(self, signal: Signal) -> list[Any]:
        """Return the requests of a signal that were kept, as messages."""
        messages = []
        for kind, body, _, _ in self.sink.kept:
            if kind == signal:
                message = new_request(signal)
                message.ParseFromString(body)
                messages.append(message)
        return messages

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log records that were kept, in order."""
        return [record for _, body, _, _ in self.sink.kept for record in sent_records(body)]

    @property
    def origins(self) -> set[str]:
        """The protocols that the receipts name."""
        return {receipt.origin for _, _, receipt, _ in self.sink.kept}

    @property
    def rejected(self) -> Counter[str]:
        """Records left out, by reason."""
        return self.counters.rejected_by_reason
