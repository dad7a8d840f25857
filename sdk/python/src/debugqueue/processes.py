"""
What has to be done when a process forks, and when a child ends that never runs `atexit`.

The child's hook runs for every fork that Python makes or is told of, as uWSGI does; after any other the
interpreter itself does not work.
"""

import os
import sys
import weakref
from typing import Any, Callable

__all__ = ["call_in_forked_child", "call_when_child_ends"]

_in_child: "weakref.WeakSet[Any]" = weakref.WeakSet()
_hooked = False


def call_in_forked_child(method: Callable[[], None]) -> None:
    """Call a method of an object in every child that is forked from now on, while the object lives."""
    global _hooked
    _in_child.add(method.__self__)  # type: ignore[attr-defined]
    if not _hooked and hasattr(os, "register_at_fork"):
        _hooked = True
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
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
