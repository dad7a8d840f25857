"""
How far each connector has come, kept so that nothing is taken twice, whenever a process ends.

Three things are remembered of a connector, in one small SQLite file of the data folder:

- *covered*: stretches of time that are read for good. Inside them nothing is asked for again.
- *seen*: keys of the records outside them, with how many of each were taken. Late records may still
  come there, so it is read again; what has been seen is left out.
- a *promise*: the one request that is on its way into the journal, with what shall be covered and
  seen once it is there. It is made durable before the journal gets the request. A process that dies
  in between leaves the promise; the next one asks the journal whether it holds that request, and
  then keeps the promise or drops it (`settle`).

    read a page -> promise (synced) -> journal (synced) -> promise kept
                 A                 B                   C

Killed at A nothing was taken, at B the journal does not hold it, at C it does: in each case what is
covered and seen agrees with what the journal holds.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tracepulse.errors import Unavailable
from tracepulse.receive.pull.interface import HoldsMessage, Stretch
from tracepulse.receive.pull.stretches import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FilePromise", "Promise", "Pulled", "after_of", "settle"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS connector (
  name TEXT PRIMARY KEY, begin_unix_ns INTEGER NOT NULL DEFAULT 0, covered TEXT NOT NULL DEFAULT '[]',
  records INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS seen (
  name TEXT, key INTEGER, request_unix_ns INTEGER, at_unix_ns INTEGER, copies INTEGER,
  PRIMARY KEY (name, key, request_unix_ns)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (name, at_unix_ns);
CREATE TABLE IF NOT EXISTS promise (
  name TEXT, part TEXT, received_unix_ns INTEGER, checksum INTEGER, records INTEGER, after TEXT,
  PRIMARY KEY (name, part)
);
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """A request on its way into the journal."""

    received_unix_ns: int
    """Of its receipt; no two requests have the same."""
    checksum: int
    """CRC-32 of its body."""
    records: int
    after: str
    """What holds once the journal has it: JSON, understood by whoever made the promise."""


@dataclass(frozen=True, slots=True)
class FilePromise:
    """A request on its way into the journal with lines of one file."""

    part: str
    """Which file, for as long as it is followed."""
    received_unix_ns: int
    checksum: int
    before: str
    """Where to go on if the journal did not take it."""
    after: str
    """Where to go on if it did."""


class Pulled:
    """The file, for one connector and one thread at a time."""

    def __init__(self, path: Path, name: str) -> None:
        """
        Open the file, making it if need be.

        Raises:
            Unavailable: it cannot be used; the text says why.
        """
        self._path = path
        self.name = name
        self._lock = threading.RLock()
        with _told(path):
            self._db = _opened(path)
            with self._db:
                self._db.execute("INSERT OR IGNORE INTO connector (name) VALUES (?)", (name,))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    # -- where it stands -----------------------------------------------------------------------

    def begin_unix_ns(self, first_unix_ns: int) -> int:
        """Return from when on this connector follows: what was given when it was asked first."""
        with self._lock, _told(self._path), self._db:
            self._db.execute(
                "UPDATE connector SET begin_unix_ns = ? WHERE name = ? AND begin_unix_ns = 0",
                (first_unix_ns, self.name),
            )
            row = self._db.execute(
                "SELECT begin_unix_ns FROM connector WHERE name = ?", (self.name,)
            ).fetchone()
        return int(row[0])

    def covered(self) -> tuple[Stretch, ...]:
        """Return what is read for good, in order of time."""
        with self._lock, _told(self._path):
            return _covered(self._db, self.name)

    def records(self) -> int:
        """Return how many records were taken, ever."""
        with self._lock, _told(self._path):
            row = self._db.execute(
                "SELECT records FROM connector WHERE name = ?", (self.name,)
            ).fetchone()
        return int(row[0])

    def copies(self, keys: Iterable[int]) -> dict[int, int]:
        """Return how many records of each key were taken already, of keys that were seen."""
        ask = "SELECT sum(copies) FROM seen WHERE name = ? AND key = ?"
        found: dict[int, int] = {}
        with self._lock, _told(self._path):
            for key in set(keys):
                copies = self._db.execute(ask, (self.name, key)).fetchone()[0]
                if copies:
                    found[key] = int(copies)
        return found

    # -- taking --------------------------------------------------------------------------------

    def promise(self, promise: Promise, seen: Iterable[tuple[int, int, int]]) -> None:
        """
        Note durably what is about to be appended.

        Args:
            seen: key, time in Unix ns and number of copies of the records that may come again.
        """
        request = promise.received_unix_ns
        with self._lock, _told(self._path), self._db:
            self._db.execute(
                "INSERT INTO promise VALUES (?, '', ?, ?, ?, ?)",
                (self.name, request, promise.checksum, promise.records, promise.after),
            )
            self._db.executemany(
                "INSERT INTO seen VALUES (?, ?, ?, ?, ?)",
                ((self.name, key, request, at, copies) for key, at, copies in seen),
            )

    def keep(self, promise: Promise) -> None:
        """Note that the journal has it."""
        # Not synced: a promise that is found unkept after a power cut is settled all the same.
        with self._lock, _told(self._path), _unsynced(self._db), self._db:
            _keep(self._db, self.name, promise)

    def drop(self, promise: Promise) -> None:
        """Note that the journal did not take it."""
        with self._lock, _told(self._path), self._db:
            _drop(self._db, self.name, promise)

    def promise_lines(self, promise: FilePromise) -> None:
        """Note durably what is about to be appended of a file."""
        with self._lock, _told(self._path), self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO promise VALUES (?, ?, ?, ?, 0, ?)",
                (
                    self.name,
                    promise.part,
                    promise.received_unix_ns,
                    promise.checksum,
                    json.dumps([promise.before, promise.after]),
                ),
            )

    def settled_lines(self) -> list[str]:
        """Return where to go on in the files of which lines had been promised; see `settle`."""
        with self._lock, _told(self._path):
            rows = self._db.execute(
                "SELECT after FROM promise WHERE name = ? AND part != '' AND received_unix_ns = 0"
                " ORDER BY part",
                (self.name,),
            ).fetchall()
        return [row[0] for row in rows]

    def forget_lines(self) -> None:
        """Drop promises of lines and what was settled, once the places are noted elsewhere."""
        with self._lock, _told(self._path), _unsynced(self._db), self._db:
            self._db.execute("DELETE FROM promise WHERE name = ? AND part != ''", (self.name,))

    def cover(self, stretch: Stretch) -> None:
        """Note that a stretch is read for good, where there was nothing new in it."""
        with self._lock, _told(self._path), _unsynced(self._db), self._db:
            _cover(self._db, self.name, stretch)


def after_of(stretch: Stretch) -> str:
    """Return what a promise says shall be covered."""
    return json.dumps(list(stretch))


def settle(path: Path, holds: HoldsMessage) -> None:
    """
    Bring the file into agreement with the journal, before anything is loaded or pulled.

    Args:
        holds: whether the journal holds a request of log records.
    Raises:
        Unavailable: the file cannot be used; the text says why.
    """
    if not path.exists():
        return
    with _told(path):
        db = _opened(path)
        try:
            rows = db.execute(
                "SELECT name, received_unix_ns, checksum, records, after FROM promise"
                " WHERE part = '' ORDER BY name"
            ).fetchall()
            for name, *rest in rows:
                promise = Promise(*rest)
                with db:
                    if holds("logs", promise.received_unix_ns, promise.checksum):
                        _keep(db, name, promise)
                    else:
                        _drop(db, name, promise)
            _settle_lines(db, holds)
        finally:
            db.close()


def _settle_lines(db: sqlite3.Connection, holds: HoldsMessage) -> None:
    """Replace each promise of lines by where to go on in its file."""
    rows = db.execute(
        "SELECT name, part, received_unix_ns, checksum, after FROM promise"
        " WHERE part != '' AND received_unix_ns != 0 ORDER BY name, part"
    ).fetchall()
    for name, part, received_unix_ns, checksum, after in rows:
        place = json.loads(after)[holds("logs", received_unix_ns, checksum)]
        with db:
            db.execute(
                "UPDATE promise SET received_unix_ns = 0, after = ? WHERE name = ? AND part = ?",
                (place, name, part),
            )


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.executescript(_SCHEMA)
    return db


@contextmanager
def _unsynced(db: sqlite3.Connection) -> "Iterator[None]":
    db.execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        db.execute("PRAGMA synchronous=FULL")


@contextmanager
def _told(path: Path) -> "Iterator[None]":
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(
            f"{path}, which notes how far connectors have come, cannot be used: {error}"
        ) from error


def _keep(db: sqlite3.Connection, name: str, promise: Promise) -> None:
    stretch = Stretch(*json.loads(promise.after))
    _cover(db, name, stretch)
    db.execute("DELETE FROM promise WHERE name = ? AND part = ''", (name,))
    db.execute("UPDATE connector SET records = records + ? WHERE name = ?", (promise.records, name))


def _drop(db: sqlite3.Connection, name: str, promise: Promise) -> None:
    db.execute(
        "DELETE FROM seen WHERE name = ? AND request_unix_ns = ?", (name, promise.received_unix_ns)
    )
    db.execute("DELETE FROM promise WHERE name = ? AND part = ''", (name,))


def _covered(db: sqlite3.Connection, name: str) -> tuple[Stretch, ...]:
    row = db.execute("SELECT covered FROM connector WHERE name = ?", (name,)).fetchone()
    return () if row is None else tuple(Stretch(*each) for each in json.loads(row[0]))


def _cover(db: sqlite3.Connection, name: str, stretch: Stretch) -> None:
    if stretch.start_unix_ns >= stretch.end_unix_ns:
        return
    covered = joined((*_covered(db, name), stretch))
    (whole,) = (each for each in covered if each.start_unix_ns <= stretch.start_unix_ns < each[1])
    db.execute("UPDATE connector SET covered = ? WHERE name = ?", (json.dumps(covered), name))
    db.execute(
        "DELETE FROM seen WHERE name = ? AND at_unix_ns >= ? AND at_unix_ns < ?", (name, *whole)
    )
