"""Readers of log lines that senders ship one request at a time: one each, kept between requests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from tracepulse.receive.log_entries import LineReader

__all__ = ["LineReaders"]

MAX_READERS = 256
"""Senders whose layout is remembered, the last ones that wrote; any other is learnt anew."""
MAX_LINES = 4000
"""Lines after which a reader forgets the instants that it has seen: at most 0.6 MB each."""
LEARNT_LINES = 100
"""First lines of a sender from which the usual layout of its header is learnt."""


class LineReaders:
    """
    Keeps a reader for each sender, within bounds.

    Whoever reads has a reader to itself: a second request of the same sender at the same time
    learns its own.
    """

    def __init__(self, most: int = MAX_READERS) -> None:
        self._most = most
        self._idle: dict[str, tuple[LineReader, int]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._idle)

    @contextmanager
    def reader(
        self, sender: str, lines: Sequence[str], received_unix_ns: int
    ) -> Iterator[LineReader]:
        """
        Lend the reader of a sender for as long as the context lasts.

        Args:
            sender: what tells senders of unlike lines apart, such as the service.
            lines: the lines that will be read; a new reader learns from the first of them.
            received_unix_ns: completes times that lack a year or date.
        """
        with self._lock:
            kept = self._idle.pop(sender, None)
        if kept is None:
            reader, count = LineReader(received_unix_ns), 0
            reader.learn(lines[:LEARNT_LINES])
        else:
            reader, count = kept
        try:
            yield reader
        finally:
            count += len(lines)
            if count >= MAX_LINES:
                reader.renew(received_unix_ns)
                count = 0
            self._keep(sender, reader, count)

    def _keep(self, sender: str, reader: LineReader, count: int) -> None:
        with self._lock:
            self._idle[sender] = (reader, count)
            while len(self._idle) > self._most:
                del self._idle[next(iter(self._idle))]
