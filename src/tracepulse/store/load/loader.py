"""
Segments into tables, exactly once.

In the ordinary course each segment is one block per table under one token. What went wrong, or may
have gone wrong before this process started, is settled by counting: the rows that carry the
segment's id against what the segment holds. Too few or too many are deleted and loaded again under a
new token, and the roll-ups of the time they touch are worked out anew.
"""

import json
import logging
import os
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tracepulse.errors import BadQuestion, EngineError, Overloaded, Unavailable
from tracepulse.journal.framing import Frame, frames
from tracepulse.journal.journal import Journal
from tracepulse.journal.segment import Contents, Segment, contents
from tracepulse.receive.signals import Signal
from tracepulse.store.engine import Engine, Parameter
from tracepulse.store.load.statements import tables
from tracepulse.store.migrate import BIN_EXPRESSION, ROLLUPS, rollup_select

__all__ = ["Loader", "LoaderStatus"]

_log = logging.getLogger("tracepulse")
_BIN_COLUMN = {"span_bins": "Bin", "span_minutes": "Minute", "log_bins": "Bin"}
_BINS_AT_ONCE = 5_000
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class LoaderStatus:
    """What the loader has done since it started."""

    stored_records: int
    segments: int
    repaired_segments: int
    set_aside_messages: int
    set_aside_records: int
    last_error: str


class Loader:
    """Takes sealed segments from the journal and puts them into the tables."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        aside: Path,
        on_loaded: Callable[[Signal], None] = lambda signal: None,
    ) -> None:
        """
        Prepare; nothing runs before `start`.

        Args:
            aside: folder for messages that the engine refuses.
            on_loaded: told after each segment that new rows can be queried.
        """
        self._engine = engine
        self._journal = journal
        self._aside = aside
        self._on_loaded = on_loaded
        self._stop = threading.Event()
        self._status = LoaderStatus(0, 0, 0, 0, 0, "")
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the segment in hand and stop; what is left stays in the journal."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def status(self) -> LoaderStatus:
        """Return what was done since the start."""
        return self._status

    def _run(self) -> None:
        while not self._stop.is_set():
            segment = self._journal.next_sealed(timeout_s=0.25)
            if segment is not None:
                self.load(segment)

    def load(self, segment: Segment) -> None:
        """
        Put one segment into the tables, or as much of it as the engine takes.

        Waits where the engine has no room or cannot be reached; when stopped meanwhile, what is left
        stays in the journal for the next start.
        """
        todo = [segment]
        while todo:
            each = todo.pop()
            try:
                todo += reversed(self._load_or_halve(each))
            except (Overloaded, Unavailable, BadQuestion, OSError) as error:
                if isinstance(error, FileNotFoundError) and not each.path.exists():
                    self._note(last_error=f"segment {each.segment_id} is gone: {error}")
                    _log.error("segment %s was removed before it was stored", each.path)
                    self._journal.discard(each)
                    continue
                self._note(last_error=f"segment {each.segment_id} waits: {error}")
                todo.append(replace(each, suspect=True))  # part of it may have been written
                if self._stop.wait(_RETRY_S):
                    return

    def _load_or_halve(self, segment: Segment) -> list[Segment]:
        """Load a segment; one that is refused is set aside, or returned as its two halves."""
        data = segment.path.read_bytes()
        held = contents(data, segment.signal)
        try:
            self._load_all_tables(segment, held)
        except EngineError as error:
            self._note(last_error=f"segment {segment.segment_id}: {error}")
            self._undo(segment)
            return self._bisect(segment, data, str(error))
        self._journal.stored(segment)
        self._note(stored=held.records, segments=1, last_error="")
        self._on_loaded(segment.signal)
        return []

    def _load_all_tables(self, segment: Segment, held: Contents) -> None:
        for table, expected in _expected(segment.signal, held).items():
            if segment.suspect:
                self._settle(table, segment, expected)
            elif expected:
                self._engine.load(table, segment.path, segment.segment_id, segment.segment_id)
                found = self._count(table, segment)
                if found != expected:
                    # An undone insert may still be known by its token: from here on each has its own.
                    self._settle(table, segment, expected)

    def _settle(self, table: str, segment: Segment, expected: int) -> None:
        """
        Make a table hold a segment exactly once, whatever was written of it before.

        The roll-ups are rebuilt even where every row is there: an earlier process may have ended
        between the rows and their roll-up, or within an earlier repair.
        """
        found = self._count(table, segment)
        if found != expected:
            self._note(repaired=1)
            self._delete(table, segment)
            if expected:
                token = f"{segment.segment_id}-{uuid.uuid4().hex}"
                self._engine.load(table, segment.path, segment.segment_id, token)
                written = self._count(table, segment)
                if written != expected:
                    raise EngineError(
                        f"{table}: {written} rows written where the segment holds {expected}"
                        f" (there were {found} before)"
                    )
        for rollup in ROLLUPS.get(table, ()):
            self._rebuild(rollup, self._touched_bins(table, rollup, segment))

    def _count(self, table: str, segment: Segment) -> int:
        answer = self._engine.query(
            f"SELECT count() AS n FROM {table} WHERE SegmentId = {{id:String}}",
            {"id": segment.segment_id},
        )
        return int(answer.column("n")[0].as_py())

    def _delete(self, table: str, segment: Segment) -> None:
        """Delete a segment's rows from a table and take them out of its roll-ups."""
        touched = {
            rollup: self._touched_bins(table, rollup, segment) for rollup in ROLLUPS.get(table, ())
        }
        self._engine.execute(
            f"ALTER TABLE {table} DELETE WHERE SegmentId = {{id:String}}"
            " SETTINGS mutations_sync = 2",
            {"id": segment.segment_id},
        )
        for rollup, bins in touched.items():
            self._rebuild(rollup, bins)

    def _touched_bins(self, table: str, rollup: str, segment: Segment) -> list[int]:
        answer = self._engine.query(
            f"SELECT DISTINCT toUnixTimestamp({BIN_EXPRESSION[rollup]}) AS bin FROM {table}"
            " WHERE SegmentId = {id:String} ORDER BY bin",
            {"id": segment.segment_id},
        )
        return [int(value) for value in answer.column("bin").to_pylist()]

    def _rebuild(self, rollup: str, bins: list[int]) -> None:
        """Work out some bins of a roll-up anew from the rows of its table."""
        column = _BIN_COLUMN[rollup]
        # A statement has a bounded length, and far-off times can make many bins.
        for some in (bins[i : i + _BINS_AT_ONCE] for i in range(0, len(bins), _BINS_AT_ONCE)):
            parameters: dict[str, Parameter] = {"bins": some}
            self._engine.execute(
                f"ALTER TABLE {rollup} DELETE"
                f" WHERE has({{bins:Array(UInt32)}}, toUnixTimestamp({column}))"
                " SETTINGS mutations_sync = 2",
                parameters,
            )
            # A token of its own, or a rebuild that comes to the same rows as an earlier one is
            # taken for a repetition of it, and nothing is written.
            self._engine.execute(
                f"INSERT INTO {rollup} SELECT * FROM ({rollup_select(rollup, some)})"
                f" WHERE has({{bins:Array(UInt32)}}, toUnixTimestamp({column}))"
                f" SETTINGS insert_deduplication_token = '{uuid.uuid4().hex}',"
                " max_partitions_per_insert_block = 0",
                parameters,
            )

    def _undo(self, segment: Segment) -> None:
        for table in tables(segment.signal):
            if self._count(table, segment):
                self._note(repaired=1)
                self._delete(table, segment)

    # -- what the engine refuses ---------------------------------------------------------------

    def _bisect(self, segment: Segment, data: bytes, reason: str) -> list[Segment]:
        """Halve a refused segment until the message at fault stands alone, and set it aside."""
        found = list(frames(data))
        if len(found) <= 1:
            self._set_aside(segment, data, reason)
            self._journal.discard(segment)
            return []
        middle = len(found) // 2
        halves = []
        for part, piece in (("a", found[:middle]), ("b", found[middle:])):
            raw = _joined(data, piece)
            records = contents(raw, segment.signal).records
            half = self._journal.split(segment, part, raw, records)
            halves.append(replace(half, suspect=segment.suspect))
        self._journal.discard(segment)
        return halves

    def _set_aside(self, segment: Segment, data: bytes, reason: str) -> None:
        self._aside.mkdir(parents=True, exist_ok=True)
        stem = self._aside / f"{segment.segment_id}.{segment.signal}"
        _write_durably(stem.with_name(stem.name + ".message"), data)
        records = contents(data, segment.signal).records
        note = {"signal": segment.signal, "records": records, "reason": reason}
        text = json.dumps(note, sort_keys=True) + "\n"
        _write_durably(stem.with_name(stem.name + ".json"), text.encode())
        self._note(aside=1, aside_records=records)

    def _note(
        self,
        stored: int = 0,
        segments: int = 0,
        repaired: int = 0,
        aside: int = 0,
        aside_records: int = 0,
        last_error: str | None = None,
    ) -> None:
        before = self._status
        self._status = LoaderStatus(
            before.stored_records + stored,
            before.segments + segments,
            before.repaired_segments + repaired,
            before.set_aside_messages + aside,
            before.set_aside_records + aside_records,
            before.last_error if last_error is None else last_error,
        )


def _expected(signal: Signal, held: Contents) -> dict[str, int]:
    """Rows that a segment must have in each table."""
    names = tables(signal)
    if signal == "metrics":
        return dict(zip(names, held.points, strict=True))
    return {names[0]: held.records}


def _joined(data: bytes, piece: list[Frame]) -> bytes:
    return data[piece[0].start : piece[-1].end]


def _write_durably(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
