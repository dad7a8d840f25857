"""
Readers of log lines that senders ship one request at a time: one each, kept between requests.

A request that is sent twice must be read alike, so that it is known to be the same. Therefore a reader
learns only before it reads, from the first lines of a sender, and then no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from tracepulse.receive.log_entries import LineReader

__all__ = ["Lent", "LineReaders"]

MAX_READERS = 256
"""Senders whose layout is remembered, the last ones that wrote; any other is learnt anew."""
MAX_LINES = 4000
"""Lines after which a reader forgets the instants that it has seen: at most 0.6 MB each."""
LEARNT_LINES = 100
"""First lines of a sender from which the layouts of its headers are learnt."""
_RENEWED_NS = 600 * 10**9
"""Age of the instant that completes times which lack a year or a date; they may be an hour after it."""
_LEARNT_CHARACTERS = 1000
"""Headers stand at the beginning of a line; more of one is not kept."""


@dataclass(slots=True)
class Lent:
    """A sender's reader and what it has seen."""

    sender: str
    reader: LineReader
    sample: dict[str, None] = field(default_factory=dict)
    """First different lines, while they are fewer than LEARNT_LINES: what is sent again teaches nothing."""
    learnt: int = 0
    """How many of them the reader has learnt from."""
    lines: int = 0
    """Read since it last forgot."""


class LineReaders:
    """
    Keeps a reader for each sender, within bounds.

    Whoever reads has a reader to itself: a second request of the same sender at the same time
    learns its own.
    """

    def __init__(self, most: int = MAX_READERS) -> None:
        self._most = most
        self._idle: dict[str, Lent] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._idle)

    def lend(self, sender: str, lines: Sequence[str], received_unix_ns: int) -> Lent:
        """
        Return the reader of a sender, for whoever asks alone; it is to be given back.

        Args:
            sender: what tells senders of unlike lines apart, such as the service.
            lines: the lines that will be read; while the reader is new, it learns from them first.
            received_unix_ns: completes times that lack a year or date.
        """
        with self._lock:
            lent = self._idle.pop(sender, None)
        if lent is None:
            lent = Lent(sender, LineReader(received_unix_ns))
        self.prepare(lent, lines, received_unix_ns)
        return lent

    def prepare(self, lent: Lent, lines: Sequence[str], received_unix_ns: int) -> None:
        """Have a reader that was lent learn from further lines, as `lend` does; they are read next."""
        if lent.learnt < LEARNT_LINES:
            _learn(lent, lines, received_unix_ns)
        lent.lines += len(lines)
        is_old = received_unix_ns - lent.reader.reference_unix_ns > _RENEWED_NS
        if is_old or lent.lines >= MAX_LINES:
            lent.reader.renew(received_unix_ns)
            lent.lines = 0

    def take_back(self, lent: Lent) -> None:
        """Keep a reader for its sender's next lines."""
        with self._lock:
            self._idle[lent.sender] = lent
            while len(self._idle) > self._most:
                del self._idle[next(iter(self._idle))]


def _learn(lent: Lent, lines: Sequence[str], received_unix_ns: int) -> None:
    """Learn anew once there are twice as many lines as before, so that few are learnt often."""
    room = LEARNT_LINES - len(lent.sample)
    lent.sample.update(dict.fromkeys([line[:_LEARNT_CHARACTERS] for line in lines[:room]]))
    known = len(lent.sample)
    if known < min(2 * lent.learnt, LEARNT_LINES):
        return
    lent.learnt = known
    lent.reader = LineReader(received_unix_ns)
    lent.reader.learn(list(lent.sample))
    for line in lent.sample:
        lent.reader.read(line)  # further layouts are learnt from those that are unlike the others
    lent.reader.settle()
    if known >= LEARNT_LINES:
        lent.sample = {}
