"""The OTLP port with every protocol, for tests of one of them."""

from typing import Any

from starlette.testclient import TestClient
from tests.receive.test_otlp_http import FakeSink

from tracepulse.receive.access import ApiKey, Gate, Scope, key_hash
from tracepulse.receive.app import otlp_app
from tracepulse.receive.protocols import all_routes
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.signals import Signal, new_request
from tracepulse.testing import FakeClock

__all__ = ["DropInPort"]


class DropInPort:
    """The port, what lies behind it, and what it kept."""

    def __init__(
        self,
        *scopes: Scope,
        host: str = "127.0.0.1",
        origins: tuple[str, ...] = (),
    ) -> None:
        """Open it with a key `key-SCOPE` of each scope given."""
        keys = [ApiKey(s.value, s.value, s, key_hash(f"key-{s.value}")) for s in scopes]
        self.sink, self.counters = FakeSink(), IngestCounters()
        self.clock = FakeClock()
        app = otlp_app(
            self.sink, Gate(keys), self.clock, self.counters, origins, 36_500, all_routes()
        )
        self.client = TestClient(app, client=(host, 1))

    def post(self, path: str, content: bytes, **headers: str) -> Any:
        """Send one request; in names of headers `_` stands for `-`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: Any = self.client.post(path, content=content, headers=given)
        return answer

    def kept(self, signal: Signal) -> list[Any]:
        """Return the requests of a signal that were kept, as messages."""
        messages = []
        for kind, body, _, _ in self.sink.kept:
            if kind == signal:
                message = new_request(signal)
                message.ParseFromString(body)
                messages.append(message)
        return messages
