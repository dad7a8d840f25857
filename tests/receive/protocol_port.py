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
from tracepulse.testing import FakeClock


class ProtocolPort:
    """What senders of every protocol see, without a socket."""

    def __init__(self, *keys: str, host: str = "127.0.0.1") -> None:
        self.sink, self.counters = FakeSink(), IngestCounters()
        self.clock = FakeClock()
        known = [ApiKey(key, key, Scope.INGEST, key_hash(key)) for key in keys]
        app = otlp_app(self.sink, Gate(known), self.clock, self.counters, routes=all_routes())
        self.client = TestClient(app, client=(host, 1))

    def send(self, method: str, path: str, content: bytes = b"", **headers: str) -> Any:
        """Send a request; names of headers are written with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: Any = self.client.request(method, path, content=content, headers=given)
        return answer

    def post(self, path: str, content: bytes = b"", **headers: str) -> Any:
        """Send a POST."""
        return self.send("POST", path, content, **headers)

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
