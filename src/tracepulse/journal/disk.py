"""Writing so that it lasts, and how much room there is."""

import os
import shutil
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path

__all__ = ["no_room", "sync_folder", "write_all", "write_durably", "write_pieces"]

_RESERVE_BYTES = 5 * 1024**3
"""A twentieth of the disk is kept free, but not more than this."""

_MAX_PIECES = 512
"""The system takes 1,024 in one call."""


def write_all(file: FileIO, data: bytes) -> None:
    """Write the whole of it; a disk that is nearly full takes a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def write_pieces(file: FileIO, pieces: Sequence[bytes]) -> int:
    """Write pieces one after another without joining them; return how many bytes they have."""
    total = 0
    for first in range(0, len(pieces), _MAX_PIECES):
        some = pieces[first : first + _MAX_PIECES]
        size = sum(map(len, some))
        written = os.writev(file.fileno(), some)
        if written < size:  # a disk that is nearly full takes a part
            write_all(file, b"".join(some)[written:])
        total += size
    return total


def write_durably(path: Path, data: bytes, sync: Callable[[int], None] = os.fdatasync) -> None:
    """Write a file so that its content survives a power cut; `sync_folder` does that for its name."""
    with open(path, "wb", buffering=0) as file:
        write_all(file, data)
        sync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def no_room(folder: Path, min_free_bytes: int) -> str:
    """Return why nothing can be written, as far as that can be seen; '' when all is well."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return f"the journal cannot be written: {error}"
    floor = max(min(min_free_bytes, usage.total // 4), min(usage.total // 20, _RESERVE_BYTES))
    if usage.free >= floor:
        return ""
    return (
        f"only {usage.free:,} bytes are free on the disk of {folder}; {floor:,} are kept in reserve"
    )
