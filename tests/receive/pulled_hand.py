"""A connector that is moved by hand, with a journal that remembers and a clock that stands."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tracepulse.errors import Overloaded
from tracepulse.receive.admission import Receipt
from tracepulse.receive.pull.configured import Connector
from tracepulse.receive.pull.connectors import Connectors
from tracepulse.receive.pull.interface import Stretch
from tracepulse.receive.pull.passes import Fetched
from tracepulse.receive.signals import Signal

__all__ = [
    "DAY",
    "HOUR",
    "NOW",
    "ConnectorHand",
    "PulledJournal",
    "S",
    "StandingClock",
    "connected",
]

S = 1_000_000_000
NOW = 1_790_000_000 * S
HOUR, DAY = 3600 * S, 86_400 * S


class PulledJournal:
    """Remembers what was appended, while there is room."""

    def __init__(self) -> None:
        self.records: list[tuple[dict[str, str], LogRecord]] = []
        """Each with the attributes of its resource."""
        self.origins: set[str] = set()
        self.is_full = False

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        """Take a request of log records."""
        if self.is_full:
            raise Overloaded("full")
        assert signal == "logs"
        self.origins.add(receipt.origin)
        for group in ExportLogsServiceRequest.FromString(body).resource_logs:
            names = {p.key: p.value.string_value for p in group.resource.attributes}
            self.records += [(names, r) for scope in group.scope_logs for r in scope.log_records]
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def bodies(self) -> list[str]:
        """Return the texts of the records."""
        return [record.body.string_value for _, record in self.records]

    def times(self) -> list[int]:
        """Return the times of the records in Unix ns."""
        return [record.time_unix_nano for _, record in self.records]


class StandingClock:
    """A clock that is moved by hand."""

    unix_ns = NOW

    def now_unix_ns(self) -> int:
        """Return the time."""
        return self.unix_ns


class ConnectorHand:
    """A connector of a server, called `shop`."""

    def __init__(self, connector: Connector, folder: Path) -> None:
        self.journal, self.clock = PulledJournal(), StandingClock()
        self.connectors = Connectors((connector,), folder, self.journal, self.clock, 30)

    def fetch(
        self, start: int, end: int, max_bytes: int | None = None, around: int | None = None
    ) -> Fetched:
        """Ask for a window."""
        stretch = Stretch(start, end)
        return self.connectors.fetch("shop", stretch, max_bytes, around_unix_ns=around)


@contextmanager
def connected(connector: Connector, folder: Path) -> Iterator[ConnectorHand]:
    """Open a connector that is not followed; it ends with the block."""
    hand = ConnectorHand(connector, folder)
    try:
        yield hand
    finally:
        hand.connectors.stop()
