"""
Segments into tables, exactly once.

A segment becomes a few inserts, and each insert one part of one table: it is there whole or not at
all. What may have been loaded before this process started is found by counting: the rows that carry
the unit's id, or the marker that a roll-up's part ends in. See `docs/explanation/durability.md`.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracepulse.accounting.terms import Outcome
from tracepulse.errors import (
    BadQuestion,
    EngineError,
    MalformedBody,
    Overloaded,
    Unavailable,
)
from tracepulse.journal.disk import sync_folder
from tracepulse.journal.framing import Frame, frames
from tracepulse.journal.journal import Journal
from tracepulse.journal.segment import REPEATED, Segment, contents
from tracepulse.receive.signals import Signal
from tracepulse.store.engine import Engine
from tracepulse.store.load.decoded import Decoded, Indices
from tracepulse.store.load.duplicates import Duplicates, Keys
from tracepulse.store.load.inserts import (
    Contents,
    Insert,
    UnitLoad,
    Vocabularies,
    read_segment,
)
from tracepulse.store.load.tables import BESIDE

__all__ = ["Loader", "LoaderStatus"]

_log = logging.getLogger("tracepulse")
_RETRY_S = 1.0
_REMEMBERED_BYTES = 64 * 1024 * 1024
"""Of stored segments, read at the start: about a third of a second."""
_MOST_SHARED_BYTES = 512 * 1024 * 1024
"""Attributes of scopes and resources stand once in a request and in every row of some tables: 50,000
log records of one scope would else make 12 GB of a request of 1 KiB. Past this a segment is halved."""
_FAULTS = (
    EngineError,
    MalformedBody,
    ArithmeticError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)
"""What some message may cause, in the engine or here: it is found by halving, and set aside."""
_MUTATIONS_S = 60.0
_UNFINISHED = """
SELECT mutation_id FROM system.mutations WHERE database = currentDatabase() AND NOT is_done
"""


@dataclass(frozen=True, slots=True)
class LoaderStatus:
    """What the loader has done since it started."""

    stored_records: int = 0
    deduplicated_records: int = 0
    """Records that had come before, and are in the tables once."""
    segments: int = 0
    repaired_segments: int = 0
    set_aside_messages: int = 0
    set_aside_records: int = 0
    last_error: str = ""


class Loader:
    """Takes sealed segments from the journal and puts them into the tables."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        aside: Path,
        on_loaded: Callable[[Signal], None] = lambda signal: None,
        duplicates: Duplicates | None = None,
        on_spans: Callable[[Decoded, str, Indices], None] = lambda decoded, data_set, chosen: None,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Prepare; nothing runs before `start`.

        Args:
            aside: folder for messages that the engine refuses.
            on_loaded: told after each segment that new rows can be queried.
            on_spans: given the spans that were stored, after each load: a segment, their data set,
                and which rows of it.
            prepare: called once, in the loader's thread, before anything is loaded.
        """
        self._engine = engine
        self._journal = journal
        self._aside = aside
        self._on_loaded = on_loaded
        self._duplicates = duplicates or Duplicates()
        self._on_spans = on_spans
        self._prepare = prepare
        self._vocabularies = Vocabularies()
        self._stop = threading.Event()
        self._status = LoaderStatus()
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
        self._prepare()
        self._await_mutations()
        self._remember_stored()
        while not self._stop.is_set():
            segment = self._journal.next_sealed(timeout_s=0.25)
            if segment is not None:
                self.load(segment)

    def _await_mutations(self) -> None:
        """Let deletions end that a crash interrupted: the engine goes on with them by itself."""
        deadline = time.monotonic() + _MUTATIONS_S
        while not self._stop.is_set() and time.monotonic() < deadline:
            try:
                left = self._engine.query(_UNFINISHED)
            except (BadQuestion, EngineError, Overloaded, Unavailable) as error:
                self._note(last_error=f"loading waits for the storage engine: {error}")
            else:
                if not left.num_rows:
                    return
            self._stop.wait(0.1)

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
                    self._journal.lost(each)
                    continue
                self._note(last_error=f"segment {each.segment_id} waits: {error}")
                todo.append(replace(each, suspect=True))  # part of it may have been written
                if self._stop.wait(_RETRY_S):
                    return
            # Any other fault is a bug of ours, which cannot be named before it is known. Ending the
            # thread would stop all storing; the segment stays in the journal, and doctor tells it.
            except Exception as error:
                _log.exception("segment %s could not be loaded and is tried again", each.segment_id)
                self._note(last_error=f"segment {each.segment_id} waits: {error!r}")
                todo.append(replace(each, suspect=True))
                if self._stop.wait(_RETRY_S):
                    return

    def _load_or_halve(self, segment: Segment) -> list[Segment]:
        """Load a segment; return halves of what the engine refused of it."""
        data = segment.path.read_bytes()
        found = list(frames(data))
        halves: list[Segment] = []
        aside: list[tuple[str, int]] = []
        try:
            read = read_segment(data, found, segment.signal)
        except _FAULTS as error:
            halves = self._halve(segment, data, found, str(error), aside)
            self._journal.discard(segment, Outcome(set_aside=tuple(aside)))
            return halves
        is_new = self._decide(segment, read)
        if segment.suspect:
            self._vocabularies.seen_shapes.forget()  # what of them was stored may be gone
        stored = repeated = 0
        not_stored: list[int] = []
        for load in read.loads(segment.segment_id, is_new, self._vocabularies):
            try:
                if load.shared_bytes > _MOST_SHARED_BYTES:
                    raise EngineError(
                        f"attributes of scopes and resources would take {load.shared_bytes:,} bytes"
                        f" in the rows; at most {_MOST_SHARED_BYTES:,}"
                    )
                self._put_all(load, segment.suspect)
                self._tell(read.decoded, load)
                stored += load.fresh
                repeated += load.records - load.fresh
            except EngineError as error:
                not_stored += load.requests.tolist()
                refused = [found[n] for n in load.requests.tolist()]
                halves += self._halve(segment, data, refused, str(error), aside)
        outcome = Outcome(stored, repeated, tuple(aside))
        if halves or not stored + repeated:
            self._journal.discard(segment, outcome)
        else:
            self._journal.stored(segment, outcome)
        # What is set aside may be tried again, and is no repetition then; nor are halves.
        self._duplicates.remember(read.keys_without(np.array(not_stored, np.int64)))
        if not segment.again:
            self._note(stored_records=stored, deduplicated_records=repeated, segments=1)
        if not halves:
            self._note(last_error="")
        self._on_loaded(segment.signal)
        return halves

    def _tell(self, decoded: Decoded, load: UnitLoad) -> None:
        if not len(load.spans):
            return
        try:
            self._on_spans(decoded, load.data_set, load.spans)
        except _FAULTS:  # what they are told of is stored, and can be read
            _log.exception("spans just stored could not be kept at hand")

    def _put_all(self, load: UnitLoad, suspect: bool) -> None:
        """
        Put a unit into its tables.

        Raises:
            EngineError: a table refused it, and nothing of it is there.
        """
        done: list[Insert] = []
        try:
            for insert in load.inserts:
                self._put(insert, suspect)
                done.append(insert)
        except _FAULTS as error:
            unit_id = done[0].unit_id if done else ""
            if done and done[0].table in BESIDE:
                # The rows are there and made no trouble; without them in a roll-up they can still
                # be found, so they stay.
                self._vocabularies.seen_shapes.forget()
                missing = [each for each in BESIDE[done[0].table] if each not in _names(done)]
                _log.exception("%s could not be added to %s", unit_id, missing)
                self._note(last_error=f"{unit_id} is missing in {missing}: {error}")
                return
            for each in done:
                self._delete(each)
            if isinstance(error, EngineError):
                raise
            raise EngineError(f"{type(error).__name__}: {error}") from error

    def _put(self, insert: Insert, suspect: bool) -> None:
        """Make a table hold an insert exactly once, whatever was written of it before."""
        if suspect:
            found = self._count(insert)
            if found == insert.expected:
                return
            self._note(repaired_segments=1)
            if found:
                self._delete(insert)
        written = self._engine.insert(insert.table, insert.columns, insert.build())
        if written != insert.rows:
            found = self._count(insert)
            if found != insert.expected:
                raise EngineError(
                    f"{insert.table}: {found} rows found after {insert.expected} were written"
                )

    def _count(self, insert: Insert) -> int:
        answer = self._engine.query(
            f"SELECT count() AS n FROM {insert.table} WHERE {insert.condition}",
            {"id": insert.unit_id},
        )
        return int(answer.column("n")[0].as_py())

    def _delete(self, insert: Insert) -> None:
        self._engine.execute(
            f"ALTER TABLE {insert.table} DELETE WHERE {insert.condition}"
            " SETTINGS mutations_sync = 2",
            {"id": insert.unit_id},
        )

    # -- what came before ------------------------------------------------------------------------

    def _remember_stored(self) -> None:
        """
        Take note of what the last process stored, newest first, as far as is quickly read.

        A sender whose answer was lost in a crash comes again some seconds later.
        """
        left = _REMEMBERED_BYTES
        newest: list[Keys] = []
        for segment in reversed(self._journal.stored_segments()):
            try:
                data = segment.path.read_bytes()
                left -= len(data)
                if left < 0:
                    break
                newest.append(read_segment(data, list(frames(data)), segment.signal).keys)
            except (OSError, MalformedBody) as error:
                _log.warning("segment %s is not looked at for repetitions: %s", segment.path, error)
        for keys in reversed(newest):
            self._duplicates.remember(keys)

    def _decide(self, segment: Segment, read: Contents) -> NDArray[np.bool_]:
        """
        Say what of a segment is new.

        Where something is not, the answer is kept on disk as long as the segment is: counting
        after a crash or a damage needs to know what was meant to be there, and memory is gone by then.
        """
        decision = segment.path.with_suffix(REPEATED)
        if segment.suspect and decision.exists():
            bits = np.fromfile(decision, np.uint8)
            if len(bits) == (len(read.keys.keys) + 7) // 8:
                return np.unpackbits(bits, count=len(read.keys.keys)).astype(np.bool_)
        if segment.again:  # and without a decision beside it, so nothing had come before
            return np.ones(len(read.keys.keys), np.bool_)
        is_new = self._duplicates.new_ones(read.keys)
        if not is_new.all():
            _write_durably(decision, np.packbits(is_new).tobytes())
        return is_new

    # -- what the engine refuses ---------------------------------------------------------------

    def _halve(
        self,
        segment: Segment,
        data: bytes,
        refused: list[Frame],
        reason: str,
        aside: list[tuple[str, int]],
    ) -> list[Segment]:
        """
        Return the halves of what was refused; a message that stands alone is set aside.

        Args:
            aside: id and records of what is set aside are added to it.
        """
        self._note(last_error=f"segment {segment.segment_id}: {reason}")
        if len(refused) <= 1:
            aside += [self._set_aside(segment, data, each, reason) for each in refused]
            return []
        middle = len(refused) // 2
        halves = []
        # Several units of one segment may be refused, and each has halves.
        number = refused[0].start
        for part, piece in ((f"{number}a", refused[:middle]), (f"{number}b", refused[middle:])):
            raw = b"".join(_raw(data, each) for each in piece)
            records = contents(raw, segment.signal).records
            half = self._journal.split(segment, part, raw, records)
            halves.append(replace(half, suspect=segment.suspect))
        return halves

    def _set_aside(
        self, segment: Segment, data: bytes, refused: Frame, reason: str
    ) -> tuple[str, int]:
        """Keep a message with the reason; return its id and how many records it holds."""
        self._aside.mkdir(parents=True, exist_ok=True)
        message_id = f"{segment.segment_id}-m{refused.start}"
        stem = self._aside / f"{message_id}.{segment.signal}"
        message = _raw(data, refused)
        _write_durably(stem.with_name(stem.name + ".message"), message)
        records = contents(message, segment.signal).records
        note = {"signal": segment.signal, "records": records, "reason": reason}
        text = json.dumps(note, sort_keys=True) + "\n"
        _write_durably(stem.with_name(stem.name + ".json"), text.encode())
        sync_folder(self._aside)
        self._note(set_aside_messages=1, set_aside_records=records)
        return message_id, records

    def _note(self, last_error: str | None = None, **added: int) -> None:
        before = self._status
        after = {name: getattr(before, name) + more for name, more in added.items()}
        if last_error is not None:
            self._status = replace(before, **after, last_error=last_error)
        else:
            self._status = replace(before, **after)


def _names(inserts: list[Insert]) -> list[str]:
    return [each.table for each in inserts]


def _raw(data: bytes, frame: Frame) -> bytes:
    return data[frame.start : frame.end]


def _write_durably(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
