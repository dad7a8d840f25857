"""
Which sources the machine code is from.

Numba keeps the code of each function by the time and the size of the file it stands in. Two versions
may have these in common; and a function whose code holds that of another file's, or a table from
elsewhere, is not made anew when those change.
"""

from pathlib import Path
from zlib import crc32

from tracepulse.receive.loops.compiled import compiled
from tracepulse.receive.loops.levels import LEVEL_TABLES

__all__ = ["SOURCES", "STAMP", "compiled_stamp"]

SOURCES = tuple(sorted(Path(__file__).parent.glob("*.py")))
"""The files whose code is kept."""


def _stamp() -> int:
    stamp = crc32(LEVEL_TABLES.tobytes())
    for source in SOURCES:
        stamp = crc32(source.read_bytes(), stamp)
    return stamp


STAMP = _stamp()
"""Of all sources, and of the tables from elsewhere that are part of the machine code."""


@compiled
def compiled_stamp():  # type: ignore[no-untyped-def]
    """Return the STAMP of the sources that the kept machine code is from."""
    return STAMP
