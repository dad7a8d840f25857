"""Segments that are in the store and are kept for a while all the same, as an insurance."""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tracepulse.journal.segment import REPEATED, STORED, Segment, parse_name

__all__ = ["StoredSegments"]


@dataclass(frozen=True, slots=True)
class _Kept:
    path: Path
    size_bytes: int
    since_unix_s: float


class StoredSegments:
    """The kept segments, oldest first."""

    def __init__(self, found: Iterable[Path]) -> None:
        """Begin with what an earlier process left."""
        kept = []
        for path in found:
            stat = path.stat()
            kept.append(_Kept(path, stat.st_size, stat.st_mtime))
        self._kept = deque(sorted(kept, key=lambda each: (each.since_unix_s, each.path)))
        self._lock = threading.Lock()
        self.total_bytes = sum(each.size_bytes for each in self._kept)
        """On disk now."""

    def take(self, path: Path) -> None:
        """Keep a segment that has just been stored."""
        target = path.with_suffix(STORED)
        os.rename(path, target)
        os.utime(target)
        kept = _Kept(target, target.stat().st_size, time.time())
        with self._lock:
            self._kept.append(kept)
            self.total_bytes += kept.size_bytes

    def segments(self) -> list[Segment]:
        """Return what is kept."""
        with self._lock:
            paths = [each.path for each in self._kept]
        return [replace(found, path=p) for p in paths if (found := parse_name(p)) is not None]

    def take_out(self, path: Path) -> None:
        """Let a segment be loaded again; it is not dropped before it is taken back."""
        with self._lock:
            (found,) = (each for each in self._kept if each.path == path)
            self._kept.remove(found)
            self.total_bytes -= found.size_bytes

    def drop(self, before_unix_s: float, max_bytes: int) -> int:
        """Remove what was stored before an instant, and the oldest of too much; return how many."""
        dropped = 0
        while self._kept and (
            self._kept[0].since_unix_s < before_unix_s or self.total_bytes > max_bytes
        ):
            dropped += self.drop_oldest()
        return dropped

    def drop_oldest(self) -> int:
        """Remove the oldest; return how many that were, 0 where nothing is kept."""
        with self._lock:
            if not self._kept:
                return 0
            oldest = self._kept.popleft()
            self.total_bytes -= oldest.size_bytes
        oldest.path.unlink(missing_ok=True)
        oldest.path.with_suffix(REPEATED).unlink(missing_ok=True)
        return 1
