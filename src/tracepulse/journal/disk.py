"""Writing so that it lasts, and how much room there is."""

import os
import shutil
from collections.abc import Callable
from io import FileIO
from pathlib import Path

__all__ = ["no_room", "sync_folder", "write_all", "write_durably"]

_RESERVE_BYTES = 5 * 1024**3
"""A twentieth of the disk is kept free, but not more than this."""


def write_all(file: FileIO, data: bytes) -> None:
    """Write the whole of it; a disk that is nearly full takes a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


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
