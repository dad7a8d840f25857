"""
Parts of the embedded store that the disk has damaged: found, put aside, told, and filled again.

The engine looks at its files when it opens them and moves what it cannot read into `detached`, without
a word. A flipped bit within a file shows only when it is read; then every part is checked, and those
that fail are moved aside too. What the journal still holds of the tables at fault is loaded again.
"""

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tracepulse.errors import EngineError
from tracepulse.journal.journal import Journal
from tracepulse.journal.segment import Segment, contents
from tracepulse.receive.signals import Signal
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.load.tables import BESIDE, tables

__all__ = ["DamagedPart", "StoreCheck"]

_log = logging.getLogger("tracepulse")
_SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")

_DETACHED = """
SELECT table, name, partition_id, min_block_number AS first, max_block_number AS last,
    toString(modification_time) AS written
FROM system.detached_parts
WHERE database = currentDatabase() AND startsWith(reason, 'broken')
ORDER BY table, name
"""
_ACTIVE = """
SELECT table, partition_id, partition, min_block_number AS first, max_block_number AS last
FROM system.parts
WHERE database = currentDatabase() AND active
ORDER BY table, partition_id, first
"""
_COUNT = """
SELECT substringIndex(SegmentId, '.', 1) AS id, count() AS n
FROM @table
WHERE has({ids:Array(String)}, id)
GROUP BY id
"""
_NEWEST = """
SELECT table, name, partition, bytes_on_disk AS bytes, toString(modification_time) AS written
FROM system.parts
WHERE database = currentDatabase() AND active
ORDER BY modification_time DESC, table, name
"""
_AT_START_BYTES = 256 * 1024 * 1024
"""The newest parts are read through at each start: some tenths of a second of a disk's time."""
_BASE = tuple(table for signal in _SIGNALS for table in tables(signal))
_TABLES = frozenset((*_BASE, *(rollup for table in _BASE for rollup in BESIDE.get(table, ()))))


@dataclass(frozen=True, slots=True)
class DamagedPart:
    """A part of a table that cannot be read."""

    table: str
    name: str
    partition: str
    """Data set and day of receipt as the engine writes them; '' where nothing else is left of it."""
    written: str
    """When its files were last written, as text in UTC."""

    def __str__(self) -> str:
        of = f" of {self.partition}" if self.partition else ""
        return f"{self.table}{of} (part {self.name}, written {self.written})"


class StoreCheck:
    """Looks after the parts of an embedded store."""

    def __init__(self, engine: ChdbEngine, journal: Journal, aside: Path) -> None:
        """
        Prepare; nothing is looked at before `look`.

        Args:
            aside: folder for notes on parts that were moved aside because of what they hold.
        """
        self._engine = engine
        self._journal = journal
        self._aside = aside
        self.damaged: tuple[DamagedPart, ...] = ()
        """What cannot be read, as of the last look."""
        self._began = False
        self.loaded_again = 0
        """Segments that were handed to the loader once more since the start."""

    def look(self) -> None:
        """
        Find what is damaged; have what is new of it loaded again as far as the journal goes.

        Raises:
            EngineError: the engine cannot even be asked.
        """
        if self._engine.damage_seen.is_set():
            self._engine.damage_seen.clear()
            self._move_aside(at_most_bytes=2**62)
        elif not self._began:
            self._move_aside(at_most_bytes=_AT_START_BYTES)
        self._began = True
        found = (*self._detached(), *self._noted())
        new = set(found) - set(self.damaged)
        self.damaged = found
        for part in sorted(new, key=str):
            _log.error("damaged and put aside: %s", part)
        if new:
            self._load_again({part.table for part in new})

    def _detached(self) -> list[DamagedPart]:
        """Return what the engine moved aside by itself, but for parts whose rows are elsewhere."""
        active = self._engine.query(_ACTIVE).to_pylist()
        found = []
        for row in self._engine.query(_DETACHED).to_pylist():
            beside = [
                each
                for each in active
                if (each["table"], each["partition_id"]) == (row["table"], row["partition_id"])
            ]
            if _covered(row["first"], row["last"], [(e["first"], e["last"]) for e in beside]):
                continue  # the result of a merge that was not synced; its sources are still there
            partition = beside[0]["partition"] if beside else ""
            found.append(DamagedPart(row["table"], row["name"], partition, row["written"]))
        return found

    def _noted(self) -> list[DamagedPart]:
        found = []
        for path in sorted(self._aside.glob("*.part.json")):
            try:
                found.append(DamagedPart(**json.loads(path.read_bytes())))
            except (OSError, ValueError, TypeError):
                found.append(DamagedPart("unknown", path.name, "", ""))
        return found

    def _move_aside(self, at_most_bytes: int) -> None:
        """Read parts through, newest first, and detach those that are not what was written."""
        left = at_most_bytes
        for row in self._engine.query(_NEWEST).to_pylist():
            left -= row["bytes"]
            if left < 0:
                return
            if row["table"] in _TABLES and not self._engine.part_is_whole(
                row["table"], row["name"]
            ):
                self._detach(
                    DamagedPart(row["table"], row["name"], row["partition"], row["written"])
                )

    def _detach(self, part: DamagedPart) -> None:
        # The note first: a part that is gone and not told of would be a silent gap.
        self._aside.mkdir(parents=True, exist_ok=True)
        note = self._aside / f"{part.table}.{part.name}.part.json"
        with note.open("w") as file:
            json.dump(asdict(part), file)
            file.flush()
            os.fsync(file.fileno())
        try:
            self._engine.execute(f"ALTER TABLE {part.table} DETACH PART '{part.name}'")
        except EngineError as error:
            note.unlink()
            _log.error("%s cannot be put aside: %s", part, error)

    def _load_again(self, damaged: Iterable[str]) -> None:
        for signal in _SIGNALS:
            base = [table for table in tables(signal) if table in damaged]
            rollups = [r for table in tables(signal) for r in BESIDE.get(table, ()) if r in damaged]
            if not base and not rollups:
                continue
            kept = [s for s in self._journal.stored_segments() if s.signal == signal]
            for segment in kept if rollups else self._incomplete(signal, kept):
                self._journal.load_again(segment)
                self.loaded_again += 1

    def _incomplete(self, signal: Signal, kept: list[Segment]) -> list[Segment]:
        """Return the segments of which rows are missing; the loader counts again by itself."""
        found: dict[str, int] = {}
        ids = [segment.segment_id for segment in kept]
        for table in tables(signal):
            answer = self._engine.query(_COUNT.replace("@table", table), {"ids": ids})
            for row in answer.to_pylist():
                found[row["id"]] = found.get(row["id"], 0) + int(row["n"])
        return [
            segment for segment in kept if found.get(segment.segment_id, 0) != _records(segment)
        ]


def _records(segment: Segment) -> int:
    try:
        return contents(segment.path.read_bytes(), segment.signal).records
    except OSError:
        return 0  # dropped meanwhile


def _covered(first: int, last: int, others: list[tuple[int, int]]) -> bool:
    """Whether the blocks [first, last] are all in other parts of the same partition."""
    need = first
    for begin, end in sorted(others):
        if begin > need:
            break
        need = max(need, end + 1)
    return need > last
