"""
Taking stock of the segments that an earlier process left.

What is damaged is cut out and kept beside, so that what follows it is loaded all the same. What was
acknowledged and cannot be read any more is a `Damage`, written down beside what is left of it, and
reported for as long as that note lies there.
"""

import contextlib
import json
import logging
import os
import re
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tracepulse.accounting.terms import Arrival
from tracepulse.errors import MalformedBody
from tracepulse.journal.disk import sync_folder, write_durably
from tracepulse.journal.framing import Frame, received_unix_ns, salvage
from tracepulse.journal.segment import SEALED, STORED, Segment, contents, parse_name

__all__ = ["ASIDE", "CLEAN_MARK", "Damage", "Found", "Tally", "damages", "mend", "recover"]

_log = logging.getLogger("tracepulse")
ASIDE = "aside"
CLEAN_MARK = "closed-cleanly"
UNFINISHED = ".unfinished"
_TALLY = struct.Struct("<QII")
_PART = re.compile(r"\d*[ab]")


@dataclass(frozen=True, slots=True)
class Damage:
    """Acknowledged messages of a segment that cannot be read any more."""

    segment_id: str
    signal: str
    start: int
    """First byte of the stretch within the segment, as it was written."""
    end: int
    records: int
    """How many spans, log records or points were in it; 0 where that is not known."""
    after_unix_ns: int
    """Receipt of the last message before it, Unix ns; 0 where there is none."""
    before_unix_ns: int
    """Receipt of the first message behind it; where there is none, when the file was written."""

    def __str__(self) -> str:
        return (
            f"{self.records or 'some'} records of {self.signal} in bytes {self.start} to {self.end}"
            f" of segment {self.segment_id}"
        )


@dataclass(frozen=True, slots=True)
class Noted:
    """How much of a segment is durable, and what it brought."""

    durable_bytes: int
    arrivals: tuple[Arrival, ...]
    """Everything that was acknowledged."""
    lost: int = 0
    """Records of those that cannot be read any more."""

    @property
    def records(self) -> int:
        """How many can be loaded."""
        return sum(each.records for each in self.arrivals) - self.lost


class Tally:
    """
    How much of a segment was made durable, in a small file beside it.

    The file is overwritten after each fsync of the segment and is not synced itself: it never claims
    too much, and what it misses after a power cut is only the last.
    """

    def __init__(self, segment: Path) -> None:
        """Take the tally of a segment, whatever the ending of its name is."""
        self._path = segment.with_suffix(".tally")
        self._descriptor = -1
        self._brought: dict[str, tuple[int, Counter[str], Counter[str]]] = {}
        """By origin: records, and those rejected and mended by reason."""

    def add(self, durable_bytes: int, arrivals: Iterable[Arrival], lost: int = 0) -> None:
        """Note what is durable now; a disk that refuses it does not matter here."""
        for each in arrivals:
            records, rejected, mended = self._brought.get(each.origin, (0, Counter(), Counter()))
            rejected.update(dict(each.rejected))
            mended.update(dict(each.mended))
            self._brought[each.origin] = records + each.records, rejected, mended
        text = json.dumps({"brought": self._brought, "lost": lost}).encode()
        data = _TALLY.pack(durable_bytes, len(text), zlib.crc32(text)) + text
        with contextlib.suppress(OSError):
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.pwrite(self._descriptor, data, 0)

    def read(self) -> Noted | None:
        """Return what was noted, or None where nobody noted anything."""
        try:
            data = self._path.read_bytes()
            durable_bytes, size, checksum = _TALLY.unpack_from(data)
            text = data[_TALLY.size : _TALLY.size + size]
            if not durable_bytes or zlib.crc32(text) != checksum:
                return None
            noted = json.loads(text)
        except (OSError, struct.error, ValueError):
            return None
        arrivals = tuple(
            Arrival(origin, records, _sorted(rejected), _sorted(mended))
            for origin, (records, rejected, mended) in sorted(noted["brought"].items())
        )
        return Noted(durable_bytes, arrivals, noted["lost"])

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Forget it."""
        self.close()
        self._path.unlink(missing_ok=True)


@dataclass(slots=True)
class Found:
    """What lies in a journal's folder."""

    sealed: list[tuple[Segment, Noted]] = field(default_factory=list)
    """Segments to be loaded, oldest first, each with what it holds."""
    stored: list[Path] = field(default_factory=list)

    def segments(self) -> list[Segment]:
        """Return the segments to be loaded."""
        return [segment for segment, _ in self.sealed]


def recover(folder: Path, sync: Callable[[int], None]) -> Found:
    """Seal what was left open, mend what is damaged, and return what waits to be loaded."""
    mark = folder / CLEAN_MARK
    clean = mark.exists()
    mark.unlink(missing_ok=True)
    for path in folder.glob(f"*{UNFINISHED}"):
        path.unlink()
    left = [(s, p) for p in sorted(folder.iterdir()) if (s := parse_name(p)) is not None]
    waiting = {segment.segment_id for segment, path in left if path.suffix != STORED}
    found = Found()
    for segment, path in left:
        if path.suffix == STORED:
            found.stored.append(path)
            continue
        whole, _, part = segment.segment_id.rpartition("-")
        if _PART.fullmatch(part) and whole in waiting:
            path.unlink()  # a half of a segment that is still whole: its splitting did not end
            continue
        held = _held(segment, path, sync)
        if not held.arrivals:
            path.unlink()
            Tally(path).remove()
            continue
        sealed = path.with_suffix(SEALED)
        os.rename(path, sealed)
        found.sealed.append((replace(segment, path=sealed, suspect=not clean), held))
    sync_folder(folder)
    return found


def _held(segment: Segment, path: Path, sync: Callable[[int], None]) -> Noted:
    """
    Return what a segment holds.

    One that is as long as its tally says is not read here, so that a start takes no longer after a
    long backlog; the journal reads it through before the store gets it.
    """
    noted = Tally(path).read()
    if noted is not None and noted.durable_bytes == path.stat().st_size:
        return noted
    data = mend(segment, path, sync)
    tally = Tally(path)
    noted = tally.read()
    if noted is None or noted.durable_bytes != len(data):
        noted = Noted(len(data), contents(data, segment.signal).arrivals)
        tally.add(noted.durable_bytes, noted.arrivals)
        tally.close()
    return noted


def mend(segment: Segment, path: Path, sync: Callable[[int], None]) -> bytes:
    """Return a segment without what is damaged of it, which is kept beside and reported."""
    data = path.read_bytes()
    whole, damaged = salvage(data)
    tally = Tally(path)
    noted = tally.read()
    if noted and len(data) < noted.durable_bytes:
        # A message that was cut in two is one loss with what followed it.
        torn = bool(damaged) and damaged[-1][1] == len(data)
        start = damaged.pop()[0] if torn else len(data)
        damaged.append((start, noted.durable_bytes))
    if not damaged:
        return data
    mended = b"".join(data[each.start : each.end] for each in whole)
    held = contents(mended, segment.signal)
    # Behind what was acknowledged lies what a process was writing when it ended.
    acknowledged = noted.durable_bytes if noted else _end_of_whole(damaged, len(data))
    lost = [(start, end) for start, end in damaged if start < acknowledged]
    missing = max(0, noted.records - held.records) if noted and len(lost) == 1 else 0
    written_unix_ns = path.stat().st_mtime_ns
    aside = path.parent / ASIDE
    aside.mkdir(exist_ok=True)
    for start, end in damaged:
        stem = f"{segment.segment_id}.{segment.signal}-{start}"
        ending = "damaged" if start < acknowledged else "tail"
        if data[start:end]:
            write_durably(aside / f"{stem}.{ending}", data[start:end], sync)
        _log.warning("segment %s: bytes %d to %d cannot be read", path.name, start, end)
        if start < acknowledged:
            before, behind = _around(whole, start)
            place = (segment.segment_id, segment.signal, start, end)
            damage = Damage(*place, missing, before, behind or written_unix_ns)
            write_durably(aside / f"{stem}.json", json.dumps(asdict(damage)).encode(), sync)
            _log.error("lost: %s; what is left is kept in %s", damage, aside)
    sync_folder(aside)
    temporary = path.with_suffix(".mended")
    write_durably(temporary, mended, sync)
    os.replace(temporary, path)
    whole_before = noted is not None and noted.records > held.records
    brought = noted.arrivals if noted is not None and whole_before else held.arrivals
    tally.add(len(mended), brought, sum(each.records for each in brought) - held.records)
    tally.close()
    return mended


def _sorted(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items()))


def _end_of_whole(damaged: list[tuple[int, int]], size: int) -> int:
    """Without a tally, damage at the very end counts as a write that did not end."""
    return damaged[-1][0] if damaged[-1][1] == size else size


def damages(folder: Path) -> Iterator[Damage]:
    """Yield every damage that is written down in a journal's folder, by segment and place."""
    for path in sorted((folder / ASIDE).glob("*.json")):
        try:
            yield Damage(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            _log.error("%s cannot be read: %s", path, error)
            yield Damage(path.stem, "unknown", 0, 0, 0, 0, path.stat().st_mtime_ns)


def _around(whole: list[Frame], start: int) -> tuple[int, int]:
    """Return the receipt of the messages before and behind a place; 0 where there is none."""
    before = [each for each in whole if each.end <= start]
    behind = [each for each in whole if each.start >= start]
    return (
        _receipt(before[-1]) if before else 0,
        _receipt(behind[0]) if behind else 0,
    )


def _receipt(frame: Frame) -> int:
    try:
        return received_unix_ns(frame.message)
    except MalformedBody:
        return 0
