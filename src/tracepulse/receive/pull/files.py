"""
Log files, followed as they grow.

A file's place is remembered once its lines are durable. Where `promises` are kept, what is about to be
appended is noted before with the place behind it, so that a crash reads no line again (`progress.py`);
without them it reads the last ones twice. A file is followed by what it is, not by its name: when it is renamed or removed, it is read
on beside its successor, because writers go on with it for a while after a rotation. A copy that a
rotation makes before it cuts the file off is read from where the file was read to.
"""

import glob
import json
import logging
import math
import os
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.clock import Clock
from tracepulse.errors import Overloaded, Unavailable
from tracepulse.receive.admission import Admitted, Receipt, admit
from tracepulse.receive.limits import ANY_TIME, SERVER_LIMITS, live_window
from tracepulse.receive.pull.files_state import FilesState
from tracepulse.receive.pull.followed_file import FollowedFile
from tracepulse.receive.pull.interface import DurableAppend
from tracepulse.receive.pull.packed_files import is_packed_name
from tracepulse.receive.pull.places import Identity, Place, Places, packed_mark, where_it_is_now
from tracepulse.receive.pull.progress import FilePromise, Pulled

__all__ = ["FollowedFiles"]

_log = logging.getLogger("tracepulse")
_LOOK_S = 0.25
_FIND_S = 2.0
_FLUSH_S = 0.5
_QUIET_S = 0.5
"""A last line waits this long for lines that continue it."""
_AWAY_S = 60.0
"""A file that was rotated away is read on until it has not grown for so long. Fluent Bit waits 5 s
after the rotation; servers with slow requests or many processes go on for longer than that."""
_MAX_OPEN = 256
"""Past it the file that has been quiet for longest is closed, and opened again when it grows."""
_ROUND_BYTES = 8 * 1024 * 1024
"""Read of one file before the others have their turn."""
_RETRY_S = 1.0
_SPOILT_S = 600.0
"""After so long a packed file that cannot be read is tried again, though it has not changed."""


class _NoRoom(Exception):
    """The journal takes nothing, and we are to stop."""


class FollowedFiles:
    """Follows the files that match some patterns; a file's stem is its service."""

    def __init__(
        self,
        patterns: tuple[str, ...],
        places: Path,
        journal: DurableAppend,
        clock: Clock,
        monotonic_s: Callable[[], float] = time.monotonic,
        max_open: int = _MAX_OPEN,
        retention_days: int | None = None,
        promises: Pulled | None = None,
    ) -> None:
        """
        Prepare; nothing is read before `start`.

        Args:
            patterns: as for a shell, `**` included.
            places: file in which the places are remembered.
            max_open: files that are open at a time.
            retention_days: lines that are older are moved to where it begins, and keep their time
                as an attribute; None takes any time.
            promises: settled with the journal; None reads the last lines again after a crash.
        """
        self._promises = promises
        self._promised = False
        """Whether a promise is noted that the remembered places have made needless."""
        self._unmatched: tuple[str, ...] = ()
        self._last_receipt_unix_ns = 0
        self._patterns = patterns
        self._journal = journal
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._max_open = max_open
        self._retention_days = retention_days
        self._open: dict[Identity, FollowedFile] = {}
        self._places = Places(places)
        self._take_settled()
        self._closed: dict[Identity, tuple[int, int]] = {}
        """Size and time of change of files that were read to their end and closed."""
        self._left: set[Identity] = set()
        """Rotated away, read to their end, and not looked for any more."""
        self._unreadable: dict[str, str] = {}
        """Path and reason."""
        self.state = FilesState()
        """How it was when files were looked for last; replaced whole, so that any thread may read it."""
        self.records = 0
        """Taken since the start."""
        self._packed_seen: dict[Identity, tuple[int, int]] = {}
        """Size and time of change of packed files when they were last looked for."""
        self._spoilt: dict[Identity, tuple[tuple[int, int], float]] = {}
        """Packed files that could not be read: as they were then, and when to try again."""
        self._find_at = -math.inf
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read what is there, and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> bool:
        """
        Read what is there now, once; `start` has a thread do so again and again.

        Returns:
            Whether there is more to read at once.
        """
        now_s = self._monotonic_s()
        if now_s >= self._find_at or self._stop.is_set():
            self._find(now_s)
            self._find_at = now_s + _FIND_S
        behind: set[str] = set()
        for file in sorted(self._open.values(), key=lambda each: each.away_since_s is None):
            # What was rotated away comes before what followed it.
            if file.path not in behind and self._advance(file, now_s):
                behind.add(file.path)
        self._save()
        return bool(behind)

    def close(self) -> None:
        """Let go of all files."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self.look():
                self._stop.wait(_LOOK_S)
        self.look()
        self.close()

    # -- finding -------------------------------------------------------------------------------

    def _find(self, now_s: float) -> None:
        present = self._present()
        for place in self._places.all():
            if place.identity not in present and place.identity not in self._open:
                self._find_away(place, now_s)
        changed = [
            (path, seen, identity)
            for identity, (path, seen) in present.items()
            if identity not in self._open
            and self._closed.get(identity) != seen
            and self._may_be_read(path, seen, identity)
        ]
        self._packed_seen = {
            identity: seen for identity, (path, seen) in present.items() if is_packed_name(path)
        }
        # Longest closed first: of very many files none waits for ever.
        turns = {identity: turn for turn, identity in enumerate(self._closed)}
        changed.sort(key=lambda each: (turns.get(each[2], -1), each[0]))
        for path, seen, identity in changed[: self._max_open]:
            if self._open_file(path, now_s) is None and path in self._unreadable:
                self._spoil(path, seen, identity, now_s)
        self._forget(present.keys() | self._open.keys())
        self._tell({path for path, _ in present.values()})

    def _tell(self, paths: set[str]) -> None:
        """Note how things are, for whoever asks."""
        for path in self._unreadable.keys() - paths:
            del self._unreadable[path]  # it is gone, and with it the fault
        self.state = FilesState(
            True,
            len(paths) - len(self._unreadable),
            tuple(sorted(self._unreadable.items())),
            self._unmatched,
            sum(inode > 0 for _, inode in self._left),
        )

    def _spoil(self, path: str, seen: tuple[int, int], identity: Identity, now_s: float) -> None:
        """Leave a packed file alone for a while: to find it spoilt it is unpacked as far as it goes."""
        if is_packed_name(path):
            self._spoilt[identity] = seen, now_s + _SPOILT_S

    def _may_be_read(self, path: str, seen: tuple[int, int], identity: Identity) -> bool:
        """Say no to a packed file that is still written, or was read to its end earlier."""
        if not is_packed_name(path):
            return True
        place = self._places.get(identity)
        if place is not None and place.packed == packed_mark(seen):
            self._closed[identity] = seen
            return False
        spoilt = self._spoilt.get(identity)
        if spoilt is not None and spoilt[0] == seen and self._monotonic_s() < spoilt[1]:
            return False
        return self._packed_seen.get(identity) == seen

    def _present(self) -> dict[Identity, tuple[str, tuple[int, int]]]:
        """Return the files that match, with size and time of change."""
        present: dict[Identity, tuple[str, tuple[int, int]]] = {}
        matching = [glob.glob(pattern, recursive=True) for pattern in self._patterns]
        self._unmatched = tuple(
            pattern
            for pattern, paths in zip(self._patterns, matching, strict=True)
            if not any(map(os.path.isfile, paths))
        )
        for path in sorted({path for paths in matching for path in paths}):
            try:
                status = os.stat(path)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                seen = status.st_size, status.st_mtime_ns
                present.setdefault((status.st_dev, status.st_ino), (path, seen))
        return present

    def _forget(self, needed: set[Identity]) -> None:
        self._places.forget_oldest(needed)
        for identity in self._closed.keys() - needed:
            del self._closed[identity]
        for identity in self._spoilt.keys() - needed:
            del self._spoilt[identity]
        self._left = {each for each in self._left if self._places.get(each) is not None}

    def _find_away(self, place: Place, now_s: float) -> None:
        """Look where it lay for a file that no pattern finds any more, and read the rest of it."""
        if place.identity in self._left:
            return
        self._left.add(place.identity)
        try:
            with os.scandir(place.folder) as entries:
                names = [
                    entry.path
                    for entry in entries
                    if entry.inode() == place.inode and entry.is_file(follow_symlinks=False)
                ]
        except OSError:
            return
        file = self._open_file(names[0], now_s, known=True) if names else None
        # Where it is gone its place is kept for a while: it may come back packed.
        if file is not None:
            file.away_since_s = now_s

    def _open_file(self, path: str, now_s: float, known: bool = False) -> FollowedFile | None:
        """Open a file to be followed; when it must be `known`, none that was not read before."""
        try:
            file = FollowedFile(path, self._places, self._clock.now_unix_ns(), now_s)
        except OSError as error:
            self._cannot_read(path, error)
            return None
        before = file.came_from
        if before is not None and (
            before.identity in self._open or (file.packed_seen is None and before.is_there())
        ):
            file.close()  # what it was packed or copied from is still read: it comes later
            return None
        self._unreadable.pop(path, None)
        if file.identity in self._open or (known and not file.was_known):
            file.close()
            return None
        if len(self._open) >= self._max_open:
            self._leave(min(self._open.values(), key=lambda each: each.last_read_s))
        self._open[file.identity] = file
        if before is not None and file.packed_seen is None:
            self._places.put(
                file.beginning()
            )  # it may never grow, and the other's place is forgotten
        self._closed.pop(file.identity, None)
        self._left.discard(file.identity)
        return file

    # -- reading -------------------------------------------------------------------------------

    def _advance(self, file: FollowedFile, now_s: float) -> bool:
        """Read on in one file; returns whether there is more."""
        try:
            for full in file.read(_ROUND_BYTES, now_s):
                if full:
                    # Only when nothing complete is held back can the place be told.
                    self._store(file, [*full, *file.flush()])
                if file.cut_at is not None:
                    self._places.keep_former(file.cut_at)
                    file.cut_at = None
            self._pass_on(file, now_s)
            return file.has_more
        except OSError as error:
            self._cannot_read(file.path, error)
        except _NoRoom:
            pass  # what was read since its place was remembered is read again
        self._let_go(file)
        return False

    def _cannot_read(self, path: str, error: OSError) -> None:
        if path not in self._unreadable:
            _log.warning("log file %s cannot be read: %s", path, error.strerror)
        self._unreadable[path] = error.strerror or type(error).__name__

    def _pass_on(self, file: FollowedFile, now_s: float) -> None:
        if file.open_ended:
            if now_s - file.last_read_s >= _QUIET_S or self._stop.is_set():
                self._store(file, file.finish())
            elif now_s - file.last_stored_s >= _FLUSH_S:
                file.last_stored_s = now_s
                self._store(file, file.flush())
        if file.packed_seen is not None and not file.has_more and not file.open_ended:
            self._leave(file, whole=True)
        elif file.is_at_its_path():
            file.away_since_s = None
        elif file.away_since_s is None:
            file.away_since_s = now_s
            self._find_at = now_s  # its successor is there, or soon will be
        elif not file.has_more and now_s - max(file.away_since_s, file.last_read_s) >= _AWAY_S:
            self._left.add(file.identity)
            self._leave(file, whole=True)

    def _leave(self, file: FollowedFile, whole: bool = False) -> None:
        """Close a file for now; `whole` when nothing will be added to it."""
        try:
            self._store(file, file.finish(whole))
            if not file.has_more:
                self._closed[file.identity] = file.seen
        except (OSError, _NoRoom) as error:
            _log.warning("log file %s is read again from its last place: %s", file.path, error)
        self._let_go(file)

    def _let_go(self, file: FollowedFile) -> None:
        if self._open.pop(file.identity, None) is not None:
            file.close()

    def _store(self, file: FollowedFile, requests: Iterable[ExportLogsServiceRequest]) -> None:
        """
        Make requests durable, and remember the place behind them.

        They are all that is complete of what was read of the file. Raises _NoRoom.
        """
        # Messages of protobuf one behind another are one message.
        body = b"".join(request.SerializeToString() for request in requests)
        place = file.place()
        if body:
            now_unix_ns = self._clock.now_unix_ns()
            days = self._retention_days
            window = ANY_TIME if days is None else live_window(now_unix_ns, days)
            admitted = admit(body, "logs", SERVER_LIMITS, window)
            if admitted.records or admitted.rejected:
                receipt = admitted.noted_on(
                    Receipt(self._receipt_ns(now_unix_ns), "files", "loopback")
                )
                self._promise(file, place, receipt, admitted.body)
                self._append(file, receipt, admitted)
        self._places.put(place)

    def _append(self, file: FollowedFile, receipt: Receipt, admitted: Admitted) -> None:
        while True:
            try:
                self._journal.append("logs", admitted.body, receipt, admitted.records).result()
                self.records += admitted.records
                return
            except Overloaded as error:
                if self._stop.is_set():
                    raise _NoRoom from error
                _log.warning("log file %s waits: %s", file.path, error)
                self._stop.wait(_RETRY_S)

    def _promise(self, file: FollowedFile, place: Place, receipt: Receipt, body: bytes) -> None:
        if self._promises is None:
            return
        before = self._places.get(file.identity) or file.beginning()
        device, inode = file.identity
        promise = FilePromise(
            f"{device}:{inode}",
            receipt.received_unix_ns,
            zlib.crc32(body),
            json.dumps(asdict(before)),
            json.dumps(asdict(place)),
        )
        try:
            self._promises.promise_lines(promise)
            self._promised = True
        except Unavailable as error:
            _log.warning("log file %s: %s; its last lines may come twice", file.path, error)

    def _take_settled(self) -> None:
        """Go on where the journal says that lines came to."""
        if self._promises is None:
            return
        for text in self._promises.settled_lines():
            self._places.put(where_it_is_now(Place(**json.loads(text))))
            self._promised = True
        self._save()

    def _save(self) -> None:
        """Remember the places, after which no promise is needed: the journal forgets in time."""
        if self._places.save() and self._promised and self._promises is not None:
            try:
                self._promises.forget_lines()
                self._promised = False
            except Unavailable as error:
                _log.warning("log files: %s", error)

    def _receipt_ns(self, now_unix_ns: int) -> int:
        """Return an instant of receipt that no other request of ours has."""
        self._last_receipt_unix_ns = max(now_unix_ns, self._last_receipt_unix_ns + 1)
        return self._last_receipt_unix_ns
