"""
Readers of log lines that senders ship one request at a time: one each, kept between requests.

A request that is sent twice must be read alike, so that it is known to be the same. Therefore a reader
learns only before it reads, from the first lines of a sender, and then no more; and while it learns, it
is remembered what the reader of each request had learnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from tracepulse.receive.log_entries import LineReader

__all__ = ["Lent", "LineReaders"]

MAX_READERS = 1024
"""Senders whose layout is remembered, the last ones that wrote; any other is learnt anew, which takes 20 ms."""
MAX_RECENT = 256
"""Those of them whose readers also remember the instants that they have seen."""
MAX_LINES = 4000
"""Lines after which a reader forgets the instants that it has seen: at most 0.6 MB each."""
LEARNT_LINES = 100
"""First lines of a sender from which the layouts of its headers are learnt."""
_RENEWED_NS = 600 * 10**9
"""Age of the instant that completes times which lack a year or a date; they may be an hour after it."""
_LEARNT_CHARACTERS = 1000
"""Headers stand at the beginning of a line; more of one is not kept."""


MAX_REMEMBERED = 1024
"""Requests of which is known what their reader had learnt, so that they are read alike when they are sent
again: those of senders whose layout was not settled yet, for as long as repetitions are looked for."""
_IDLE_READERS = 4
"""Of one sender; more that were needed at the same time are forgotten."""


@dataclass(slots=True)
class Lent:
    """A sender's reader and what it has seen."""

    sender: str
    reader: LineReader
    taught: tuple[str, ...]
    """Lines that it has learnt from; readers that were taught the same read alike."""
    lines: int = 0
    """Read since it last forgot."""


@dataclass(slots=True)
class _Sender:
    """What a sender's readers are taught."""

    sample: dict[str, None] = field(default_factory=dict)
    """First different lines, while they are fewer than LEARNT_LINES: what is sent again teaches nothing."""
    taught: tuple[str, ...] = ()
    learnt: int = 0
    """How many of them the readers have learnt from."""
    idle: list[Lent] = field(default_factory=list)

    def gather(self, lines: Sequence[str]) -> None:
        """Learn anew once there are twice as many lines as before, so that few are learnt often."""
        room = LEARNT_LINES - len(self.sample)
        self.sample.update(dict.fromkeys([line[:_LEARNT_CHARACTERS] for line in lines[:room]]))
        known = len(self.sample)
        if known < min(2 * self.learnt, LEARNT_LINES):
            return
        self.learnt = known
        self.taught = tuple(self.sample)
        self.idle.clear()
        if known >= LEARNT_LINES:
            self.sample = {}


class LineReaders:
    """
    Keeps readers for each sender, within bounds.

    Whoever reads has a reader to itself. A second request of the same sender at the same time gets
    another one that was taught the same.
    """

    def __init__(self, most: int = MAX_READERS, recent: int = MAX_RECENT) -> None:
        self._most = most
        self._most_recent = recent
        self._senders: dict[str, _Sender] = {}
        self._recent: dict[str, None] = {}
        self._remembered: dict[int, tuple[tuple[str, ...], int]] = {}
        """By request: what its reader was taught, and when it came; the oldest first."""
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._senders)

    def lend(self, sender: str, lines: Sequence[str], received_unix_ns: int) -> Lent:
        """
        Return a reader for a sender, for whoever asks alone; it is to be given back.

        Args:
            sender: what tells senders of unlike lines apart, such as the service.
            lines: the lines that will be read; while the layout is new, it is learnt from them first.
            received_unix_ns: completes times that lack a year or date.
        """
        with self._lock:
            known = self._known(sender)
            taught = self._taught(known, sender, lines, received_unix_ns)
            lent = known.idle.pop() if known.idle and taught is known.taught else None
        if lent is None:
            lent = Lent(sender, _reader(taught, received_unix_ns), taught)
        _count(lent, len(lines), received_unix_ns)
        return lent

    def prepare(self, lent: Lent, lines: Sequence[str], received_unix_ns: int) -> None:
        """Have a reader that was lent learn from further lines, as `lend` does; they are read next."""
        with self._lock:
            known = self._known(lent.sender)
            taught = self._taught(known, lent.sender, lines, received_unix_ns)
        if taught is not lent.taught:
            lent.reader, lent.taught, lent.lines = _reader(taught, received_unix_ns), taught, 0
        _count(lent, len(lines), received_unix_ns)

    def _known(self, sender: str) -> _Sender:
        known = self._senders.pop(sender, None) or _Sender()
        self._senders[sender] = known
        while len(self._senders) > self._most:
            gone = next(iter(self._senders))
            del self._senders[gone]
            self._recent.pop(gone, None)
        self._recent.pop(sender, None)
        self._recent[sender] = None
        if len(self._recent) > self._most_recent:
            earlier = next(iter(self._recent))
            del self._recent[earlier]
            for lent in self._senders[earlier].idle:
                lent.reader.renew(lent.reader.reference_unix_ns)
                lent.lines = 0
        return known

    def take_back(self, lent: Lent) -> None:
        """Keep a reader for its sender's next lines."""
        with self._lock:
            known = self._senders.get(lent.sender)
            if known and lent.taught is known.taught and len(known.idle) < _IDLE_READERS:
                known.idle.append(lent)

    def _taught(
        self, known: _Sender, sender: str, lines: Sequence[str], received_unix_ns: int
    ) -> tuple[str, ...]:
        """Return what the reader of a request is to have learnt: the same as when it came first."""
        is_learning = known.learnt < LEARNT_LINES
        if not is_learning and not self._remembered:
            return known.taught
        self._forget(received_unix_ns)
        request = hash((sender, *lines))
        before = self._remembered.get(request)
        if before is not None:
            return before[0]
        if is_learning:
            known.gather(lines)
            self._remembered[request] = known.taught, received_unix_ns
        return known.taught

    def _forget(self, now_unix_ns: int) -> None:
        while self._remembered:
            request, (_, received_unix_ns) = next(iter(self._remembered.items()))
            is_old = now_unix_ns - received_unix_ns > _RENEWED_NS
            if not is_old and len(self._remembered) < MAX_REMEMBERED:
                return
            del self._remembered[request]


def _reader(taught: tuple[str, ...], received_unix_ns: int) -> LineReader:
    reader = LineReader(received_unix_ns)
    reader.learn(list(taught))
    for line in taught:
        reader.read(line)  # further layouts are learnt from those that are unlike the others
    reader.settle()
    return reader


def _count(lent: Lent, lines: int, received_unix_ns: int) -> None:
    """Note that so many lines are read next; past some of them, or after a while, instants are forgotten."""
    lent.lines += lines
    is_old = received_unix_ns - lent.reader.reference_unix_ns > _RENEWED_NS
    if is_old or lent.lines >= MAX_LINES:
        lent.reader.renew(received_unix_ns)
        lent.lines = 0
