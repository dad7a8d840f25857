"""
Segments into tables, exactly once.

In the ordinary course each segment is one block per table under one token. What went wrong, or may
have gone wrong before this process started, is settled by counting: the rows that carry the
segment's id against what the segment holds. Too few or too many are deleted, together with the
roll-ups of the time they touch, and loaded again under a new token.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracepulse.errors import EngineError
from tracepulse.journal.framing import Frame, frames
from tracepulse.journal.journal import Journal
from tracepulse.journal.segment import Contents, Segment, contents
from tracepulse.receive.signals import Signal
from tracepulse.store.engine import Engine
from tracepulse.store.load.statements import tables
from tracepulse.store.migrate import ROLLUPS, rollup_select

__all__ = ["Loader", "LoaderStatus"]

_BIN_COLUMN = {"span_bins": "Bin", "span_minutes": "Minute", "log_bins": "Bin"}
_BIN_EXPRESSION = {
    "span_bins": "toStartOfInterval(toDateTime(Timestamp), INTERVAL 5 SECOND)",
    "span_minutes": "toStartOfMinute(toDateTime(Timestamp))",
    "log_bins": "toStartOfInterval(TimestampTime, INTERVAL 5 SECOND)",
}


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
        """Put one segment into the tables, or as much of it as the engine takes."""
        data = segment.path.read_bytes()
        held = contents(data, segment.signal)
        try:
            self._load_all_tables(segment, held)
        except EngineError as error:
            self._note(last_error=f"segment {segment.segment_id}: {error}")
            self._undo(segment)
            self._bisect(segment, data, str(error))
            return
        self._journal.stored(segment)
        self._note(stored=held.records, segments=1)
        self._on_loaded(segment.signal)

    def _load_all_tables(self, segment: Segment, held: Contents) -> None:
        for table, expected in _expected(segment.signal, held).items():
            if segment.suspect:
                found = self._count(table, segment)
                if found == expected:
                    continue
                if found:
                    self._repair(table, segment)
            elif expected == 0:
                continue
            if expected:
                self._engine.load(table, segment.path, segment.segment_id, segment.segment_id)
                found = self._count(table, segment)
                if found != expected:
                    self._reload(table, segment, expected, found)

    def _reload(self, table: str, segment: Segment, expected: int, found: int) -> None:
        """A load that left the wrong number of rows is taken back and done once more."""
        self._repair(table, segment)
        token = f"{segment.segment_id}-again"
        self._engine.load(table, segment.path, segment.segment_id, token)
        again = self._count(table, segment)
        if again != expected:
            raise EngineError(
                f"{table}: {again} rows written where the segment holds {expected}"
                f" (the first try wrote {found})"
            )

    def _count(self, table: str, segment: Segment) -> int:
        answer = self._engine.query(
            f"SELECT count() AS n FROM {table} WHERE SegmentId = {{id:String}}",
            {"id": segment.segment_id},
        )
        return int(answer.column("n")[0].as_py())

    def _repair(self, table: str, segment: Segment) -> None:
        """Delete a segment's rows from a table and rebuild the roll-ups of the time they touch."""
        self._note(repaired=1)
        touched = {
            rollup: self._touched_bins(table, rollup, segment) for rollup in ROLLUPS.get(table, ())
        }
        where = {"id": segment.segment_id}
        self._engine.execute(
            f"ALTER TABLE {table} DELETE WHERE SegmentId = {{id:String}}"
            " SETTINGS mutations_sync = 2",
            where,
        )
        for rollup, bins in touched.items():
            self._rebuild(rollup, bins)

    def _touched_bins(self, table: str, rollup: str, segment: Segment) -> list[int]:
        answer = self._engine.query(
            f"SELECT DISTINCT toUnixTimestamp({_BIN_EXPRESSION[rollup]}) AS bin FROM {table}"
            " WHERE SegmentId = {id:String} ORDER BY bin",
            {"id": segment.segment_id},
        )
        return [int(value) for value in answer.column("bin").to_pylist()]

    def _rebuild(self, rollup: str, bins: list[int]) -> None:
        if not bins:
            return
        column = _BIN_COLUMN[rollup]
        parameters: dict[str, list[int]] = {"bins": bins}
        self._engine.execute(
            f"ALTER TABLE {rollup} DELETE"
            f" WHERE has({{bins:Array(UInt32)}}, toUnixTimestamp({column}))"
            " SETTINGS mutations_sync = 2",
            parameters,
        )
        self._engine.execute(
            f"INSERT INTO {rollup} SELECT * FROM ({rollup_select(rollup)})"
            f" WHERE has({{bins:Array(UInt32)}}, toUnixTimestamp({column}))",
            parameters,
        )

    def _undo(self, segment: Segment) -> None:
        for table in tables(segment.signal):
            if self._count(table, segment):
                self._repair(table, segment)

    # -- what the engine refuses ---------------------------------------------------------------

    def _bisect(self, segment: Segment, data: bytes, reason: str) -> None:
        """Halve a refused segment until the message at fault stands alone, and set it aside."""
        found = list(frames(data))
        if len(found) <= 1:
            self._set_aside(segment, data, reason)
            self._journal.discard(segment)
            return
        middle = len(found) // 2
        halves = []
        for part, piece in (("a", found[:middle]), ("b", found[middle:])):
            raw = _joined(data, piece)
            records = contents(raw, segment.signal).records
            halves.append(self._journal.split(segment, part, raw, records))
        self._journal.discard(segment)
        for half in halves:
            self.load(half)

    def _set_aside(self, segment: Segment, data: bytes, reason: str) -> None:
        self._aside.mkdir(parents=True, exist_ok=True)
        stem = self._aside / f"{segment.segment_id}.{segment.signal}"
        stem.with_name(stem.name + ".message").write_bytes(data)
        records = contents(data, segment.signal).records
        note = {"signal": segment.signal, "records": records, "reason": reason}
        stem.with_name(stem.name + ".json").write_text(json.dumps(note, sort_keys=True) + "\n")
        self._note(aside=1, aside_records=records)

    def _note(
        self,
        stored: int = 0,
        segments: int = 0,
        repaired: int = 0,
        aside: int = 0,
        aside_records: int = 0,
        last_error: str = "",
    ) -> None:
        before = self._status
        self._status = LoaderStatus(
            before.stored_records + stored,
            before.segments + segments,
            before.repaired_segments + repaired,
            before.set_aside_messages + aside,
            before.set_aside_records + aside_records,
            last_error or before.last_error,
        )


def _expected(signal: Signal, held: Contents) -> dict[str, int]:
    """Rows that a segment must have in each table."""
    names = tables(signal)
    if signal == "metrics":
        return dict(zip(names, held.points, strict=True))
    return {names[0]: held.records}


def _joined(data: bytes, piece: list[Frame]) -> bytes:
    return data[piece[0].start : piece[-1].end]
