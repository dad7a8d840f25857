"""
How far each followed file was read, kept in one small file across restarts.

A file is known by its device and inode, so that it keeps its place when it is renamed. An inode is
given to another file once its own is gone, and a file may be cut off and written anew: a checksum
of the bytes at the beginning and just before the place tells these apart.
"""

import json
import logging
import os
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

__all__ = [
    "FINGERPRINT_BYTES",
    "Identity",
    "Place",
    "Places",
    "copied_from",
    "fingerprint",
    "fingerprint_of",
    "packed_mark",
    "where_it_is_now",
]

_log = logging.getLogger("tracepulse")

Identity = tuple[int, int]
"""Device and inode."""

FINGERPRINT_BYTES = 512
_COPY_BYTES = 128
"""A file that has less in common with another was not copied from it: short beginnings are alike."""
_KEPT = 1_000
"""Places of files that nobody follows any more; past it the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go on in one file."""

    path: str
    """By which it was found; it may be called otherwise by now."""
    folder: str
    """Where it lies itself, when the path is a symbolic link."""
    device: int
    inode: int
    """Negative when it is that of another file by now."""
    offset: int
    """Everything before it is durable."""
    fingerprint: int
    """Checksum of bytes before the offset; -1 when it was not kept."""
    packed: str = ""
    """Of a packed file that was read to its end: its size and time of change."""

    @property
    def identity(self) -> Identity:
        """Device and inode."""
        return self.device, self.inode

    def is_there(self) -> bool:
        """Return whether its path leads to the file still, which was not cut off since."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            status = os.fstat(descriptor)
            return (status.st_dev, status.st_ino) == self.identity and self.fits(descriptor)
        finally:
            os.close(descriptor)

    def fits(self, descriptor: int) -> bool:
        """Return whether an open file is the one that was read so far, and not cut since."""
        if os.fstat(descriptor).st_size < self.offset:
            return False
        return self.fingerprint in (-1, fingerprint(descriptor, self.offset))


def fingerprint(descriptor: int, offset: int) -> int:
    """Return a checksum of the first bytes of a file and of those before `offset`."""
    size = min(FINGERPRINT_BYTES, offset)
    return fingerprint_of(os.pread(descriptor, size, 0), os.pread(descriptor, size, offset - size))


def fingerprint_of(first: bytes, last: bytes) -> int:
    """Return the same of bytes at hand: equally many, at most FINGERPRINT_BYTES."""
    return zlib.crc32(last, zlib.crc32(first))


def packed_mark(seen: tuple[int, int]) -> str:
    """Return what a packed file is known by once it was read: its size and time of change."""
    return f"{seen[0]}:{seen[1]}"


def copied_from(descriptor: int, path: str, places: Iterable[Place]) -> Place | None:
    """
    Return the place in the file that another one is a copy of, as a rotation makes it (`copytruncate`).

    The copy lies beside it, is called as it is with something added, and has the same lines.
    """
    folder, name = os.path.dirname(os.path.realpath(path)), os.path.basename(path)
    fitting = [
        each
        for each in places
        if each.folder == folder
        and each.offset >= _COPY_BYTES
        and each.fingerprint != -1
        and len(name) > len(os.path.basename(each.path))
        and name.startswith(os.path.basename(each.path))
        and each.fits(descriptor)
    ]
    return max(fitting, key=lambda each: (each.offset, each.identity), default=None)


class Places:
    """The places of all files, in the order in which they were last read."""

    def __init__(self, file: Path) -> None:
        """Read what was remembered; a file that cannot be read means to begin anew, and is said."""
        self._file = file
        self._places = {place.identity: place for place in self._read()}
        self._unsaved = False

    def get(self, identity: Identity) -> Place | None:
        """Return the place in a file, if it was read before."""
        return self._places.get(identity)

    def all(self) -> tuple[Place, ...]:
        """Return every place, the one read longest ago first."""
        return tuple(self._places.values())

    def put(self, place: Place) -> None:
        """Remember a place, once `save` is called."""
        if self._places.pop(place.identity, None) != place:
            self._unsaved = True
        self._places[place.identity] = place

    def keep_former(self, place: Place) -> None:
        """Keep the place of a file that is another by now: it may come back packed, or as a copy."""
        if place.inode > 0:
            self.put(replace(place, inode=-place.inode))

    def forget(self, identity: Identity) -> None:
        """Drop the place in a file that is no more."""
        self._unsaved = self._places.pop(identity, None) is not None or self._unsaved

    def forget_oldest(self, needed: set[Identity]) -> None:
        """Keep the number of places bounded; those that are `needed` stay."""
        idle = [each for each in self._places if each not in needed]
        for identity in idle[: max(0, len(idle) - _KEPT)]:
            self.forget(identity)

    def save(self) -> bool:
        """
        Write what has changed; where that fails, lines may be read again after a crash.

        Returns:
            Whether everything is written.
        """
        if not self._unsaved:
            return True
        temporary = self._file.with_suffix(".new")
        text = json.dumps([asdict(place) for place in self._places.values()])
        try:
            with open(temporary, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._file)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._file, error.strerror)
            return False
        self._unsaved = False
        return True

    def _read(self) -> list[Place]:
        try:
            kept = json.loads(self._file.read_text())
            if isinstance(kept, dict):
                return [_of_first_form(path, place) for path, place in kept.items()]
            return [where_it_is_now(Place(**each)) for each in kept]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            _log.warning("%s cannot be read (%s): files are read anew", self._file, error)
            return []


def _of_first_form(path: str, place: dict[str, Any]) -> Place:
    """Read a place as version 0.1 kept it: path to inode and offset."""
    folder = os.path.dirname(os.path.realpath(path))
    return where_it_is_now(Place(path, folder, 0, int(place["inode"]), int(place["offset"]), -1))


def where_it_is_now(place: Place) -> Place:
    """Take the folder's present device: its number may change when the machine starts."""
    try:
        device = os.stat(place.folder).st_dev
    except OSError:
        return place
    return replace(place, device=device)
