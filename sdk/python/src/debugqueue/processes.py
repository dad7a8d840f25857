"""
What has to be done when a process forks, and when a child ends that never runs `atexit`.

The child's hook runs for every fork that Python makes or is told of. uWSGI forks in C and does not tell
it unless asked, so there is a byte too that the system itself clears in every child: looking at it takes
30 ns, asking for the process's number ten times as long.
"""

import mmap
import os
import sys
import weakref
from typing import Any, Callable

__all__ = ["call_in_forked_child", "call_when_child_ends", "note_fork", "unforked"]

_WIPE_ON_FORK = 18
"""MADV_WIPEONFORK of Linux 4.14, which Python does not name; other systems have the hook alone."""

_in_child: "weakref.WeakSet[Any]" = weakref.WeakSet()
_hooked = False


def _marked() -> Any:
    """Return bytes of which the first is 1, and 0 in a forked child; where that cannot be, just 1."""
    if not sys.platform.startswith("linux"):
        return b"\x01"
    try:
        mark = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        mark.madvise(_WIPE_ON_FORK)
        mark[0] = 1
    except (OSError, ValueError, AttributeError):
        return b"\x01"
    return mark


unforked = _marked()
"""Its first byte is 0 in a child that Python was not told of, until `note_fork`."""


def call_in_forked_child(method: Callable[[], None]) -> None:
    """Call a method of an object in every child that is forked from now on, while the object lives."""
    global _hooked
    _in_child.add(method.__self__)  # type: ignore[attr-defined]
    if not _hooked and hasattr(os, "register_at_fork"):
        _hooked = True
        os.register_at_fork(after_in_child=_after_fork)


def note_fork() -> None:
    """In a child that Python was not told of: do what the hook would have done."""
    if not unforked[0]:
        _after_fork()


def _after_fork() -> None:
    if not unforked[0]:
        unforked[0] = 1
    for each in list(_in_child):
        try:
            each._forget_parent()
        except Exception:  # noqa: S112  a child must be born whatever happens here
            continue


def call_when_child_ends(work: Callable[[], None]) -> None:
    """Have work done at the end of a child of multiprocessing or billiard: they leave by `os._exit`."""
    for name in ("multiprocessing", "billiard"):
        process = sys.modules.get(f"{name}.process")
        util = sys.modules.get(f"{name}.util")
        if process is None or util is None:
            continue
        if getattr(process.current_process(), "_parent_pid", None) is not None:
            util.Finalize(None, work, exitpriority=10)
