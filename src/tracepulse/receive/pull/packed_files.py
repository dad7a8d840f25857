"""
Log files that were packed after their rotation, read from an unpacked copy.

The copy has no name, and is gone when it is closed. A packed file may hold what was read before it
was packed, under another name: then it is read on from there, by the checksums of `places.py`.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tracepulse.receive.compressed_files import UNPACKING_ERRORS, open_unpacked
from tracepulse.receive.pull.places import Place

__all__ = ["is_packed_name", "read_before", "unpacked_copy"]

_ENDINGS = (".gz", ".zst", ".xz", ".bz2")
_MOST_BYTES = 4 * 1024**3
"""Of a copy, on disk; a larger file is not read, and that is said."""
_PIECE_BYTES = 1024 * 1024


def is_packed_name(path: str) -> bool:
    """Return whether a file is packed, as its name says."""
    return path.endswith(_ENDINGS)


def unpacked_copy(path: str) -> int:
    """
    Return a descriptor of the contents of a packed file; whoever gets it closes it.

    Raises:
        OSError: it cannot be read to its end (yet), is damaged, or is too large.
    """
    with tempfile.TemporaryFile(prefix="tracepulse-") as copy:
        try:
            counted, stream = open_unpacked(Path(path))
            with counted:
                while piece := stream.read(_PIECE_BYTES):
                    copy.write(piece)
                    if copy.tell() > _MOST_BYTES:
                        raise OSError(0, f"more than {_MOST_BYTES:,} bytes once unpacked")
        except UNPACKING_ERRORS as error:
            if isinstance(error, OSError) and error.strerror:
                raise
            raise OSError(0, f"it cannot be unpacked: {error}") from error
        copy.flush()
        return os.dup(copy.fileno())


def read_before(descriptor: int, places: Iterable[Place]) -> Place | None:
    """Return the place in a file that had the same lines, the furthest if there are several."""
    fitting = [each for each in places if each.offset > 0 and each.fingerprint != -1]
    fitting = [each for each in fitting if each.fits(descriptor)]
    return max(fitting, key=lambda each: (each.offset, each.identity), default=None)
