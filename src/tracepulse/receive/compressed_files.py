"""Files as streams of their contents, whatever compressed them; bounded memory, counted bytes."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

__all__ = ["UNPACKING_ERRORS", "CountedFile", "open_unpacked"]

UNPACKING_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
"""What reading a damaged compressed file may raise."""


class CountedFile(io.RawIOBase):
    """A file that knows how many of its bytes have been read."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self.bytes_read = 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer and count."""
        count: int = self._file.readinto(buffer) or 0  # type: ignore[arg-type]
        self.bytes_read += count
        return count

    def close(self) -> None:
        """Close the file beneath."""
        self._file.close()
        super().close()


def _open_gzip(file: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=file))


def _open_xz(file: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, lzma.LZMAFile(file))


def _open_bzip2(file: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, bz2.BZ2File(file))


def _open_zstd(file: BinaryIO) -> BinaryIO:
    reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return cast(BinaryIO, reader)


_OPENERS: tuple[tuple[bytes, Callable[[BinaryIO], BinaryIO]], ...] = (
    (b"\x1f\x8b", _open_gzip),
    (b"\x28\xb5\x2f\xfd", _open_zstd),
    (b"\xfd7zXZ\x00", _open_xz),
    (b"BZh", _open_bzip2),
)
"""By a file's first bytes: names lie."""


def open_unpacked(path: Path) -> tuple[CountedFile, BinaryIO]:
    """
    Open a file for reading its contents, unpacked if it is gzip, zstd, xz or bzip2.

    Returns:
        The file itself, whose `bytes_read` is progress on disk, and the stream of its contents.
        Closing the first closes both.
    """
    counted = CountedFile(path)
    plain = io.BufferedReader(counted, 256 * 1024)
    start = plain.peek(8)[:8]
    for magic, opener in _OPENERS:
        if start.startswith(magic):
            unpacked = cast(io.RawIOBase, opener(cast(BinaryIO, plain)))
            return counted, cast(BinaryIO, io.BufferedReader(unpacked, 256 * 1024))
    return counted, cast(BinaryIO, plain)
