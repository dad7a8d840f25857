"""Memory is given back rarely: what is freed is kept for the next segment, cycles are looked for seldom."""

import ctypes
import gc
import sys

__all__ = ["collect_seldom", "keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_BYTES = 256 * 1024 * 1024
_NEW_OBJECTS = 20_000


def keep_freed_memory() -> None:
    """
    Tell the C library to keep up to 256 MiB that is free.

    Loading takes and frees large arrays for every segment; fetching their pages from the system each
    time is a quarter of what it costs. Does nothing where the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # Older versions take no more than 32 MiB here.
        if not mallopt(_M_MMAP_THRESHOLD, _BYTES):
            mallopt(_M_MMAP_THRESHOLD, _BYTES // 8)
        mallopt(_M_TRIM_THRESHOLD, _BYTES)


def collect_seldom() -> None:
    """
    Look for cycles every 20,000 new objects, and no more among those that are there already.

    A request of a thousand lines makes some ten thousand objects without a cycle; looking for one every
    700, as Python does, was a tenth of what reading them costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
